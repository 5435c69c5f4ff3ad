//! The type check of conditions: a small closed language inside rhai, so that a typo is refused at load instead of
//! never firing, and so that every condition can be compiled to columns. Must not know rules or files. Pure.

use crate::around;
use crate::held::{self, HELD};
use crate::inputs::{VARIABLES, called, is_input, variable};
use crate::near::did_you_mean;
use crate::past;
use crate::reading::Severity;
use crate::rule::Column;
use crate::set::Vocabulary;
use rhai::{Expr, FlowControl, FnCallExpr, Position, Stmt, StmtBlock};

/// The functions that a condition may call.
const FUNCTIONS: [&str; 11] = ["age", "tag", "or", "status", "sector", "role", "is_tag", "max", "min", "abs", HELD];
/// A word of the rule language that this version does not give to conditions.
const NOT_CARRIED: &str = "baseline";
/// Native mathematics whose last bit differs between machines.
const INEXACT: [&str; 17] = [
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "hypot", "exp",
    "ln", "log", "sqrt",
];

/// One mistake in a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Line and column in the condition, both from 0 and in characters; `None` for the whole of it.
    pub place: Option<(usize, usize)>,
    pub problem: String,
    pub remedy: String,
}

/// What a sound condition reads and gives.
#[derive(Clone, Debug)]
pub(crate) struct Meaning {
    /// In the order of their first mention.
    pub columns: Vec<Column>,
    pub insides: Vec<Inside>,
    pub gives: Gives,
}

/// A condition inside the condition: the call as it is written, and what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Inside {
    pub text: String,
    pub window_s: u32,
    pub expr: Expr,
    pub columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    Bool,
    /// A severity name or `""`; these are the severities it can give.
    Severity(Vec<Severity>),
}

/// Checks a condition parsed from `source`. `known` are the words it may put in quotes.
pub(crate) fn check(expr: &Expr, known: &Vocabulary, source: &str) -> Result<Meaning, Vec<Fault>> {
    let (columns, severities, faults, insides) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut checker = Checker { known, source, columns, severities, faults, insides, is_inside: false };
    let gives = checker.result(expr);
    if checker.columns.is_empty() && checker.faults.is_empty() {
        let problem = "reads nothing, so it is always true or never";
        checker.fault(Position::NONE, problem, "compare `value` or another input with something");
    }
    let Checker { columns, insides, faults, .. } = checker;
    if faults.is_empty() { Ok(Meaning { columns, insides, gives }) } else { Err(faults) }
}

struct Checker<'a> {
    known: &'a Vocabulary,
    source: &'a str,
    columns: Vec<Column>,
    severities: Vec<Severity>,
    faults: Vec<Fault>,
    insides: Vec<Inside>,
    /// At work on a condition inside the condition.
    is_inside: bool,
}

/// `Unknown` stands for an expression that has been found faulty already: it fits everywhere, so that one mistake is
/// told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Bool,
    Int,
    Float,
    Unknown,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::Bool => "a bool",
            Type::Int | Type::Float => "a number",
            Type::Unknown => "unknown",
        }
    }
}

