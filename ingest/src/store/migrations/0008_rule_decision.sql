-- What two people decided about rules: limits of single points, and rule sets that came into force or went back.
CREATE TABLE rule_decision (
    journal_id   text NOT NULL,
    seq          int8 NOT NULL,
    idx          int8 NOT NULL,
    at           timestamptz NOT NULL,
    by           text NOT NULL,
    approved_by  text NOT NULL,
    reason       text NOT NULL,
    -- limit, activated, rolled_back
    what         text NOT NULL,
    -- Of a limit; a value that is NULL stands for what the registry or the rule says.
    enterprise   text,
    point        text,
    limit_name   text,
    from_value   float8,
    to_value     float8,
    -- Of a rule set: content hashes.
    version      text,
    from_version text,
    PRIMARY KEY (journal_id, seq, idx)
);
CREATE INDEX rule_decision_at ON rule_decision (at, seq, idx);
CREATE INDEX rule_decision_point ON rule_decision (enterprise, point, at) WHERE point IS NOT NULL;

GRANT SELECT ON rule_decision TO davy_read, davy_writer;
GRANT INSERT ON rule_decision TO davy_writer;
