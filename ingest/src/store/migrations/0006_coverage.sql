-- Coverage: what was known when of every enterprise's days. Nothing is ever overwritten: each statement of a day is a
-- row of its own, so that the figures of any day can be asked for as they were known at any time.
CREATE TABLE coverage_day (
    journal_id   text NOT NULL,
    seq          int8 NOT NULL,
    idx          int8 NOT NULL,
    enterprise   text NOT NULL,
    sector       text NOT NULL,
    town         text NOT NULL,
    day          date NOT NULL,
    known_at     timestamptz NOT NULL,
    cause        text NOT NULL,
    registry     text NOT NULL,
    in_scope     boolean NOT NULL,
    connected    boolean NOT NULL,
    simulated    boolean NOT NULL,
    reported     int4 NOT NULL,
    lost         int4 NOT NULL,
    excused      int4 NOT NULL,
    system       int4 NOT NULL,
    outside      int4 NOT NULL,
    good         int8 NOT NULL,
    received     int8 NOT NULL,
    timely       int8 NOT NULL,
    expected     int8 NOT NULL,
    counted      int8 NOT NULL,
    reported_map bytea NOT NULL,
    excused_map  bytea NOT NULL,
    system_map   bytea NOT NULL,
    points       jsonb NOT NULL,
    PRIMARY KEY (journal_id, seq, idx)
);
CREATE INDEX coverage_day_unit ON coverage_day (day, enterprise, sector, seq);
COMMENT ON TABLE coverage_day IS 'What was known of one enterprise''s day in one sector, every version of it (bitemporal)';
COMMENT ON COLUMN coverage_day.seq IS 'The journal record that made it known; the newest version up to a seq is what was known then';
COMMENT ON COLUMN coverage_day.day IS 'Local day (Asia/Shanghai)';
COMMENT ON COLUMN coverage_day.cause IS 'Why it was stated: closed, late_readings, filing, adopted';
COMMENT ON COLUMN coverage_day.registry IS 'Content hash of the registry in force when the day ended';
COMMENT ON COLUMN coverage_day.in_scope IS 'In scope at the end of the day';
COMMENT ON COLUMN coverage_day.connected IS 'An acceptance stood at the end of the day';
COMMENT ON COLUMN coverage_day.lost IS 'Minutes in which a required point was missing without excuse; reported, lost, excused, system and outside make 1440';
COMMENT ON COLUMN coverage_day.system IS 'Minutes in which Davy or its broker was away: they count for nobody';
COMMENT ON COLUMN coverage_day.counted IS 'Good readings, of each point at most as many as expected';
COMMENT ON COLUMN coverage_day.reported_map IS '1440 bits, minute 0 in the lowest bit of the first byte';
COMMENT ON COLUMN coverage_day.points IS 'The required points: minutes required, reported, lost; readings good, received, timely, expected';

-- Signatures under connections, and their ends.
CREATE TABLE acceptance (
    journal_id text NOT NULL,
    seq        int8 NOT NULL,
    idx        int8 NOT NULL,
    enterprise text NOT NULL,
    sector     text NOT NULL,
    at         timestamptz NOT NULL,
    by         text NOT NULL,
    comment    text NOT NULL,
    accepted   boolean NOT NULL,
    permille   int4 NOT NULL,
    PRIMARY KEY (journal_id, seq, idx)
);
CREATE INDEX acceptance_unit ON acceptance (enterprise, sector, at);
COMMENT ON TABLE acceptance IS 'Acceptances (验收) of connections and their revocations; the newest of a unit stands';
COMMENT ON COLUMN acceptance.permille IS 'Share of the minutes before that were reported, in thousandths';

-- Filed work and stops as they stand, and everything that happened to them.
CREATE TABLE filing (
    id           int8 PRIMARY KEY,
    journal_id   text NOT NULL,
    seq          int8 NOT NULL,
    idx          int8 NOT NULL,
    kind         text NOT NULL,
    enterprise   text,
    equipment    text,
    point        text,
    from_at      timestamptz NOT NULL,
    to_at        timestamptz NOT NULL,
    reason       text NOT NULL,
    idle_check   text,
    filed_by     text NOT NULL,
    filed_at     timestamptz NOT NULL,
    withdrawn_at timestamptz
);
CREATE INDEX filing_enterprise ON filing (enterprise, from_at);
COMMENT ON TABLE filing IS 'Filings (报备) of maintenance, calibration and stops';
COMMENT ON COLUMN filing.idle_check IS 'Of a stop: who found the plant idle, and how';

CREATE TABLE filing_event (
    journal_id text NOT NULL,
    seq        int8 NOT NULL,
    idx        int8 NOT NULL,
    filing     int8 NOT NULL,
    at         timestamptz NOT NULL,
    by         text NOT NULL,
    comment    text NOT NULL,
    withdrawn  boolean NOT NULL,
    PRIMARY KEY (journal_id, seq, idx)
);
CREATE INDEX filing_event_filing ON filing_event (filing, at);
COMMENT ON TABLE filing_event IS 'A filing was made, or withdrawn';

-- Figures that were sealed: said once for a day, and never changed.
CREATE TABLE coverage_sealed (
    day        date PRIMARY KEY,
    journal_id text NOT NULL,
    seq        int8 NOT NULL,
    idx        int8 NOT NULL,
    at         timestamptz NOT NULL,
    figures    bytea NOT NULL
);
COMMENT ON TABLE coverage_sealed IS 'The figures of a day as they were when all of it was first known; the first word stands';
COMMENT ON COLUMN coverage_sealed.figures IS 'Canonical JSON (UTF-8), byte for byte as it was sealed';

GRANT SELECT ON coverage_day, acceptance, filing, filing_event, coverage_sealed TO davy_read, davy_writer;
GRANT INSERT ON coverage_day, acceptance, filing, filing_event, coverage_sealed TO davy_writer;
GRANT UPDATE ON filing TO davy_writer;
