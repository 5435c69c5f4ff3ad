//! `POST /api/v1/alarms/{id}/ack`: an officer has seen an alarm. Answered when that is durable, not before. I/O: HTTP.

use crate::console::Context;
use crate::console::door::Closed;
use crate::console::params::{Body, NoParams, Params, prose};
use crate::console::problem::Problem;
use crate::console::shown::AlarmShown;
use alerting::alarm::AlarmId;
use alerting::command::{Actor, Command, Order, Outcome, Refusal};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::time::Duration;

const NAME_MAX: usize = 64;
const COMMENT_MAX: usize = 500;
/// As long as a UUID with a prefix; it is journalled and remembered.
const KEY_MAX: usize = 128;
/// An fsync and a step take milliseconds; a disk that stalls for so long needs a person, and the person an answer.
const OUTCOME_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Free text until there are users; recorded as not authenticated.
    by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    outcome: &'a str,
    id: u64,
    /// Repeating the request with this key changes nothing and gives the same answer.
    key: &'a str,
    /// As it stands now, while memory holds it.
    alarm: Option<AlarmShown<'a>>,
}

pub async fn acknowledge(
    State(context): State<Context>,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Ack>),
) -> Result<Response, Problem> {
    let (headers, Body(ack)) = request;
    let id: u64 = id.parse().map_err(|_| Problem::not_found("no-such-alarm", "an alarm id is a number"))?;
    let by = prose("by", &ack.by, NAME_MAX)?;
    if by.is_empty() {
        return Err(Problem::bad_body("by: who acknowledges? a name is needed"));
    }
    let comment = prose("comment", &ack.comment, COMMENT_MAX)?;
    let key = idempotency_key(&headers, &context)?;
    let command = Command {
        key: key.clone(),
        received: context.now(),
        by: Actor { name: by, authenticated: false },
        order: Order::Acknowledge { alarm: AlarmId(id), comment },
    };
    let outcome = context.leans.commands.submit(command).map_err(refused_at_the_door)?;
    match tokio::time::timeout(OUTCOME_MAX, outcome).await {
        Ok(Ok(Outcome::Done { alarm })) => Ok(done(&context, alarm, &key)),
        Ok(Ok(Outcome::Refused(refusal))) => Err(refused(refusal, id, &key)),
        Ok(Err(_)) => Err(Problem::unavailable("not-taken", "the order was not taken; repeat it with the same key")),
        Err(_) => {
            let detail = format!("no outcome within {} s; repeat it with idempotency-key {key}", OUTCOME_MAX.as_secs());
            Err(Problem::unavailable("outcome-unknown", detail))
        }
    }
}

fn done(context: &Context, id: AlarmId, key: &str) -> Response {
    let standing = context.hub().standing();
    let view = standing.as_ref().and_then(|s| s.view.as_deref());
    let alarm = context.hub().alarm(id);
    let alarm = alarm.as_deref().map(|a| AlarmShown::new(a, view));
    Json(Answer { outcome: "done", id: id.0, key, alarm }).into_response()
}

fn refused(refusal: Refusal, id: u64, key: &str) -> Problem {
    match refusal {
        Refusal::NoSuchAlarm => Problem::not_found("no-such-alarm", format!("there is no open alarm {id}")),
        Refusal::NothingToAcknowledge => {
            Problem::conflict("nothing-to-acknowledge", format!("alarm {id} needs no acknowledgement (any more)"))
        }
        Refusal::KeyReused => {
            Problem::conflict("key-reused", format!("idempotency-key {key} was used before for another order"))
        }
    }
}

fn refused_at_the_door(closed: Closed) -> Problem {
    match closed {
        Closed::Busy => Problem::unavailable("busy", "too much is waiting; repeat it in a moment"),
        Closed::Stopping => Problem::unavailable("stopping", "davy is stopping; repeat it when it is back"),
    }
}

/// What the caller sent, or a new one: the fold must not see randomness that is not journalled, so it is made here.
fn idempotency_key(headers: &HeaderMap, context: &Context) -> Result<String, Problem> {
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
