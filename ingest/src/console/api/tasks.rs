//! `/api/v1/tasks`: the plan's 82 rows in one list: our own figures where Davy computes them, figures that people file for
//! the others. From memory, so the database may be away. I/O: HTTP.

use super::order::{self, Signed};
use super::tasks_computed::{Computed, compute};
use crate::console::Context;
use crate::console::params::{Body, NoParams, Params, prose, time};
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use crate::seeds::tasks::Task;
use alerting::command::{Order, Outcome};
use alerting::figures::FigureFiled;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

/// `37 of 41`, `done`: a figure, not a report.
const FIGURE_MAX: usize = 200;

#[derive(Serialize)]
pub struct List {
    /// The day of the computed figures; `null` before there is one.
    as_of: Option<String>,
    /// They rest on simulated readings.
    simulated: bool,
    tasks: Vec<TaskShown>,
}

#[derive(Serialize)]
struct TaskShown {
    #[serde(flatten)]
    task: Task,
    /// What Davy computes for it; empty for rows that it does not compute, and while nothing is known.
    figures: Vec<Computed>,
    /// The newest figure that was filed.
    filed: Option<FiledShown>,
}

#[derive(Serialize)]
struct FiledShown {
    figure: String,
    as_of: Stamp,
    comment: String,
    by: String,
    at: Stamp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    by: String,
    figure: String,
    /// The time the figure speaks of.
    as_of: String,
    #[serde(default)]
    comment: String,
}

#[derive(Serialize)]
pub struct Filed {
    outcome: &'static str,
    row: u16,
    key: String,
}

pub async fn list(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<List>, Problem> {
    context.hub().standing().ok_or_else(Problem::starting)?;
    let computed = compute(context.hub());
    let filed = context.hub().ledger(|ledger| {
        let filed = |task: &Task| ledger.figure(task.row).map(show_filed);
        context.leans.tasks.iter().map(filed).collect::<Vec<_>>()
    });
    let show = |(task, filed): (&Task, Option<FiledShown>)| TaskShown {
        figures: computed.rows.get(&task.row).cloned().unwrap_or_default(),
        task: task.clone(),
        filed,
    };
    Ok(Json(List {
        as_of: computed.as_of.map(|day| day.to_string()),
        simulated: computed.simulated,
        tasks: context.leans.tasks.iter().zip(filed).map(show).collect(),
    }))
}

pub async fn file(
    State(context): State<Context>,
    Path(row): Path<String>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Ask>),
) -> Result<Json<Filed>, Problem> {
    let (headers, Body(ask)) = request;
    let row: u16 = row.parse().map_err(|_| no_such_row("the number of a row is 1 to 82"))?;
    let task = context.leans.tasks.iter().find(|task| task.row == row);
    let task = task.ok_or_else(|| no_such_row("the number of a row is 1 to 82"))?;
    if task.computed {
        return Err(Problem::conflict("computed", format!("row {row} is computed from coverage; nobody files it")));
    }
    let by = order::who(&ask.by)?;
    let figure = prose("figure", &ask.figure, FIGURE_MAX)?;
    if figure.is_empty() {
        return Err(Problem::bad_body("figure: it is needed"));
    }
    let (as_of, comment) = (time("as_of", &ask.as_of)?, prose("comment", &ask.comment, order::COMMENT_MAX)?);
    let key = order::key(&headers, &context)?;
    let order = Order::FileFigure { row, figure, as_of, comment };
    match order::carry_out(&context, Signed { key: key.clone(), by }, order).await? {
        Outcome::Noted => Ok(Json(Filed { outcome: "filed", row, key })),
        Outcome::Refused(refusal) => Err(order::refused(&refusal, &key)),
        Outcome::Done { .. } | Outcome::Judged { .. } | Outcome::Filed { .. } => Err(order::unexpected()),
    }
}

fn no_such_row(detail: &'static str) -> Problem {
    Problem::not_found("no-such-row", detail)
}

fn show_filed(filed: FigureFiled) -> FiledShown {
    let FigureFiled { figure, as_of, comment, by, at, .. } = filed;
    FiledShown { figure, as_of: Stamp(as_of), comment, by, at: Stamp(at) }
}
