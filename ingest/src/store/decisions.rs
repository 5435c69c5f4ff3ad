//! What two people decided about rules, one row each, for whoever has to say later who set a limit and why. Must not
//! know what a limit is for. I/O.

use super::business::Placed;
use super::stamp::Stamp;
use super::words::{clean, clean_some, to_sql};
use alerting::effect::Business;
use alerting::rulebook::{Decided, How};
use std::borrow::Cow;
use tokio_postgres::{Error, Transaction};

/// People decide a few times a day: a statement for each will do.
pub async fn write(tx: &Transaction<'_>, journal_id: &str, effects: &[&Placed]) -> Result<(), Error> {
    for placed in effects {
        let Business::RuleDecision(decision) = &placed.effect else { continue };
        let row = Row::of(&decision.what);
        let signed = &decision.signed;
        tx.execute(
            "INSERT INTO rule_decision (journal_id, seq, idx, at, by, approved_by, reason, what, enterprise, point, \
                                        limit_name, from_value, to_value, version, from_version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING",
            &[
                &journal_id,
                &to_sql(placed.seq),
                &i64::from(placed.index),
                &Stamp(decision.at.0),
                &clean(&signed.by),
                &clean(&signed.approved_by),
                &clean(&signed.reason),
                &row.what,
                &row.enterprise,
                &row.point,
                &row.limit,
                &row.from_value,
                &row.to_value,
                &row.version,
                &row.from_version,
            ],
        )
        .await?;
    }
    Ok(())
}

#[derive(Default)]
struct Row<'a> {
    what: &'static str,
    enterprise: Option<Cow<'a, str>>,
    point: Option<Cow<'a, str>>,
    limit: Option<&'static str>,
    from_value: Option<f64>,
    to_value: Option<f64>,
    version: Option<Cow<'a, str>>,
    from_version: Option<Cow<'a, str>>,
}

impl Row<'_> {
    fn of(what: &Decided) -> Row<'_> {
        match what {
            Decided::Limit { point, limit, from, to } => Row {
                what: "limit",
                enterprise: Some(clean(&point.enterprise)),
                point: Some(clean(&point.point)),
                limit: Some(limit.name()),
                from_value: *from,
                to_value: *to,
                ..Row::default()
            },
            Decided::Version { how, version, from } => Row {
                what: match how {
                    How::Start => "start",
                    How::Activated => "activated",
                    How::RolledBack => "rolled_back",
                },
                version: Some(clean(version)),
                from_version: clean_some(from.as_deref()),
                ..Row::default()
            },
        }
    }
}
