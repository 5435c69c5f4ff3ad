//! The words of conditions that stand for inputs: variables, and calls such as `tag("…")` and `status("…")`, whose
//! words in quotes are checked. Must not know the rest of the language. Pure.

use crate::around::{self, Around};
use crate::fact::Fact;
use crate::near::did_you_mean;
use crate::past::{self, NIGHTS_MAX, Past, Shape, WINDOW_MAX_S, What};
use crate::registry::{CIRCUIT_ROLES, LimitName, Status};
use crate::rule::Column;
use crate::set::Vocabulary;
use rhai::{Expr, FnCallExpr};

/// The variables that a condition may name.
pub(crate) const VARIABLES: [&str; 21] = [
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
    "rated_a",
    "height_m",
    "loc",
    "mec",
    "site_hazard_level",
    "idle_kw",
    "production_kw",
    "weakened",
];

/// Calls that are inputs, beside those of `past` and `around`.
pub(crate) const CALLS: [&str; 7] = ["age", "tag", "status", "sector", "role", "is_tag", "or"];

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

/// Whether a call stands for an input. `min` and `max` do when they are given a window instead of two numbers.
pub(crate) fn is_input(call: &FnCallExpr) -> bool {
    let name = call.name.as_str();
    match (name, call.args.as_slice()) {
        ("min" | "max", [Expr::IntegerConstant(..)] | [Expr::StringConstant(..), ..]) => true,
        ("min" | "max", _) => false,
        _ => CALLS.contains(&name) || around::CALLS.contains(&name) || past::shape(name).is_some(),
    }
}

/// The input column behind a call such as `age()` or `tag("…")`; `None` for every other expression.
pub(crate) fn called_input(expr: &Expr) -> Option<Column> {
    match expr {
        Expr::FnCall(call, _) if is_input(call) => read(call).ok(),
        _ => None,
    }
}

/// The input behind such a call, if it names what there is.
pub(crate) fn called(call: &FnCallExpr, known: &Vocabulary) -> Result<Column, Wrong> {
    let column = read(call)?;
    let mut tags: Vec<&String> = Vec::new();
    match column.inner() {
        Column::Tag(tag) | Column::Fact(Fact::IsTag(tag)) => tags.push(tag),
        Column::Past(past) => tags.extend(past.tags()),
        Column::Around(around) => tags.extend(around.tag()),
        Column::Fact(Fact::Sector(sector)) if !known.sectors.contains(sector) => {
            return Err(unknown(("sector", sector, "sector"), known.sectors.iter().map(String::as_str).collect()));
        }
        _ => {}
    }
    if let Some(tag) = tags.into_iter().find(|tag| !known.tag_types.contains_key(*tag)) {
        let near = did_you_mean(tag, known.tag_types.keys().map(String::as_str));
        let problem = match column.inner() {
            Column::Tag(_) => format!("`tag(\"{tag}\")` names an unknown tag type{near}"),
            other => format!("`{}` names an unknown tag type \"{tag}\"{near}", other.name()),
        };
        return Err((problem, "name a tag type of the registry, or add it there first".to_owned()));
    }
    Ok(column)
}

