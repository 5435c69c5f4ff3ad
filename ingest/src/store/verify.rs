//! `davy store verify`: counts again what the projection says it wrote, and looks for what must not be.
//! Must not repair anything. I/O.

use super::capability::{Capability, detect};
use super::error::StoreError;
use super::lane::Position;
use super::recover::{Gap, survey};
use super::words::from_sql;
use serde::Serialize;
use tokio_postgres::Client;

/// How many offending things a finding names.
const EXAMPLES: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub capability: Capability,
    pub lanes: Vec<Position>,
    /// Rows of `reading`, and what the transactions say they wrote.
    pub readings: u64,
    pub readings_booked: u64,
    pub alarms: u64,
    pub open_alarms: u64,
    pub alarm_events: u64,
    pub quarantined: u64,
    /// Effects set aside; a person should look, but nothing is wrong with the rest.
    pub rejected: u64,
    /// Effects given up at a recovery: known, recorded, not an error.
    pub gaps: Vec<Gap>,
    /// Empty: the archive is sound.
    pub problems: Vec<String>,
}

impl Report {
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Reads everything under one snapshot, so that a running projection does not look like an error. Any role will do.
pub async fn verify(client: &mut Client) -> Result<Report, StoreError> {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let report = inspect(client).await;
    client.batch_execute("ROLLBACK").await?;
    report
}

async fn inspect(client: &Client) -> Result<Report, StoreError> {
    let survey = survey(client).await?;
    let mut report = Report {
        capability: detect(client).await?,
        lanes: survey.lanes,
        readings: count(client, "SELECT count(*) FROM public.reading").await?,
        readings_booked: count(client, BOOKED).await?,
        alarms: count(client, "SELECT count(*) FROM alarm").await?,
        open_alarms: survey.open_alarms,
        alarm_events: count(client, "SELECT count(*) FROM alarm_event").await?,
        quarantined: count(client, "SELECT count(*) FROM quarantine").await?,
        rejected: survey.rejected,
        gaps: survey.gaps,
        problems: Vec::new(),
    };
    if report.readings != report.readings_booked {
        let problem = format!("{} readings are stored, but {} were booked", report.readings, report.readings_booked);
        report.problems.push(problem);
    }
    for check in CHECKS {
        let rows = client.query(check.sql, &[]).await?;
        if !rows.is_empty() {
            let mut examples = Vec::new();
            for row in rows.iter().take(EXAMPLES) {
                examples.push(row.try_get::<_, String>(0)?);
            }
            report.problems.push(format!("{} {}: {}", rows.len(), check.what, examples.join(", ")));
        }
    }
    Ok(report)
}

async fn count(client: &Client, sql: &str) -> Result<u64, StoreError> {
    Ok(from_sql(client.query_one(sql, &[]).await?.try_get(0)?))
}

/// What the transactions wrote, less what went with its age.
const BOOKED: &str = "SELECT (coalesce((SELECT sum(fast + late_inserted) FROM projection_batch), 0) \
    - coalesce((SELECT sum(rows) FROM retention_drop), 0))::int8";

/// Each row of the answer is an offence, described by its first column.
struct Check {
    what: &'static str,
    sql: &'static str,
}

const CHECKS: &[Check] = &[
    Check {
        what: "readings are stored more than once (point, device time, value, quality)",
        sql: "SELECT format('%s/%s at %s', p.enterprise, p.point, d.device_time) FROM \
              (SELECT point, device_time, value, quality FROM public.reading WHERE device_time IS NOT NULL \
               GROUP BY point, device_time, value, quality HAVING count(*) > 1 LIMIT 1000) d \
              JOIN point p ON p.id = d.point",
    },
    Check {
        what: "readings without device time are stored more than once (point, event time, value)",
        sql: "SELECT format('%s/%s at %s', p.enterprise, p.point, d.event_time) FROM \
              (SELECT point, event_time, value FROM public.reading WHERE device_time IS NULL \
               GROUP BY point, event_time, value HAVING count(*) > 1 LIMIT 1000) d \
              JOIN point p ON p.id = d.point",
    },
    Check {
        what: "rules have more than one open alarm on the same object",
        sql: "SELECT format('%s on %s/%s/%s', rule, enterprise, equipment, point) FROM alarm WHERE closed_at IS NULL \
              GROUP BY rule, enterprise, equipment, point HAVING count(*) > 1",
    },
    Check {
        what: "alarms differ from their last event",
        sql: "SELECT format('%s: %s, event %s', a.id, a.state, coalesce(e.to_state, 'none')) \
              FROM alarm a LEFT JOIN alarm_event e \
              ON e.journal_id = a.journal_id AND e.seq = a.seq AND e.idx = a.idx AND e.alarm = a.id \
              WHERE e.to_state IS DISTINCT FROM a.state OR e.severity IS DISTINCT FROM a.severity \
                 OR (a.state = 'normal') <> (a.closed_at IS NOT NULL)",
    },
    Check {
        what: "alarms are older than an event of theirs",
        sql: "SELECT format('%s: row of seq %s, event of seq %s', a.id, a.seq, e.seq) FROM alarm a JOIN alarm_event e \
              ON e.alarm = a.id AND e.journal_id = a.journal_id AND (e.seq, e.idx) > (a.seq, a.idx)",
    },
    Check {
        what: "events have no alarm",
        sql: "SELECT format('%s.%s of alarm %s', e.seq, e.idx, e.alarm) FROM alarm_event e \
              WHERE NOT EXISTS (SELECT FROM alarm a WHERE a.id = e.alarm)",
    },
    Check {
        what: "booked runs lie beyond their lane's position",
        sql: "SELECT format('%s %s..%s', b.lane, b.first_seq, b.last_seq) FROM projection_batch b JOIN projection p \
              ON p.lane = b.lane AND p.journal_id = b.journal_id WHERE b.last_seq > p.applied_seq",
    },
];
