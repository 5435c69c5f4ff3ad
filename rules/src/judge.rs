//! Conditions as programs over columns: many rows in, one verdict a row out. Interpreted by rhai today; a compiled
//! program may take this place without anybody else noticing. Must not know points, time or alarms. Pure.

use crate::held::Held;
use crate::reading::Severity;
use crate::rule::{Column, Rule};
use rhai::{AST, Dynamic, Engine, Scope};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// One checked condition, ready to judge frames.
pub struct Program {
    source: String,
    columns: Vec<Column>,
    /// The scope's name of each column and whether it is a bool, parallel to `columns`.
    names: Vec<(String, bool)>,
    /// The conditions inside it, distinct.
    helds: Vec<Held>,
    ast: AST,
    engine: Arc<Engine>,
}

/// Rows to be judged, by column: one `Vec` per input column of the program, all of equal length. NaN = missing.
/// Bools and switches are 0 and 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub columns: Vec<Vec<f64>>,
}

/// What a condition says of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not true, or an empty severity name.
    Quiet,
    /// True; with the severity when the condition returns a severity name.
    Fires(Option<Severity>),
    /// An input column is missing: nothing can be said, which is neither true nor false.
    Missing,
    /// The condition could not be evaluated, for the reason given: the rule is at fault, not the plant.
    Fails(String),
}

impl Verdict {
    /// `None` where nothing can be said.
    #[must_use]
    pub fn is_true(&self) -> Option<bool> {
        match self {
            Verdict::Fires(_) => Some(true),
            Verdict::Quiet => Some(false),
            Verdict::Missing | Verdict::Fails(_) => None,
        }
    }
}

/// The way back: what decides that an alarm of a rule may return. Kept here so that nobody else knows the default.
impl Rule {
    /// The program to judge for the way back: `clear`, or `when` where there is none.
    #[must_use]
    pub fn way_back(&self) -> &Program {
        self.clear.as_ref().unwrap_or(&self.when)
    }

    /// What to put into the `value` column of the way back. With an own `clear` condition the value itself; by
    /// default the value moved by the dead-band toward the alarm, so that `when` must be false by that margin.
    #[must_use]
    pub fn way_back_value(&self, value: f64, dead_band: f64) -> f64 {
        use crate::registry::LimitName;
        match (&self.clear, self.limit) {
            (None, Some(LimitName::H | LimitName::Hh)) => value + dead_band,
            (None, Some(LimitName::L | LimitName::Ll)) => value - dead_band,
            (None, None) | (Some(_), _) => value,
        }
    }

    /// Whether a verdict of `way_back` says that the breach is over. Missing and failing rows never do.
    #[must_use]
    pub fn is_over(&self, verdict: &Verdict) -> bool {
        match self.clear {
            Some(_) => matches!(verdict, Verdict::Fires(_)),
            None => *verdict == Verdict::Quiet,
        }
    }
}

impl Program {
    pub(crate) fn new(source: String, columns: Vec<Column>, ast: AST, engine: Arc<Engine>) -> Program {
        let names = columns.iter().map(|column| (column.name(), column.is_bool())).collect();
        Program { source, columns, names, helds: Vec::new(), ast, engine }
    }

    pub(crate) fn with_helds(self, helds: Vec<Held>) -> Program {
        Program { helds, ..self }
    }

    /// The conditions inside it, distinct.
    #[must_use]
    pub fn helds(&self) -> &[Held] {
        &self.helds
    }

