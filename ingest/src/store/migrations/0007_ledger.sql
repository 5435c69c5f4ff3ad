-- The hazard ledger (隐患台账): each hazard as it stands, every event of its life, and figures people file for the task list.
CREATE TABLE hazard (
    -- Year times a million and the number within the year.
    id          int8 PRIMARY KEY,
    journal_id  text NOT NULL,
    seq         int8 NOT NULL,
    idx         int8 NOT NULL,
    no          text NOT NULL,
    enterprise  text NOT NULL,
    equipment   text,
    ground      text NOT NULL,
    title_zh    text NOT NULL,
    title_en    text NOT NULL,
    state       text NOT NULL,
    opened_at   timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    repeats     int8 NOT NULL,
    judged_at   timestamptz,
    judged_by   text,
    -- The whole hazard with its evidence (values, limits, versions, points, window; times in microseconds).
    whole       jsonb NOT NULL
);
CREATE INDEX hazard_enterprise ON hazard (enterprise, id);

CREATE TABLE hazard_event (
    journal_id  text NOT NULL,
    seq         int8 NOT NULL,
    idx         int8 NOT NULL,
    hazard      int8 NOT NULL,
    at          timestamptz NOT NULL,
    from_state  text,
    to_state    text NOT NULL,
    cause       text NOT NULL,
    by          text,
    comment     text,
    -- The hazard as it stood after the event.
    whole       jsonb NOT NULL,
    PRIMARY KEY (journal_id, seq, idx)
);
CREATE INDEX hazard_event_hazard ON hazard_event (hazard, at, seq, idx);

CREATE TABLE task_figure (
    journal_id  text NOT NULL,
    seq         int8 NOT NULL,
    idx         int8 NOT NULL,
    -- The row of the plan's task list, 1 to 82.
    task_row    int8 NOT NULL,
    figure      text NOT NULL,
    as_of       timestamptz NOT NULL,
    comment     text NOT NULL,
    by          text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (journal_id, seq, idx)
);
CREATE INDEX task_figure_row ON task_figure (task_row, at, seq, idx);

GRANT SELECT ON hazard, hazard_event, task_figure TO davy_read, davy_writer;
GRANT INSERT ON hazard, hazard_event, task_figure TO davy_writer;
GRANT UPDATE ON hazard TO davy_writer;
