-- What lay in quarantine and has been read after all. Quarantine itself is evidence: its rows never change.
CREATE TABLE quarantine_replay (
    -- The row of quarantine.
    journal_id text NOT NULL,
    seq        int8 NOT NULL,
    idx        int8 NOT NULL,
    readings   int8 NOT NULL,
    -- The effect that says so.
    by_journal text NOT NULL,
    by_seq     int8 NOT NULL,
    by_idx     int8 NOT NULL,
    PRIMARY KEY (journal_id, seq, idx)
);

GRANT SELECT ON quarantine_replay TO davy_read, davy_writer;
GRANT INSERT ON quarantine_replay TO davy_writer;
