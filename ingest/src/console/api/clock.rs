//! `/api/v1/clock`: where the loop's clock stands against the wall; `accept`: a person says that the wall is right. The
//! word is journalled with its author; a jump is journalled with it as an outage of ours. I/O: HTTP.

use super::order::{self, Signed};
use crate::console::Context;
use crate::console::params::{Body, NoParams, Params, prose};
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use crate::pace::{Standing, describe};
use alerting::command::{Order, Outcome};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use rules::reading::SECOND_US;
use serde::{Deserialize, Serialize};

/// Nearer than this there is nothing to accept.
const IN_STEP_US: i64 = SECOND_US;

#[derive(Serialize)]
pub struct ClockShown {
    now: Stamp,
    wall: Stamp,
    /// How far the wall is ahead; negative: behind.
    offset_s: f64,
    /// `false`: too far away, until a person accepts it.
    follows: bool,
    /// About how long until both agree; `null` while it is not followed.
    agrees_in_s: Option<f64>,
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    by: String,
    /// Why the wall is right.
    reason: String,
}

#[derive(Serialize)]
pub struct Answer {
    /// `jumped`: the wall was ahead, and the clock is there now; `slewing`: the wall is behind, the clock goes slower
    /// until both agree and never back; `in_step`: there was nothing to accept.
    outcome: &'static str,
    before: ClockShown,
    after: ClockShown,
    key: String,
}

pub async fn status(State(context): State<Context>, Params(NoParams {}): Params<NoParams>) -> Json<ClockShown> {
    Json(show(&(context.leans.clock)()))
}

pub async fn accept(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Acceptance>),
) -> Result<Json<Answer>, Problem> {
    let (headers, Body(acceptance)) = request;
    let by = order::who(&acceptance.by)?;
    let comment = prose("reason", &acceptance.reason, order::COMMENT_MAX)?;
    if comment.is_empty() {
        return Err(Problem::bad_body("reason: why is the wall right? it is journalled"));
    }
    let key = order::key(&headers, &context)?;
    let before = (context.leans.clock)();
    match order::carry_out(&context, Signed { key: key.clone(), by }, Order::AcceptClock { comment }).await? {
        Outcome::Noted => {}
        Outcome::Refused(refusal) => return Err(order::refused(&refusal, &key)),
        Outcome::Done { .. } | Outcome::Filed { .. } | Outcome::Judged { .. } => return Err(order::unexpected()),
    }
    let after = (context.leans.clock)();
    let outcome = match before.away_us() {
        ahead if ahead > IN_STEP_US => "jumped",
        behind if behind < IN_STEP_US.saturating_neg() => "slewing",
        _ => "in_step",
    };
    Ok(Json(Answer { outcome, before: show(&before), after: show(&after), key }))
}

fn show(standing: &Standing) -> ClockShown {
    let seconds = |us: i64| (us / 1000) as f64 / 1000.0;
    ClockShown {
        now: Stamp(standing.now),
        wall: Stamp(standing.wall),
        offset_s: seconds(standing.away_us()),
        follows: standing.follows,
        agrees_in_s: standing.slew_us().map(seconds),
        text: describe(standing),
    }
}
