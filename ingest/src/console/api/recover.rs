//! `/api/v1/recover`: why the projection is refused, and `adopt`, the remedy. Behind `davy recover`. I/O: HTTP.

use crate::console::Context;
use crate::console::params::{Body, NoParams, Params};
use crate::console::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde_json::Value;

pub async fn survey(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<Value>, Problem> {
    context.leans.recovery.survey().await.map(Json).map_err(|e| Problem::unavailable("database-away", e))
}

pub async fn adopt(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    Body(NoParams {}): Body<NoParams>,
) -> Result<Json<Value>, Problem> {
    context.leans.recovery.adopt().await.map(Json).map_err(|e| Problem::conflict("not-adopted", e))
}
