//! Conditions over frames: tables of (condition, row, verdict), and rhai's float comparisons pinned edge by edge.
//! Pure.

#![allow(clippy::unwrap_used, reason = "a condition that does not load has failed the test")]

use rules::judge::{Frame, Verdict};
use rules::reading::Severity;
use rules::rule::Rule;
use rules::set::{RuleSet, Source, Vocabulary};

/// A set of one rule with the given lines beside the required ones.
fn set(lines: &str) -> RuleSet {
    let head =
        "[[rule]]\nid = \"T-1\"\nname = { zh = \"试\", en = \"Trial\" }\nsector = \"dust\"\non = [\"dust.dp\"]\n";
    let tail = "\nseverity = \"blue\"\nseverity_max = \"red\"\naction = { zh = \"查\", en = \"Look\" }\n";
    let source = Source { file: "t.toml".to_owned(), text: format!("{head}{lines}{tail}") };
    let tags = ["dust.dp", "dust.fan_run", "prod.run"].map(|tag| (tag.to_owned(), String::new()));
    let known = Vocabulary { tag_types: tags.into(), sectors: ["dust".to_owned()].into() };
    RuleSet::load(&[source], &known).unwrap_or_else(|errors| panic!("{lines}: {errors:?}"))
}

fn when(condition: &str) -> RuleSet {
    set(&format!("when = '''{condition}'''"))
}

fn rule(set: &RuleSet) -> &Rule {
    set.rules().first().unwrap()
}

fn judge(set: &RuleSet, rows: &[&[f64]]) -> Vec<Verdict> {
    let program = &rule(set).when;
    let mut frame = Frame::for_program(program);
    rows.iter().for_each(|row| frame.push_row(row));
    let mut verdicts = Vec::new();
    program.judge(&frame, &mut verdicts);
    verdicts
}

#[test]
fn one_row_at_a_time() {
    use Verdict::{Fires, Missing, Quiet};
    let graded = "if value >= hh { \"red\" } else if value >= h { \"yellow\" } else { \"\" }";
    let nan = f64::NAN;
    let table: [(&str, &[f64], Verdict); 28] = [
        ("value >= hh", &[90.0, 90.0], Fires(None)),
        ("value >= hh", &[89.9, 90.0], Quiet),
        ("value >= hh", &[nan, 90.0], Missing),
        ("value >= hh", &[90.0, nan], Missing),
        ("value >= hh", &[90.0], Missing),
        ("value >= 90", &[90.0], Fires(None)),
        ("90 <= value", &[90.0], Fires(None)),
        ("value > 2 * 3600", &[7200.5], Fires(None)),
        ("bad", &[1.0], Fires(None)),
        ("bad", &[0.0], Quiet),
        ("!bad && value > 1.0", &[0.0, 2.0], Fires(None)),
        ("bad == false", &[0.0], Fires(None)),
        ("bad || value < range_lo || value > range_hi", &[0.0, 5.0, 0.0, 100.0], Quiet),
        ("bad || value < range_lo || value > range_hi", &[0.0, -0.1, 0.0, 100.0], Fires(None)),
        ("bad || value < range_lo || value > range_hi", &[1.0, 5.0, 0.0, 100.0], Fires(None)),
        ("max(value, 3) > 2.5", &[1.0], Fires(None)),
        ("min(value, 3.0) > 2.5", &[1.0], Quiet),
        ("abs(value) > 2.5", &[-3.0], Fires(None)),
        ("-value > 2.5", &[-3.0], Fires(None)),
        ("value % 2.0 == 1.0", &[7.0], Fires(None)),
        ("value * value / 2.0 - 1.0 > 7.0 + 0.5", &[5.0], Fires(None)),
        ("tag(\"prod.run\") == 1.0 && tag(\"dust.fan_run\") == 0.0", &[1.0, 0.0], Fires(None)),
        ("tag(\"prod.run\") == 1.0 && tag(\"dust.fan_run\") == 0.0", &[1.0, 1.0], Quiet),
        ("tag(\"prod.run\") == 1.0 && tag(\"dust.fan_run\") == 0.0", &[0.0, nan], Missing),
        (graded, &[95.0, 90.0, 85.0], Fires(Some(Severity::Red))),
        (graded, &[86.0, 90.0, 85.0], Fires(Some(Severity::Yellow))),
        (graded, &[80.0, 90.0, 85.0], Quiet),
        ("(value > 1.0 && // why\n value < 2.0)", &[1.5], Fires(None)),
    ];
    for (condition, row, expected) in table {
        assert_eq!(judge(&when(condition), &[row]), [expected], "{condition} {row:?}");
    }
}