    /// Its columns, and those of the conditions inside it; some may come twice.
    pub fn all_columns(&self) -> impl Iterator<Item = &Column> + '_ {
        self.columns.iter().chain(self.helds.iter().flat_map(|held| held.program.columns()))
    }

    /// The input columns, in the order in which frames carry them.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The condition as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Appends one verdict for each row of `frame`, in order. The frame must have been made for this program.
    pub fn judge(&self, frame: &Frame, out: &mut Vec<Verdict>) {
        let rows = frame.rows();
        let mut row = 0;
        while row < rows {
            // A native that panics unwinds through rhai: that row fails, and the rest goes on in a fresh scope.
            let step = catch_unwind(AssertUnwindSafe(|| self.judge_from(frame, &mut row, out)));
            if step.is_err() {
                out.push(Verdict::Fails("the condition panicked".to_owned()));
                row = row.saturating_add(1);
            }
        }
    }

    /// Judges rows from `row` on; `row` always names the one at work.
    fn judge_from(&self, frame: &Frame, row: &mut usize, out: &mut Vec<Verdict>) {
        let mut scope = Scope::new();
        for (name, _) in &self.names {
            scope.push_dynamic(name.as_str(), Dynamic::UNIT);
        }
        while *row < frame.rows() {
            let verdict = if self.fill(&mut scope, frame, *row) { self.evaluate(&mut scope) } else { Verdict::Missing };
            out.push(verdict);
            *row = row.saturating_add(1);
        }
    }

    /// Puts one row into the scope; `false` when a value of it is missing.
    fn fill(&self, scope: &mut Scope, frame: &Frame, row: usize) -> bool {
        for ((name, is_bool), values) in self.names.iter().zip(&frame.columns) {
            let value = values.get(row).copied().unwrap_or(f64::NAN);
            if value.is_nan() {
                return false;
            }
            let Some(slot) = scope.get_mut(name) else { return false };
            *slot = if *is_bool { Dynamic::from_bool(value != 0.0) } else { Dynamic::from_float(value) };
        }
        true
    }

    fn evaluate(&self, scope: &mut Scope) -> Verdict {
        match self.engine.eval_ast_with_scope::<Dynamic>(scope, &self.ast) {
            Ok(result) => verdict_of(&result),
            Err(error) => Verdict::Fails(error.to_string()),
        }
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("source", &self.source).field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Frame {
    /// An empty frame with the columns of `program`.
    #[must_use]
    pub fn for_program(program: &Program) -> Frame {
        Frame { columns: vec![Vec::new(); program.columns.len()] }
    }

    /// Appends one row, its values in the order of the columns. A value that is not given is missing.
    pub fn push_row(&mut self, row: &[f64]) {
        for (n, column) in self.columns.iter_mut().enumerate() {
            column.push(row.get(n).copied().unwrap_or(f64::NAN));
        }
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.columns.iter_mut().for_each(Vec::clear);
    }
}

fn verdict_of(result: &Dynamic) -> Verdict {
    if let Ok(fires) = result.as_bool() {
        return if fires { Verdict::Fires(None) } else { Verdict::Quiet };
    }
    match result.as_immutable_string_ref() {
        Ok(name) if name.is_empty() => Verdict::Quiet,
        Ok(name) => match Severity::parse(&name) {
            Some(severity) => Verdict::Fires(Some(severity)),
            None => Verdict::Fails(format!("`{}` is no severity", *name)),
        },
        Err(kind) => Verdict::Fails(format!("the condition gave a {kind}, neither a bool nor a severity name")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Program, Verdict};
    use crate::rule::Column;
    use crate::sandbox;
    use rhai::Engine;
    use std::sync::Arc;

    fn verdicts(engine: Engine, condition: &str, values: &[f64]) -> Vec<Verdict> {
        let mut scope = rhai::Scope::new();
        scope.push("value", 0.0_f64);
        let ast = engine.compile_expression_with_scope(&scope, condition).unwrap();
        let program = Program::new(condition.to_owned(), vec![Column::Value], ast, Arc::new(engine));
        let mut frame = Frame::for_program(&program);
        values.iter().for_each(|value| frame.push_row(&[*value]));
        let mut out = vec![Verdict::Quiet];
        program.judge(&frame, &mut out);
        out.split_off(1)
    }

    #[test]
    fn a_native_that_panics_fails_its_row_only() {
        let mut engine = sandbox::engine();
        engine.register_fn("trap", |value: f64| {
            assert!(value < 2.0, "for a test");
            value
        });
        let out = verdicts(engine, "trap(value) > 0.5", &[1.0, 2.0, 0.0, 3.0, 1.0, f64::NAN]);
        let panicked = Verdict::Fails("the condition panicked".to_owned());
        let fires = Verdict::Fires(None);
        assert_eq!(out, [fires.clone(), panicked.clone(), Verdict::Quiet, panicked, fires, Verdict::Missing]);
    }

    #[test]
    fn errors_and_foreign_results_are_failures_and_never_false() {
        let table = [
            ("value + 9223372036854775807 / 0 > 1.0", "Division by zero"),
            ("value + 1.0", "neither a bool nor a severity name"),
            ("\"purple\"", "no severity"),
            ("missing(value)", "missing"),
        ];
        for (condition, expected) in table {
            let out = verdicts(sandbox::engine(), condition, &[1.0]);
            assert!(matches!(out.as_slice(), [Verdict::Fails(why)] if why.contains(expected)), "{condition}: {out:?}");
        }
    }

    #[test]
    fn a_condition_that_goes_on_and_on_is_stopped() {
        let mut engine = sandbox::engine();
        engine.set_max_operations(3);
        let out = verdicts(engine, "value + 1.0 + 1.0 + 1.0 + 1.0 > 1.0", &[1.0, 1.0]);
        assert!(out.iter().all(|verdict| matches!(verdict, Verdict::Fails(_))) && out.len() == 2, "{out:?}");
    }

    #[test]
    fn a_frame_forgets_its_rows_and_keeps_its_columns() {
        let mut frame = Frame { columns: vec![Vec::new(), Vec::new()] };
        frame.push_row(&[1.0]);
        assert_eq!((frame.rows(), frame.columns[0][0], frame.columns[1][0].is_nan()), (1, 1.0, true));
        frame.clear();
        assert_eq!((frame.rows(), frame.columns.len()), (0, 2));
    }
}
