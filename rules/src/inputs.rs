//! The words of conditions that stand for inputs: variables, and calls such as `tag("…")` and `status("…")`, whose
//! words in quotes are checked. Must not know the rest of the language. Pure.

use crate::fact::Fact;
use crate::near::did_you_mean;
use crate::registry::{CIRCUIT_ROLES, LimitName, Status};
use crate::rule::Column;
use crate::set::Vocabulary;
use rhai::{Expr, FnCallExpr};

/// The variables that a condition may name.
pub(crate) const VARIABLES: [&str; 15] = [
    "value",
    "bad",
    "ll",
    "l",
    "h",
    "hh",
    "range_lo",
    "range_hi",
    "period",
    "hazard_level",
    "highly_toxic",
    "oel",
    "rated_kw",
    "idle_kw",
    "production_kw",
];

/// Calls that are inputs.
pub(crate) const CALLS: [&str; 5] = ["age", "tag", "status", "sector", "role"];

/// Problem and remedy.
type Wrong = (String, String);

pub(crate) fn variable(name: &str) -> Option<Column> {
    let limit = LimitName::ALL.into_iter().find(|limit| limit.name() == name).map(Column::Limit);
    limit.or(match name {
        "value" => Some(Column::Value),
        "bad" => Some(Column::Bad),
        "range_lo" => Some(Column::RangeLo),
        "range_hi" => Some(Column::RangeHi),
        "period" => Some(Column::Period),
        other => Fact::plain(other).map(Column::Fact),
    })
}

/// The input column behind a call such as `age()` or `tag("…")`; `None` for every other expression.
pub(crate) fn called_input(expr: &Expr) -> Option<Column> {
    let Expr::FnCall(call, _) = expr else { return None };
    match (call.name.as_str(), call.args.as_slice()) {
        ("age", []) => Some(Column::Age),
        ("tag", [Expr::StringConstant(tag, _)]) => Some(Column::Tag(tag.to_string())),
        ("status", [Expr::StringConstant(status, _)]) => Status::parse(status).map(Fact::Status).map(Column::Fact),
        ("sector", [Expr::StringConstant(sector, _)]) => Some(Column::Fact(Fact::Sector(sector.to_string()))),
        ("role", [Expr::StringConstant(role, _)]) => Some(Column::Fact(Fact::Role(role.to_string()))),
        _ => None,
    }
}

/// The input behind a call of one of `CALLS`, if it names what there is.
pub(crate) fn called(call: &FnCallExpr, known: &Vocabulary) -> Result<Column, Wrong> {
    let word = match (call.name.as_str(), call.args.as_slice()) {
        ("age", []) => return Ok(Column::Age),
        ("age", _) => return Err(("`age()` is given arguments".to_owned(), "write `age()`".to_owned())),
        (_, [Expr::StringConstant(word, _)]) => word.as_str(),
        (name, _) => return Err(not_one_word(name)),
    };
    match call.name.as_str() {
        "tag" if known.tag_types.contains_key(word) => Ok(Column::Tag(word.to_owned())),
        "tag" => {
            let near = did_you_mean(word, known.tag_types.keys().map(String::as_str));
            let problem = format!("`tag(\"{word}\")` names an unknown tag type{near}");
            Err((problem, "name a tag type of the registry, or add it there first".to_owned()))
        }
        "sector" if known.sectors.contains(word) => Ok(Column::Fact(Fact::Sector(word.to_owned()))),
        "sector" => Err(unknown(("sector", word, "sector"), known.sectors.iter().map(String::as_str).collect())),
        "role" if CIRCUIT_ROLES.contains(&word) => Ok(Column::Fact(Fact::Role(word.to_owned()))),
        "role" => Err(unknown(("role", word, "circuit role"), CIRCUIT_ROLES.to_vec())),
        _ => {
            let status = Status::parse(word).map(|status| Column::Fact(Fact::Status(status)));
            let names = Status::ALL.map(Status::name).to_vec();
            status.ok_or_else(|| unknown(("status", word, "status of an enterprise"), names))
        }
    }
}

fn unknown((call, word, what): (&str, &str, &str), names: Vec<&str>) -> Wrong {
    let near = did_you_mean(word, names.iter().copied());
    (format!("`{call}(\"{word}\")` names an unknown {what}{near}"), format!("use one of {}", names.join(", ")))
}

fn not_one_word(name: &str) -> Wrong {
    let (what, example) = match name {
        "tag" => ("tag type", "dust.fan_run"),
        "status" => ("status", "ordered_to_stop"),
        "sector" => ("sector", "dust"),
        _ => ("circuit role", "production"),
    };
    let problem = format!("`{name}` is not given exactly one {what} in quotes");
    (problem, format!("write for example `{name}(\"{example}\")`"))
}