#[test]
fn columns_come_in_the_order_of_their_first_mention() {
    let set = when("hh < value || tag(\"prod.run\") > period && value > range_lo || bad");
    let names: Vec<String> = rule(&set).when.columns().iter().map(rules::rule::Column::name).collect();
    assert_eq!(names, ["hh", "value", "tag(\"prod.run\")", "period", "range_lo", "bad"]);
    assert_eq!(rule(&set).when.source(), "hh < value || tag(\"prod.run\") > period && value > range_lo || bad");
}

#[test]
fn many_rows_give_as_many_verdicts_in_order() {
    let rows: Vec<[f64; 2]> =
        (0..1_000).map(|n| [f64::from(n % 7), if n % 11 == 0 { f64::NAN } else { 3.0 }]).collect();
    let rows: Vec<&[f64]> = rows.iter().map(<[f64; 2]>::as_slice).collect();
    let set = when("value > hh");
    let together = judge(&set, &rows);
    let alone: Vec<Verdict> = rows.iter().flat_map(|row| judge(&set, &[row])).collect();
    assert_eq!(together, alone);
    assert_eq!(together.len(), 1_000);
}

#[test]
fn the_way_back_moves_the_value_toward_the_alarm() {
    let table = [
        ("when = \"value >= hh\"\nlimit = \"hh\"\nlimits = { hh = 90.0 }", 88.0),
        ("when = \"value >= h\"\nlimit = \"h\"\nlimits = { h = 90.0 }", 88.0),
        ("when = \"value <= l\"\nlimit = \"l\"\nlimits = { l = 90.0 }", 84.0),
        ("when = \"value <= ll\"\nlimit = \"ll\"\nlimits = { ll = 90.0 }", 84.0),
        ("when = \"value >= 90.0\"", 86.0),
        ("when = \"value >= hh\"\nclear = \"value < hh - 5.0\"\nlimit = \"hh\"\nlimits = { hh = 90.0 }", 86.0),
    ];
    for (lines, expected) in table {
        assert_eq!(rule(&set(lines)).way_back_value(86.0, 2.0), expected, "{lines}");
    }
}

#[test]
fn only_a_clear_answer_ends_a_breach() {
    let fails = Verdict::Fails("for a test".to_owned());
    let by_default = when("value >= 90.0");
    let by_clear = set("when = \"value >= 90.0\"\nclear = \"value < 85.0\"");
    for (verdict, default, own) in [
        (Verdict::Quiet, true, false),
        (Verdict::Fires(None), false, true),
        (Verdict::Missing, false, false),
        (fails, false, false),
    ] {
        assert_eq!(rule(&by_default).is_over(&verdict), default, "{verdict:?}");
        assert_eq!(rule(&by_clear).is_over(&verdict), own, "{verdict:?}");
    }
    assert_eq!(rule(&by_default).way_back().source(), "value >= 90.0");
    assert_eq!(rule(&by_clear).way_back().source(), "value < 85.0");
}

/// rhai compares floats with a relative epsilon. A compiled program must do the same, so the exact form is written
/// out here once more and compared with the interpreter on every pair of edges.
#[test]
fn float_comparisons_keep_their_relative_epsilon() {
    let up = |x: f64, n: u64| f64::from_bits(x.to_bits() + n);
    let mut edges = vec![0.0, 5e-324, f64::MIN_POSITIVE, f64::EPSILON, 0.1 + 0.2, 0.3, 1.0, 1e-300, 1e308, f64::MAX];
    for near in [1.0, 90.0, 0.3, 1e16, f64::EPSILON] {
        edges.extend([up(near, 1), up(near, 2), up(near, 3), near * (1.0 - f64::EPSILON)]);
    }
    edges.push(f64::INFINITY);
    let all: Vec<f64> = edges.iter().flat_map(|x| [*x, -*x]).collect();
    let pairs: Vec<[f64; 2]> = all.iter().flat_map(|x| all.iter().map(|y| [*x, *y])).collect();
    let rows: Vec<&[f64]> = pairs.iter().map(<[f64; 2]>::as_slice).collect();
    let mut unlike_ieee = 0;
    for operator in [">", "<", ">=", "<=", "==", "!="] {
        for (verdict, pair) in judge(&when(&format!("value {operator} hh")), &rows).iter().zip(&pairs) {
            let &[x, y] = pair;
            let (relative, ieee) = compared(operator, x, y);
            assert_eq!(*verdict == Verdict::Fires(None), relative, "{x:e} {operator} {y:e}");
            unlike_ieee += u32::from(relative != ieee);
        }
    }
    assert!(unlike_ieee > 100, "the edges are no edges: {unlike_ieee}");
}

/// The comparison as rhai makes it, without division, and as the processor makes it.
fn compared(operator: &str, x: f64, y: f64) -> (bool, bool) {
    let m = if x * y == 0.0 { 1.0 } else { x.abs().max(y.abs()) };
    let e = f64::EPSILON * m;
    let finite = m < f64::INFINITY;
    match operator {
        ">" => (x - y > e, x > y),
        "<" => (y - x > e, x < y),
        ">=" => (x - y > -e && finite, x >= y),
        "<=" => (y - x > -e && finite, x <= y),
        "==" => ((x - y).abs() <= e && finite, x == y),
        _ => ((x - y).abs() > e, x != y),
    }
}