/// The input that a call stands for, before its words are looked up.
fn read(call: &FnCallExpr) -> Result<Column, Wrong> {
    let name = call.name.as_str();
    match (name, call.args.as_slice()) {
        ("age", []) => return Ok(Column::Age),
        ("age", _) => return Err(("`age()` is given arguments".to_owned(), "write `age()`".to_owned())),
        ("or", [Expr::FnCall(inner, _), number]) if is_input(inner) && inner.name != "or" => {
            return or(read(inner)?, number);
        }
        ("or", _) => return Err(no_or()),
        _ => {}
    }
    if let Some(shape) = past::shape(name) {
        return read_past(name, shape, &call.args).map(Column::Past);
    }
    if around::CALLS.contains(&name) {
        return read_around(name, &call.args).map(Column::Around);
    }
    let [Expr::StringConstant(word, _)] = call.args.as_slice() else { return Err(not_one_word(name)) };
    let word = word.to_string();
    match name {
        "tag" => Ok(Column::Tag(word)),
        "is_tag" => Ok(Column::Fact(Fact::IsTag(word))),
        "sector" => Ok(Column::Fact(Fact::Sector(word))),
        "role" if CIRCUIT_ROLES.contains(&word.as_str()) => Ok(Column::Fact(Fact::Role(word))),
        "role" => Err(unknown(("role", &word, "circuit role"), CIRCUIT_ROLES.to_vec())),
        _ => {
            let status = Status::parse(&word).map(|status| Column::Fact(Fact::Status(status)));
            let names = Status::ALL.map(Status::name).to_vec();
            status.ok_or_else(|| unknown(("status", &word, "status of an enterprise"), names))
        }
    }
}

/// `or(tag("prod.run"), 0.0)`.
fn or(column: Column, number: &Expr) -> Result<Column, Wrong> {
    let number = match number {
        // Small whole numbers are exact.
        Expr::IntegerConstant(whole, _) => *whole as f64,
        Expr::FloatConstant(float, _) if float.is_finite() => **float,
        _ => return Err(no_or()),
    };
    match column {
        Column::Tag(_) | Column::Past(_) | Column::Around(_) if !column.is_bool() => {
            Ok(Column::Or(Box::new(column), number.to_bits()))
        }
        _ => Err(no_or()),
    }
}

fn no_or() -> Wrong {
    let problem = "`or` is not given an input that may be missing, and a plain number";
    (problem.to_owned(), "write for example `or(tag(\"prod.run\"), 0.0)`".to_owned())
}

fn read_past(name: &str, shape: Shape, args: &[Expr]) -> Result<Past, Wrong> {
    let past = |of: Option<&str>, window_s: u32| {
        let what = past::named(name).ok_or_else(|| not_one_word(name))?;
        Ok(Past { what, of: of.map(str::to_owned), window_s })
    };
    let wrong = |example: &str| (format!("`{name}` is given other arguments than it takes"), example.to_owned());
    match (shape, args) {
        (Shape::Window, [Expr::IntegerConstant(window, _)]) => past(None, window_s(name, *window)?),
        (Shape::Window, [Expr::StringConstant(tag, _), Expr::IntegerConstant(window, _)]) => {
            past(Some(tag), window_s(name, *window)?)
        }
        (Shape::Window, _) => {
            Err(wrong(&format!("write whole seconds, as in `{name}(300)`, or `{name}(\"dust.dp\", 300)`")))
        }
        (Shape::Own | Shape::Plain, []) => past(None, 0),
        (Shape::Plain, [Expr::StringConstant(tag, _)]) => past(Some(tag), 0),
        (Shape::Own, _) => Err(wrong(&format!("write `{name}()`"))),
        (Shape::Plain, _) => Err(wrong(&format!("write `{name}()` or `{name}(\"dust.fan_run\")`"))),
        (Shape::TwoTags, [Expr::StringConstant(of, _), Expr::StringConstant(since, _)]) => {
            Ok(Past { what: What::OnTime(since.to_string()), of: Some(of.to_string()), window_s: 0 })
        }
        (Shape::TwoTags, _) => Err(wrong(&format!("write `{name}(\"prod.run\", \"dust.unload_event\")`"))),
        (Shape::Limit, [Expr::StringConstant(limit, _), Expr::IntegerConstant(window, _)]) => {
            let named = LimitName::ALL.into_iter().find(|name| name.name() == limit.as_str());
            let limit =
                named.ok_or_else(|| unknown((name, limit, "limit"), LimitName::ALL.map(LimitName::name).to_vec()))?;
            Ok(Past { what: What::Over(limit), of: None, window_s: window_s(name, *window)? })
        }
        (Shape::Limit, _) => Err(wrong(&format!("write `{name}(\"h\", 60)`"))),
        (Shape::Part, [Expr::FloatConstant(part, _)]) if (0.001..=10.0).contains(&**part) => {
            // Thousandths: a float is no key.
            past(None, (**part * 1_000.0).round() as u32)
        }
        (Shape::Nights, [Expr::IntegerConstant(nights, _)]) if (1..=i64::from(NIGHTS_MAX)).contains(nights) => {
            past(None, u32::try_from(*nights).unwrap_or(NIGHTS_MAX))
        }
        (Shape::Nights, _) => Err(wrong(&format!("write `{name}(6)`: 1 to {NIGHTS_MAX} nights before this one"))),
        (Shape::Part, _) => Err(wrong(&format!("write `{name}(0.1)`: below a tenth of what is usual"))),
    }
}

