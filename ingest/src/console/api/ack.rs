//! `POST /api/v1/alarms/{id}/ack`: an officer has seen an alarm. Answered when that is durable, not before. I/O: HTTP.

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
    let (headers, Body(ack)) = request;
    let id: u64 = id.parse().map_err(|_| Problem::not_found("no-such-alarm", "an alarm id is a number"))?;
    let by = order::who(&ack.by)?;
    let comment = prose("comment", &ack.comment, order::COMMENT_MAX)?;
    let key = order::key(&headers, &context)?;
    let order = Order::Acknowledge { alarm: AlarmId(id), comment };
    match order::carry_out(&context, order::Signed { key: key.clone(), by }, order).await? {
        Outcome::Done { alarm } => Ok(done(&context, alarm, &key)),
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
        other => order::refused(&other, key),
    }
}
