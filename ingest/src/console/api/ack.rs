//! `POST /api/v1/alarms/{id}/ack` and `/reset`: an officer has seen an alarm, or resets one that latches. Answered when
//! that is durable, not before. I/O: HTTP.

use super::order;
use crate::console::Context;
use crate::console::params::{Body, NoParams, Params, prose};
use crate::console::problem::Problem;
use crate::console::shown::AlarmShown;
use alerting::alarm::AlarmId;
use alerting::command::{Order, Outcome, Refusal};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

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
    sign(&context, &id, request, |alarm, comment| Order::Acknowledge { alarm, comment }).await
}

pub async fn reset(
    State(context): State<Context>,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Ack>),
) -> Result<Response, Problem> {
    sign(&context, &id, request, |alarm, comment| Order::ResetAlarm { alarm, comment }).await
}

async fn sign(
    context: &Context,
    id: &str,
    (headers, Body(ack)): (HeaderMap, Body<Ack>),
    order: impl FnOnce(AlarmId, String) -> Order,
) -> Result<Response, Problem> {
    let id: u64 = id.parse().map_err(|_| Problem::not_found("no-such-alarm", "an alarm id is a number"))?;
    let by = order::who(&ack.by)?;
    let comment = prose("comment", &ack.comment, order::COMMENT_MAX)?;
    let key = order::key(&headers, context)?;
    let order = order(AlarmId(id), comment);
    match order::carry_out(context, order::Signed { key: key.clone(), by }, order).await? {
        Outcome::Done { alarm } => Ok(done(context, alarm, &key)),
        Outcome::Refused(refusal) => Err(refused(refusal, id, &key)),
        Outcome::Noted | Outcome::Filed { .. } | Outcome::Judged { .. } => Err(order::unexpected()),
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
        Refusal::NotLatched => {
            Problem::conflict("not-latched", format!("alarm {id} returns by itself: its rule does not latch"))
        }
        Refusal::StillInBreach => {
            Problem::conflict("still-in-breach", format!("alarm {id} cannot be reset while what raised it is still so"))
        }
        other => order::refused(&other, key),
    }
}