#[test]
fn what_rhai_does_at_the_edges_stays_as_it_is() {
    let inf = f64::INFINITY;
    let table: [(&str, f64, bool); 12] = [
        ("value > 5.0", inf, false),
        ("value >= 5.0", inf, false),
        ("value < 5.0", inf, false),
        ("value == 0.3", 0.1 + 0.2, true),
        // Not a number, made on the way: it compares as if it were near everything.
        ("value - value >= 0.0", inf, true),
        ("value - value <= 0.0", inf, true),
        ("value - value > 0.0", inf, false),
        ("value - value == 0.0", inf, true),
        ("1.0 / value > 1e300", 0.0, false),
        ("max(value - value, 1.0) == 1.0", inf, true),
        ("max(1.0, value - value) == 1.0", inf, false),
        ("value + 1 == 1 + value", 0.5, true),
    ];
    for (condition, value, expected) in table {
        let verdict = judge(&when(condition), &[&[value]]);
        assert_eq!(verdict == [Verdict::Fires(None)], expected, "{condition} at {value}: {verdict:?}");
    }
}

#[test]
fn what_the_registry_says_is_read_like_any_other_input() {
    use Verdict::{Fires, Missing, Quiet};
    let graded = "if value > oel && (hazard_level <= 2 || highly_toxic) { \"red\" } else if status(\"closed\") { \"blue\" } else { \"\" }";
    let table: [(&str, &[f64], Verdict); 14] = [
        ("hazard_level <= 2", &[2.0], Fires(None)),
        ("hazard_level <= 2", &[5.0], Quiet),
        ("highly_toxic", &[1.0], Fires(None)),
        ("!highly_toxic", &[1.0], Quiet),
        ("value >= 2.0 * oel", &[1.9, 1.0], Quiet),
        ("value >= 2.0 * oel", &[2.0, f64::NAN], Missing),
        ("value > max(1.5 * idle_kw, 0.1 * production_kw)", &[51.0, 20.0, 500.0], Fires(None)),
        ("value >= 0.2 * rated_kw", &[80.0, 400.0], Fires(None)),
        ("status(\"ordered_to_stop\") && value > 0.0", &[0.0, 1.0], Quiet),
        ("status(\"ordered_to_stop\") || status(\"closed\")", &[0.0, 1.0], Fires(None)),
        ("sector(\"dust\") == role(\"production\")", &[1.0, 1.0], Fires(None)),
        (graded, &[2.0, 1.0, 3.0, 1.0, 0.0], Fires(Some(Severity::Red))),
        (graded, &[2.0, 1.0, 3.0, 0.0, 1.0], Fires(Some(Severity::Blue))),
        (graded, &[2.0, 1.0, 3.0, 0.0, 0.0], Quiet),
    ];
    for (condition, row, expected) in table {
        assert_eq!(judge(&when(condition), &[row]), [expected], "{condition} {row:?}");
    }
    let set = when("role(\"general\") && value > oel || role(\"general\") && hazard_level < 3.0 && value > oel");
    let facts: Vec<String> = rule(&set).facts().iter().map(rules::fact::Fact::name).collect();
    assert_eq!(facts, ["role(\"general\")", "oel", "hazard_level"], "each once, in the order of its first mention");
}

/// What a condition says of facts is what plain arithmetic says of the same numbers, whatever they are.
#[test]
fn facts_decide_as_their_numbers_do() {
    let set = when(
        "sector(\"dust\") && value > max(1.5 * idle_kw, 0.1 * production_kw) || hazard_level <= 2 && value >= 2.0 * oel",
    );
    let mut seed = 0x9E37_79B9_u64;
    let mut dice = |sides: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % sides
    };
    let small = |n: u64| f64::from(u32::try_from(n).unwrap());
    let rows: Vec<[f64; 6]> = (0..2_000)
        .map(|_| {
            [small(dice(2)), small(dice(60)), small(dice(40)), small(dice(400)), small(1 + dice(5)), small(dice(30))]
        })
        .collect();
    let borrowed: Vec<&[f64]> = rows.iter().map(<[f64; 6]>::as_slice).collect();
    for (verdict, row) in judge(&set, &borrowed).iter().zip(&rows) {
        let [dust, value, idle, production, level, oel] = *row;
        let expected = dust == 1.0 && value > (1.5 * idle).max(0.1 * production) || level <= 2.0 && value >= 2.0 * oel;
        assert_eq!(*verdict == Verdict::Fires(None), expected, "{row:?}");
    }
}
