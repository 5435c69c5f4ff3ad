//! The rhai engine that conditions are parsed and run in: arithmetic and logic, and nothing else that could wait,
//! look at the clock, remember, print or run away. Must not know rules. Pure.

use rhai::packages::{ArithmeticPackage, LogicPackage, Package};
use rhai::{AST, Engine, Expr, OptimizationLevel, ParseError, Scope, Stmt, StmtBlock};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A condition is one line of thought. Also bounds what the parser may be made to do.
pub(crate) const SOURCE_MAX: usize = 1_000;
/// Every operator counts; a condition of `SOURCE_MAX` characters has no more than that.
const OPERATIONS_MAX: u64 = 2_000;
const DEPTH_MAX: usize = 32;
/// Tag type ids are the longest strings.
const STRING_MAX: usize = 128;

/// One engine serves all conditions of a rule set.
///
/// `BasicMathPackage` is left out on purpose: what is allowed of it (nothing but `abs`, `max`, `min`) lives in the
/// two packages that are here, the rest calls the platform's libm. Optimisation is off: it changes results
/// (`let a = 1; a && true`), and the same tree must be interpreted and, later, compiled.
pub(crate) fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_allow_looping(false);
    engine.set_allow_loop_expressions(false);
    engine.set_allow_switch_expression(false);
    engine.set_allow_statement_expression(false);
    engine.set_allow_shadowing(false);
    engine.set_max_operations(OPERATIONS_MAX);
    engine.set_max_expr_depths(DEPTH_MAX);
    engine.set_max_string_size(STRING_MAX);
    engine.set_max_variables(SOURCE_MAX);
    // Keywords of the language itself. What is a mere function, like `sleep`, is not there to be called.
    for word in ["eval", "print", "debug", "Fn", "call", "curry", "type_of", "is_def_var"] {
        engine.disable_symbol(word);
    }
    engine
}

/// Why a text is no condition, before its meaning is looked at.
pub(crate) enum Unreadable {
    Parse(ParseError),
    /// The parser itself gave up; the text is at fault all the same.
    Panicked,
}

/// Parses one expression. `words` are the variables that it may name.
pub(crate) fn parse<'a>(
    engine: &Engine,
    words: impl IntoIterator<Item = &'a str>,
    source: &str,
) -> Result<AST, Unreadable> {
    let mut scope = Scope::new();
    for word in words {
        scope.push(word, 0.0_f64);
    }
    catch_unwind(AssertUnwindSafe(|| engine.compile_expression_with_scope(&scope, source)))
        .map_err(|_| Unreadable::Panicked)?
        .map_err(Unreadable::Parse)
}

/// The same condition with its calls of `tag("…")` and `age()` replaced by variables of that very name, so that
/// they are input columns like `value`, and a compiled program finds nothing in it that could have an effect.
/// `input_of` names the input behind a call, if it is one.
pub(crate) fn with_inputs(ast: &AST, input_of: &dyn Fn(&Expr) -> Option<String>) -> AST {
    let mut body = StmtBlock::new(ast.statements().iter().cloned(), rhai::Position::NONE, rhai::Position::NONE);
    replace_in_block(&mut body, input_of);
    AST::new(body)
}

fn replace_in_block(block: &mut StmtBlock, input_of: &dyn Fn(&Expr) -> Option<String>) {
    for statement in block.statements_mut().iter_mut() {
        match statement {
            Stmt::Expr(expr) => replace(expr, input_of),
            Stmt::If(flow, _) => {
                replace(&mut flow.expr, input_of);
                replace_in_block(&mut flow.body, input_of);
                replace_in_block(&mut flow.branch, input_of);
            }
            // The type check lets no other statement pass.
            _ => {}
        }
    }
}

fn replace(expr: &mut Expr, input_of: &dyn Fn(&Expr) -> Option<String>) {
    if let Some(name) = input_of(expr) {
        *expr = Expr::Variable(Box::new((None, name.into())), None, expr.position());
        return;
    }
    match expr {
        Expr::FnCall(call, _) => call.args.iter_mut().for_each(|arg| replace(arg, input_of)),
        Expr::And(parts, _) | Expr::Or(parts, _) => parts.iter_mut().for_each(|part| replace(part, input_of)),
        Expr::Stmt(block) => replace_in_block(block, input_of),
        // Literals and variables; the type check lets nothing else pass.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{engine, parse};

    /// Each of these would wait, look at the clock, speak, loop or grow, if it could be parsed and run.
    #[test]
    fn what_a_condition_must_not_do_cannot_be_done() {
        let texts = [
            "sleep(1)",
            "sleep(0.1)",
            "timestamp()",
            "eval(\"1\")",
            "print(\"x\")",
            "debug(1)",
            "exit()",
            "rand()",
            "parse_int(\"1\")",
            "to_string(1)",
            "Fn(\"abs\")",
            "call(1)",
            "loop { }",
            "while true { }",
            "for x in 0..9 { }",
            "let x = 1",
            "fn f() { 1 }",
            "import \"x\"",
            "[1, 2]",
            "#{ a: 1 }",
            "|x| x",
            "sin(1.0)",
            "sqrt(2.0)",
            "throw 1",
            "try { 1 } catch { 2 }",
            "type_of(1)",
            "is_def_var(\"value\")",
            "value = 1.0",
            "undefined > 1.0",
        ];
        let engine = engine();
        for text in texts {
            let Ok(ast) = parse(&engine, ["value"], text) else { continue };
            let mut scope = rhai::Scope::new();
            scope.push("value", 1.0_f64);
            let outcome = engine.eval_ast_with_scope::<rhai::Dynamic>(&mut scope, &ast);
            assert!(outcome.is_err(), "`{text}` gave {outcome:?}");
        }
    }

    #[test]
    fn text_does_not_grow_without_end() {
        let text = format!("\"{}\" + \"{}\"", "a".repeat(120), "b".repeat(120));
        let engine = engine();
        let outcome = parse(&engine, [], &text).ok().map(|ast| engine.eval_ast::<rhai::Dynamic>(&ast));
        assert!(!matches!(outcome, Some(Ok(_))), "{outcome:?}");
    }
}
