-- Points, alarms, quarantine, versions and the projection's own books. Everything but the readings.

-- A point's own number in this database: journals come and go, each with its own numbering (point_number).
CREATE TABLE point (
    id         int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise text NOT NULL,
    point      text NOT NULL,
    UNIQUE (enterprise, point)
);

-- point_id is null for a key that could not be stored: its readings are set aside instead of waiting for ever.
CREATE TABLE point_number (
    journal_id text NOT NULL,
    number     int8 NOT NULL,
    point_id   int4 REFERENCES point,
    seq        int8 NOT NULL,
    PRIMARY KEY (journal_id, number)
);

-- One row for each alarm as it stands now; (journal_id, seq, idx) is the effect that wrote it last.
CREATE TABLE alarm (
    id         int8 PRIMARY KEY,
    rule       text NOT NULL,
    severity   text NOT NULL,
    state      text NOT NULL,
    enterprise text,
    equipment  text,
    point      text,
    value      float8,
    worst      float8,
    limit_value float8,
    since      timestamptz NOT NULL,
    raised_at  timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    acked_at   timestamptz,
    acked_by   text,
    cleared_at timestamptz,
    closed_at  timestamptz,
    count      int8 NOT NULL,
    rule_set   text NOT NULL,
    name_zh    text NOT NULL,
    name_en    text NOT NULL,
    text_zh    text NOT NULL,
    text_en    text NOT NULL,
    journal_id text NOT NULL,
    seq        int8 NOT NULL,
    idx        int8 NOT NULL
);
CREATE INDEX alarm_open ON alarm (raised_at) WHERE closed_at IS NULL;
CREATE INDEX alarm_closed ON alarm (closed_at, id) WHERE closed_at IS NOT NULL;

-- Immutable: the writer may add rows and change none.
CREATE TABLE alarm_event (
    journal_id text NOT NULL,
    seq        int8 NOT NULL,
    idx        int8 NOT NULL,
    alarm      int8 NOT NULL,
    at         timestamptz NOT NULL,
    from_state text NOT NULL,
    to_state   text NOT NULL,
    cause      text NOT NULL,
    by         text,
    comment    text,
    severity   text NOT NULL,
    value      float8,
    worst      float8,
    count      int8 NOT NULL,
    PRIMARY KEY (journal_id, seq, idx)
);
CREATE INDEX alarm_event_alarm ON alarm_event (alarm);

CREATE TABLE quarantine (
    journal_id    text NOT NULL,
    seq           int8 NOT NULL,
    idx           int8 NOT NULL,
    received      timestamptz NOT NULL,
    topic         text NOT NULL,
    payload       bytea NOT NULL,
    -- Which reading of the message; null = the whole message.
    reading_index int8,
    reason        text NOT NULL,
    detail        text NOT NULL,
    PRIMARY KEY (journal_id, seq, idx)
);
CREATE INDEX quarantine_received ON quarantine (received, seq, idx);

-- The canonical bytes, so that the version (their hash) can be checked.
CREATE TABLE registry (
    version text PRIMARY KEY,
    at      timestamptz NOT NULL,
    content bytea NOT NULL
);

CREATE TABLE rule_set (
    version text PRIMARY KEY,
    at      timestamptz NOT NULL,
    rules   text[] NOT NULL
);

-- Where each lane stands. Moved by compare-and-set in the transaction that writes the rows.
CREATE TABLE projection (
    lane        text PRIMARY KEY,
    -- Empty until the first claim.
    journal_id  text NOT NULL,
    applied_seq int8 NOT NULL,
    -- Checksum of the journal's record applied_seq; null when it is not known.
    record_crc  int8,
    -- Fencing token: whoever claims raises it, and an older owner can no longer move the lane.
    owner_epoch int8 NOT NULL,
    -- Records up to this one were classified without knowledge of this database: all their readings are compared.
    late_until  int8 NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO projection (lane, journal_id, applied_seq, owner_epoch, late_until)
VALUES ('readings', '', 0, 0, 0), ('business', '', 0, 0, 0);

-- What each run of transactions wrote, for `davy store verify`.
CREATE TABLE projection_batch (
    lane           text NOT NULL,
    journal_id     text NOT NULL,
    first_seq      int8 NOT NULL,
    last_seq       int8 NOT NULL,
    transactions   int8 NOT NULL,
    fast           int8 NOT NULL,
    late_inserted  int8 NOT NULL,
    late_duplicate int8 NOT NULL,
    duplicate      int8 NOT NULL,
    effects        int8 NOT NULL,
    rejected       int8 NOT NULL,
    at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (lane, journal_id, first_seq)
);

-- Effects that PostgreSQL refuses for ever, as the bytes of the spool's encoding.
CREATE TABLE projection_rejected (
    id         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane       text NOT NULL,
    journal_id text NOT NULL,
    seq        int8 NOT NULL,
    idx        int8 NOT NULL,
    sqlstate   text NOT NULL,
    message    text NOT NULL,
    payload    bytea NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
);

-- Effects that were given up at a recovery. to_seq is null where the end died with the lost journal.
CREATE TABLE projection_gap (
    id         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane       text NOT NULL,
    journal_id text NOT NULL,
    from_seq   int8 NOT NULL,
    to_seq     int8,
    reason     text NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT ON ALL TABLES IN SCHEMA public TO davy_read, davy_writer;
GRANT INSERT ON point, point_number, alarm, alarm_event, quarantine, registry, rule_set TO davy_writer;
GRANT INSERT ON projection_batch, projection_rejected, projection_gap TO davy_writer;
GRANT UPDATE ON point_number, alarm, projection, projection_batch TO davy_writer;