impl Checker<'_> {
    fn fault(&mut self, at: Position, problem: impl Into<String>, remedy: impl Into<String>) -> Type {
        self.faults.push(Fault { place: place(at), problem: problem.into(), remedy: remedy.into() });
        Type::Unknown
    }

    fn result(&mut self, expr: &Expr) -> Gives {
        match expr {
            Expr::Stmt(block) => {
                self.grade(block, expr.position());
                Gives::Severity(std::mem::take(&mut self.severities))
            }
            _ => {
                let given = self.expr(expr);
                if matches!(given, Type::Int | Type::Float) {
                    let problem = "gives a number, where true or false is needed";
                    self.fault(expr.position(), problem, "compare it with a limit, for example `value >= hh`");
                }
                Gives::Bool
            }
        }
    }

    /// A block that gives a severity name: a name in quotes, or an `if` whose every branch gives one.
    fn grade(&mut self, block: &StmtBlock, at: Position) {
        match block.statements() {
            [Stmt::If(flow, _)] => self.graded_if(flow),
            [Stmt::Expr(expr)] => match &**expr {
                Expr::StringConstant(name, _) if name.is_empty() => {}
                Expr::StringConstant(name, at) => match Severity::parse(name) {
                    Some(severity) => self.severities.push(severity),
                    None => {
                        let known = Severity::ALL.map(Severity::name);
                        let problem = format!("`{name}` is no severity{}", did_you_mean(name, known));
                        self.fault(*at, problem, "use \"blue\", \"yellow\", \"orange\", \"red\", or \"\" for none");
                    }
                },
                Expr::Stmt(block) => self.grade(block, expr.position()),
                other => {
                    let problem = "a branch of `if` gives something other than a severity name";
                    self.fault(
                        other.position(),
                        problem,
                        "write a name such as \"red\", or join bools by `&&` and `||`",
                    );
                }
            },
            [] => {
                self.fault(at, "a branch of `if` is missing", "end with `else { \"\" }`, which means no alarm");
            }
            _ => {
                self.fault(at, "has statements in it", "write one expression; conditions remember nothing");
            }
        }
    }

    fn graded_if(&mut self, flow: &FlowControl) {
        let given = self.expr(&flow.expr);
        self.want_bool(given, flow.expr.position(), "`if`");
        self.grade(&flow.body, flow.expr.position());
        self.grade(&flow.branch, flow.expr.position());
    }

    fn expr(&mut self, expr: &Expr) -> Type {
        match expr {
            Expr::BoolConstant(..) => Type::Bool,
            Expr::IntegerConstant(..) => Type::Int,
            Expr::FloatConstant(number, at) => {
                if number.is_finite() {
                    Type::Float
                } else {
                    self.fault(*at, "holds a number too large to be one", "write a number of at most 1e308")
                }
            }
            Expr::Variable(name, _, at) => self.variable(&name.1, *at),
            Expr::And(parts, _) => self.joined(parts, "`&&`"),
            Expr::Or(parts, _) => self.joined(parts, "`||`"),
            Expr::FnCall(call, at) => self.call(call, *at),
            Expr::StringConstant(text, at) => {
                let problem = format!("the text \"{text}\" stands where a number or a bool is needed");
                self.fault(
                    *at,
                    problem,
                    "texts are only for severity names behind `if` and for the name in `tag(\"…\")`",
                )
            }
            Expr::Stmt(_) => {
                let problem = "`if` or a block stands inside an expression";
                self.fault(expr.position(), problem, "let `if` be the whole condition, or use `&&` and `||`")
            }
            other => {
                let problem = "uses a construct that conditions do not have";
                self.fault(
                    other.position(),
                    problem,
                    "use numbers, comparisons, `&&`, `||`, `!` and the known names only",
                )
            }
        }
    }

    fn joined(&mut self, parts: &[Expr], what: &str) -> Type {
        for part in parts {
            let given = self.expr(part);
            self.want_bool(given, part.position(), what);
        }
        Type::Bool
    }

    fn variable(&mut self, name: &str, at: Position) -> Type {
        let Some(column) = variable(name) else {
            let (problem, remedy) = unknown_variable(name);
            return self.fault(at, problem, remedy);
        };
        self.column(column)
    }

    fn column(&mut self, column: Column) -> Type {
        let given = if column.is_bool() { Type::Bool } else { Type::Float };
        if !self.columns.contains(&column) {
            self.columns.push(column);
        }
        given
    }

    fn call(&mut self, call: &FnCallExpr, at: Position) -> Type {
        let name = call.name.as_str();
        if is_input(call) {
            return self.input(call, at);
        }
        if name == HELD {
            return self.held(call, at);
        }
        let args: Vec<(Type, Position)> = call.args.iter().map(|arg| (self.expr(arg), arg.position())).collect();
        match (name, args.as_slice()) {
            ("-" | "+" | "abs", [arg]) => self.number(name, *arg),
            ("!", [(given, at)]) => {
                self.want_bool(*given, *at, "`!`");
                Type::Bool
            }
            ("+" | "-" | "*" | "/" | "%" | "max" | "min", [left, right]) => self.arithmetic(name, *left, *right),
            ("==" | "!=" | ">" | "<" | ">=" | "<=", [left, right]) => self.comparison(name, *left, *right),
            ("**", _) => {
                let problem = "`**` may differ in the last bit between machines";
                self.fault(at, problem, "multiply instead: `value * value`")
            }
            (".." | "..=" | "contains", _) => self.fault(at, "uses a range or `in`", "write `a <= value && value < b`"),
            ("&" | "|" | "^", _) => self.fault(at, format!("`{name}` works on bits"), "join bools by `&&` and `||`"),
            _ => self.unknown_call(name, args.len(), at),
        }
    }

    fn input(&mut self, call: &FnCallExpr, at: Position) -> Type {
        match called(call, self.known) {
            Ok(column) => self.column(column),
            Err((problem, remedy)) => self.fault(at, problem, remedy),
        }
    }

    /// A condition inside the condition reads columns of its own.
    fn held(&mut self, call: &FnCallExpr, at: Position) -> Type {
        if self.is_inside {
            return self.fault(at, "has `held` inside `held`", "write one `held` for all of it, joined by `&&`");
        }
        let (inside, window_s) = match held::arguments(call) {
            Ok(arguments) => arguments,
            Err((problem, remedy)) => return self.fault(at, problem, remedy),
        };
        let (around, faults) = (std::mem::take(&mut self.columns), self.faults.len());
        self.is_inside = true;
        let given = self.expr(inside);
        self.want_bool(given, inside.position(), "`held`");
        self.is_inside = false;
        let columns = std::mem::replace(&mut self.columns, around);
        if self.faults.len() > faults {
            return Type::Unknown;
        }
        if columns.is_empty() {
            return self.fault(at, "`held` is given a condition that reads nothing", "compare an input with something");
        }
        if columns.contains(&Column::Age) {
            return self.fault(
                at,
                "reads `age()` inside `held`",
                "write an absence rule: `age() > 600.0` is its delay",
            );
        }
        let Some(text) = held::text_at(self.source, at).map(str::to_owned) else {
            return self.fault(
                at,
                "has a `held` whose end is not found",
                "write it plainly, as in `held(value >= h, 60)`",
            );
        };
        if !self.insides.iter().any(|known| known.text == text) {
            self.insides.push(Inside { text: text.clone(), window_s, expr: inside.clone(), columns });
        }
        self.column(Column::Held(text))
    }

    fn number(&mut self, name: &str, (given, at): (Type, Position)) -> Type {
        if given == Type::Bool { self.no_number(name, at) } else { given }
    }

    fn arithmetic(&mut self, name: &str, left: (Type, Position), right: (Type, Position)) -> Type {
        match (self.number(name, left), self.number(name, right)) {
            (Type::Unknown, _) | (_, Type::Unknown) => Type::Unknown,
            (Type::Int, Type::Int) if matches!(name, "/" | "%") => {
                let problem = format!("`{name}` between two whole numbers drops what is behind the point");
                self.fault(left.1, problem, "give one of them a decimal point: `1.0 / 2`")
            }
            (Type::Int, Type::Int) => Type::Int,
            _ => Type::Float,
        }
    }

    fn comparison(&mut self, name: &str, left: (Type, Position), right: (Type, Position)) -> Type {
        match (left.0, right.0) {
            (Type::Unknown, _) | (_, Type::Unknown) => Type::Bool,
            (Type::Bool, Type::Bool) if matches!(name, "==" | "!=") => Type::Bool,
            (Type::Bool, Type::Bool) => {
                self.fault(left.1, format!("`{name}` compares two bools"), "join bools by `&&`, `||`, `==` or `!=`")
            }
            (Type::Bool, number) | (number, Type::Bool) => {
                let problem = format!("`{name}` compares a bool with {}, which is never true", number.name());
                self.fault(left.1, problem, "use a bool as it stands: `bad` or `!bad`, and `a < b && b < c` for a span")
            }
            _ => Type::Bool,
        }
    }

    fn no_number(&mut self, name: &str, at: Position) -> Type {
        self.fault(at, format!("`{name}` is given a bool"), "give it numbers; join bools by `&&` and `||`")
    }

    fn want_bool(&mut self, given: Type, at: Position, what: &str) {
        if matches!(given, Type::Int | Type::Float) {
            self.fault(
                at,
                format!("{what} is given {}", given.name()),
                "compare it with something, as in `value >= hh`",
            );
        }
    }

    fn unknown_call(&mut self, name: &str, arguments: usize, at: Position) -> Type {
        if matches!(name, "max" | "min" | "abs") {
            let wanted = if name == "abs" { "one number" } else { "two numbers" };
            return self.fault(at, format!("`{name}` is given {arguments} arguments"), format!("give it {wanted}"));
        }
        if INEXACT.contains(&name) {
            let problem = format!("`{name}` may differ in the last bit between machines");
            return self.fault(at, problem, "use arithmetic, or put the finished number into a limit");
        }
        if name == NOT_CARRIED {
            let problem = format!("`{name}` is a word of the rule language that this version does not carry yet");
            return self.fault(at, problem, "write the condition without it, or wait for a version that has it");
        }
        let known = FUNCTIONS.into_iter().chain(past::names()).chain(around::CALLS).chain(VARIABLES);
        let problem = format!("unknown function `{name}`{}", did_you_mean(name, known));
        self.fault(at, problem, "use a function of the rule language: seeds/rules/README.md lists them")
    }
}

/// The parser counts from 1.
pub(crate) fn place(at: Position) -> Option<(usize, usize)> {
    Some((at.line()?.saturating_sub(1), at.position().unwrap_or(1).saturating_sub(1)))
}

/// Problem and remedy for a name that is none; the parser finds most of them before the check does.
pub(crate) fn unknown_variable(name: &str) -> (String, String) {
    if FUNCTIONS.contains(&name) || past::shape(name).is_some() || around::CALLS.contains(&name) {
        let call = if name == "age" { "age()".to_owned() } else { format!("{name}(…)") };
        return (format!("`{name}` is a function"), format!("call it: `{call}`"));
    }
    let problem = format!("unknown name `{name}`{}", did_you_mean(name, VARIABLES));
    (problem, format!("use one of {}, or tag(\"…\") for another point of the equipment", VARIABLES.join(", ")))
}
