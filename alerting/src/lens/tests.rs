//! What a lens says of rows whose inputs cannot be made. Pure.

use super::*;
use rules::set::{RuleSet, Source, Vocabulary};

#[test]
fn a_native_that_panics_fails_its_row_and_no_other() {
    let mut known = Vocabulary::default();
    known.tag_types.insert("gas.lel".to_owned(), "%LEL".to_owned());
    let text = "[[rule]]\nid = \"A-1\"\nname = { zh = \"a\", en = \"a\" }\non = [\"gas.lel\"]\nseverity = \"red\"\n\
                action = { zh = \"a\", en = \"a\" }\nwhen = \"value > 1.0 && or(rate(60), 0.0) >= 0.0\"\n\
                clear = \"value < 1.0 && rate(60) < 9.0\"\n";
    let source = Source { file: "t.toml".to_owned(), text: text.to_owned() };
    let rules = RuleSet::load(&[source], &known).unwrap();
    let rule = &rules.rules()[0];
    let mut lens = Lens::new(rule, &[]);
    let cell = |value: f64, panics: bool| {
        move |feed| match feed {
            Feed::Past(_) => {
                assert!(!panics, "for a test");
                1.0
            }
            _ => value,
        }
    };
    for (value, in_when, in_clear) in [(2.0, false, false), (2.0, true, false), (0.0, false, true), (0.0, false, false)]
    {
        lens.instances.push(0);
        lens.when.push_of(&cell(value, in_when));
        lens.clear.as_mut().unwrap().push_of(&cell(value, in_clear));
    }
    lens.judge(rule, &[], &|_| true);
    let said: Vec<Said> = (0..4).map(|row| lens.said(row, rule, Severity::Red)).collect();
    let failed = "`rate(60)` panicked";
    let expected = [
        Said::Seen(Sight::Breach(Severity::Red)),
        Said::Failed("`or(rate(60), 0)` panicked"),
        Said::FailedBack(failed),
        Said::Seen(Sight::Over),
    ];
    assert_eq!(said, expected);
    lens.clear();
    assert!(lens.is_empty() && lens.when.failed.is_empty());
}