fn window_s(name: &str, window: i64) -> Result<u32, Wrong> {
    let fits = u32::try_from(window).ok().filter(|window| (1..=WINDOW_MAX_S).contains(window));
    fits.ok_or_else(|| {
        (format!("`{name}` looks back {window} seconds"), format!("use whole seconds from 1 to {WINDOW_MAX_S}, a week"))
    })
}

fn read_around(name: &str, args: &[Expr]) -> Result<Around, Wrong> {
    if let ("lee_targets", [Expr::IntegerConstant(degrees, _)]) = (name, args)
        && let Ok(degrees @ 1..=180) = u32::try_from(*degrees)
    {
        return Ok(Around::LeeTargets(degrees));
    }
    let words: Vec<&str> = args
        .iter()
        .filter_map(|arg| match arg {
            Expr::StringConstant(word, _) => Some(word.as_str()),
            _ => None,
        })
        .collect();
    let found = Around::of_words(name, &words).filter(|_| words.len() == args.len());
    found.ok_or_else(|| match (name, words.as_slice()) {
        ("filed", [kind]) => unknown((name, kind, "kind of filing"), around::FILING_KINDS.to_vec()),
        ("site_load", [role]) => unknown((name, role, "circuit role"), CIRCUIT_ROLES.to_vec()),
        _ => {
            let example = match name {
                "tag_age" | "site" | "other" => "(\"wind.speed\")",
                "site_load" => "(\"production\")",
                "filed" => "(\"night_shift\")",
                "in_hours" => "(\"22:00\", \"06:00\")",
                "lee_targets" => "(45)",
                _ => "()",
            };
            (format!("`{name}` is given other arguments than it takes"), format!("write for example `{name}{example}`"))
        }
    })
}

fn unknown((call, word, what): (&str, &str, &str), names: Vec<&str>) -> Wrong {
    let near = did_you_mean(word, names.iter().copied());
    (format!("`{call}(\"{word}\")` names an unknown {what}{near}"), format!("use one of {}", names.join(", ")))
}

fn not_one_word(name: &str) -> Wrong {
    let (what, example) = match name {
        "tag" => ("tag type", "dust.fan_run"),
        "status" => ("status", "ordered_to_stop"),
        "is_tag" => ("tag type", "reactor.temp"),
        "sector" => ("sector", "dust"),
        _ => ("circuit role", "production"),
    };
    let problem = format!("`{name}` is not given exactly one {what} in quotes");
    (problem, format!("write for example `{name}(\"{example}\")`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever writes a rule has one page to look at.
    #[test]
    fn the_page_of_the_language_names_every_input() {
        let page = include_str!("../../seeds/rules/README.md");
        let calls = CALLS.into_iter().chain(around::CALLS).chain(past::names()).chain([crate::held::HELD]);
        let written = calls.map(|call| format!("`{call}(")).chain(VARIABLES.map(|variable| format!("`{variable}`")));
        let missing: Vec<String> = written.filter(|word| !page.contains(word.as_str())).collect();
        assert!(missing.is_empty(), "seeds/rules/README.md does not tell of {missing:?}");
    }
}
