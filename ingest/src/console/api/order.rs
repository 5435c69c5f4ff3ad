//! What all orders of people share: who says so, the idempotency key, and the wait until it is durable. I/O: HTTP.

use crate::console::Context;
use crate::console::door::Closed;
use crate::console::params::prose;
use crate::console::problem::Problem;
use crate::inbox::{Import, Imported};
use alerting::command::{Actor, Command, Order, Outcome, Refusal};
use axum::http::{HeaderMap, StatusCode};
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::time::Duration;

const NAME_MAX: usize = 64;
pub(super) const COMMENT_MAX: usize = 500;
/// As long as a UUID with a prefix; it is journalled and remembered.
const KEY_MAX: usize = 128;
/// An fsync and a step take milliseconds; a disk that stalls for so long needs a person, and the person an answer.
const OUTCOME_MAX: Duration = Duration::from_secs(10);
/// A large registry, or a rule set over one, is stored, stepped and bound anew.
const BROUGHT_MAX: Duration = Duration::from_secs(60);

/// Who orders, and under which key.
pub(super) struct Signed {
    pub(super) key: String,
    pub(super) by: String,
}

/// A name must stand under every order. Free text until there are users; recorded as not authenticated.
pub(super) fn who(by: &str) -> Result<String, Problem> {
    let by = prose("by", by, NAME_MAX)?;
    if by.is_empty() { Err(Problem::bad_body("by: who orders this? a name is needed")) } else { Ok(by) }
}

/// Hands the order in and waits until it is durable and judged.
pub(super) async fn carry_out(context: &Context, signed: Signed, order: Order) -> Result<Outcome, Problem> {
    let Signed { key, by } = signed;
    let by = Actor { name: by, authenticated: false };
    let command = Command { key: key.clone(), received: context.now(), by, order };
    let outcome = context.leans.commands.submit(command).map_err(refused_at_the_door)?;
    match tokio::time::timeout(OUTCOME_MAX, outcome).await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(_)) => Err(Problem::unavailable("not-taken", "the order was not taken; repeat it with the same key")),
        Err(_) => {
            let detail = format!("no outcome within {} s; repeat it with idempotency-key {key}", OUTCOME_MAX.as_secs());
            Err(Problem::unavailable("outcome-unknown", detail))
        }
    }
}

/// Hands in an order that brings a registry or a rule set, and waits until that is in force.
pub(super) async fn bring(context: &Context, import: Import) -> Result<(), Problem> {
    let key = import.command.key.clone();
    let answer = context.leans.imports.import(import).map_err(refused_at_the_door)?;
    match tokio::time::timeout(BROUGHT_MAX, answer).await {
        Ok(Ok(Imported::Answered(Outcome::Noted))) => Ok(()),
        Ok(Ok(Imported::Answered(Outcome::Refused(refusal)))) => Err(refused(&refusal, &key)),
        Ok(Ok(Imported::Answered(_))) => Err(unexpected()),
        Ok(Ok(Imported::Stale)) => Err(Problem::conflict(
            "stale",
            "another version came into force meanwhile; look at it and send yours again",
        )),
        Ok(Ok(Imported::Unreadable(why))) => Err(Problem::conflict("unreadable", why)),
        Ok(Err(_)) => Err(Problem::unavailable("not-taken", "there was no room for it; repeat it with the same key")),
        Err(_) => {
            let detail = format!("no outcome within {} s; repeat it with idempotency-key {key}", BROUGHT_MAX.as_secs());
            Err(Problem::unavailable("outcome-unknown", detail))
        }
    }
}

pub(super) fn key_reused(key: &str) -> Problem {
    Problem::conflict("key-reused", format!("idempotency-key {key} was used before for another order"))
}

/// Why the fold did not do it, in words.
pub(super) fn refused(refusal: &Refusal, key: &str) -> Problem {
    match refusal {
        Refusal::NoSuchAlarm => Problem::not_found("no-such-alarm", "there is no open alarm of this number"),
        Refusal::NothingToAcknowledge => {
            Problem::conflict("nothing-to-acknowledge", "it needs no acknowledgement (any more)")
        }
        Refusal::NotLatched => Problem::conflict("not-latched", "it returns by itself: its rule does not latch"),
        Refusal::StillInBreach => {
            Problem::conflict("still-in-breach", "it cannot be reset while what raised it is still so")
        }
        Refusal::SamePerson => {
            Problem::conflict("same-person", "who approves must be another person than who orders; both must be named")
        }
        Refusal::WeakerThanCeiling { rule, ceiling } => Problem::conflict(
            "weaker-than-ceiling",
            format!("rule {rule} allows no weaker limit than {ceiling} there (its statutory ceiling)"),
        ),
        Refusal::BadLimit => {
            Problem::conflict("bad-limit", "a limit is a number, and limits stand in the order ll, l, h, hh")
        }
        Refusal::NoSuchOverride => Problem::not_found("no-such-override", "nobody set this limit of this point"),
        Refusal::InForceAlready => Problem::conflict("in-force-already", "this rule set is in force"),
        Refusal::KeyReused => key_reused(key),
        Refusal::NotInRegistry => {
            Problem::not_found("not-in-registry", "nothing of this name is in the registry in force")
        }
        Refusal::NotAhead => Problem::conflict(
            "not-ahead",
            "a filing begins when it is filed or later, ends after it begins, and lasts at most 31 days",
        ),
        Refusal::NoSuchFiling => Problem::not_found("no-such-filing", "no filing of this number can be withdrawn"),
        Refusal::NoIdleCheck => {
            Problem::conflict("no-idle-check", "a stop is only excused with an idle check: who found it idle, and how")
        }
        Refusal::NotReporting { permille } => Problem::conflict(
            "not-reporting",
            format!("it reported {}.{} % of the minutes that acceptance looks at", permille / 10, permille % 10),
        ),
        Refusal::NothingToSign => Problem::conflict("nothing-to-sign", "it stands as you want it already"),
        Refusal::NoSuchHazard => Problem::not_found("no-such-hazard", "there is no hazard of this number"),
        Refusal::AlreadyJudged => Problem::conflict("already-judged", "the lead was judged before"),
        Refusal::NoSuchRow => Problem::not_found("no-such-row", "the task list has no such row to file a figure for"),
    }
}

/// The fold answered with an outcome that does not belong to the order: a defect of ours.
pub(super) fn unexpected() -> Problem {
    let detail = "the order was carried out, but its outcome is not understood";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected-outcome", "davy is wrong", detail)
}

fn refused_at_the_door(closed: Closed) -> Problem {
    match closed {
        Closed::Busy => Problem::unavailable("busy", "too much is waiting; repeat it in a moment"),
        Closed::Stopping => Problem::unavailable("stopping", "davy is stopping; repeat it when it is back"),
    }
}

/// What the caller sent, or a new one: the fold must not see randomness that is not journalled, so it is made here.
pub(super) fn key(headers: &HeaderMap, context: &Context) -> Result<String, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        let (random, counter) = &*context.keys;
        let n = counter.fetch_add(1, Ordering::Relaxed);
        let now = context.now().0;
        return Ok(format!("edge-{now}-{:016x}", random.hash_one((now, n))));
    };
    let text = value.to_str().unwrap_or("");
    if values.next().is_some() || text.is_empty() || text.len() > KEY_MAX || !text.bytes().all(|b| b.is_ascii_graphic())
    {
        let detail = format!("idempotency-key: one header of 1 to {KEY_MAX} visible ASCII characters");
        return Err(Problem::bad_query(detail));
    }
    Ok(text.to_owned())
}
