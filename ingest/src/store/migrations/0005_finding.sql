-- What readings show that came too late to warn anybody: no alarm, but on record.
CREATE TABLE finding (
    journal_id  text NOT NULL,
    seq         int8 NOT NULL,
    idx         int8 NOT NULL,
    rule        text NOT NULL,
    severity    text NOT NULL,
    enterprise  text,
    equipment   text,
    point       text,
    -- Event times of the first and the last reading in breach.
    first_event timestamptz NOT NULL,
    last_event  timestamptz NOT NULL,
    worst       float8,
    readings    int8 NOT NULL,
    rule_set    text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (journal_id, seq, idx)
);
CREATE INDEX finding_at ON finding (at, seq, idx);
CREATE INDEX finding_enterprise ON finding (enterprise, at, seq, idx);

GRANT SELECT ON finding TO davy_read, davy_writer;
GRANT INSERT ON finding TO davy_writer;
