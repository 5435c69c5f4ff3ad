//! A condition from its text: parsed, checked, its inputs made columns, and tried once. Must not know the rule or
//! the file that it stands in. Pure.

use crate::check::{self, Fault, Gives, Inside, check, unknown_variable};
use crate::held::{self, Held};
use crate::inputs::{VARIABLES, called_input};
use crate::judge::{Frame, Program, Verdict};
use crate::rule::Column;
use crate::sandbox::{self, SOURCE_MAX, Unreadable};
use crate::set::Vocabulary;
use rhai::{AST, Engine, Expr, ParseError, ParseErrorType, Position, Stmt, StmtBlock};
use std::sync::Arc;

/// A program, and what it gives.
#[derive(Debug)]
pub(crate) struct Condition {
    pub program: Program,
    pub gives: Gives,
}

/// Compiles one condition and those inside it. `known` are the words it may put in quotes.
pub(crate) fn compile(engine: &Arc<Engine>, known: &Vocabulary, source: &str) -> Result<Condition, Vec<Fault>> {
    if source.len() > SOURCE_MAX {
        let problem = format!("is {} bytes long, of at most {SOURCE_MAX}", source.len());
        return Err(vec![fault(None, problem, "split it into several rules")]);
    }
    if source.trim().is_empty() {
        return Err(vec![fault(None, "is empty", "write one expression, for example `value >= hh`")]);
    }
    let ast = sandbox::parse(engine, VARIABLES, source).map_err(|error| vec![unreadable(&error)])?;
    let [Stmt::Expr(expr)] = ast.statements() else {
        return Err(vec![fault(None, "is not one expression", "write one expression, for example `value >= hh`")]);
    };
    let meaning = check(expr, known, source)?;
    let mut helds = Vec::new();
    for Inside { text, window_s, expr, columns } in meaning.insides {
        let ast = AST::new(StmtBlock::new([Stmt::Expr(Box::new(expr))], Position::NONE, Position::NONE));
        let program = Arc::new(program(engine, &ast, &text, columns)?);
        helds.push(Held { text, window_s, program });
    }
    let program = program(engine, &ast, source, meaning.columns)?.with_helds(helds);
    Ok(Condition { program, gives: meaning.gives })
}

fn fault(place: Option<(usize, usize)>, problem: impl Into<String>, remedy: impl Into<String>) -> Fault {
    Fault { place, problem: problem.into(), remedy: remedy.into() }
}

/// A checked tree as a program, tried once.
fn program(engine: &Arc<Engine>, ast: &AST, source: &str, columns: Vec<Column>) -> Result<Program, Vec<Fault>> {
    let input_of = |expr: &Expr| {
        let held = held::text_of(expr, source).map(str::to_owned);
        held.or_else(|| called_input(expr).map(|column| column.name()))
    };
    let ast = sandbox::with_inputs(ast, &input_of);
    let program = Program::new(source.to_owned(), columns, ast, Arc::clone(engine));
    try_once(&program)?;
    Ok(program)
}

/// What the type check cannot see: whole numbers that overflow. Two rows, so that both sides of most comparisons run.
fn try_once(program: &Program) -> Result<(), Vec<Fault>> {
    let mut frame = Frame::for_program(program);
    for sample in [0.0, 1.0] {
        frame.push_row(&vec![sample; program.columns().len()]);
    }
    let mut verdicts = Vec::new();
    program.judge(&frame, &mut verdicts);
    let failed = verdicts.into_iter().find_map(|verdict| match verdict {
        Verdict::Fails(reason) => Some(reason),
        Verdict::Quiet | Verdict::Fires(_) | Verdict::Missing => None,
    });
    match failed {
        Some(reason) => {
            let problem = format!("cannot be evaluated: {}", reason.to_lowercase());
            Err(vec![fault(None, problem, "give large whole numbers a decimal point, as in `9000000000.0`")])
        }
        None => Ok(()),
    }
}

fn unreadable(error: &Unreadable) -> Fault {
    match error {
        Unreadable::Panicked => fault(None, "makes the parser give up", "write a simpler expression"),
        Unreadable::Parse(error) => unparsable(error),
    }
}

fn unparsable(error: &ParseError) -> Fault {
    let place = check::place(error.1);
    match error.err_type() {
        ParseErrorType::VariableUndefined(name) => {
            let (problem, remedy) = unknown_variable(name);
            fault(place, problem, remedy)
        }
        ParseErrorType::ExprTooDeep => fault(place, "is nested too deep", "write a flatter expression"),
        ParseErrorType::Reserved(word) => {
            fault(place, format!("`{word}` cannot be used in conditions"), "use the known names and functions only")
        }
        other => {
            let said = other.to_string();
            let problem = format!("is no expression: {}", first_lower(&said));
            fault(place, problem, "write one expression that is true in breach, for example `value >= hh`")
        }
    }
}

fn first_lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
