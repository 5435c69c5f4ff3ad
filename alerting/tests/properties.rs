//! What must hold whatever comes in: cutting into records does not matter, a restored fold goes on alike, at most one
//! alarm stands for a rule on an object, and `fast` rows are newer than everything before. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;
mod story;

use alerting::alarm::{AlarmChange, AlarmState, Cause};
use alerting::effect::{Columns, Effects};
use alerting::input::Input;
use alerting::state::State;
use district::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rules::reading::Severity;
use std::collections::BTreeMap;
use story::*;

/// By alarm: its changes in order.
fn histories(effects: &[Effects]) -> BTreeMap<u64, Vec<AlarmChange>> {
    let mut histories: BTreeMap<u64, Vec<AlarmChange>> = BTreeMap::new();
    for change in effects.iter().flat_map(changes) {
        histories.entry(change.alarm.id.0).or_default().push(change);
    }
    histories
}

fn stored(effects: &[Effects]) -> (Vec<Columns>, u32) {
    let mut all = vec![Columns::default(), Columns::default()];
    let mut duplicates = 0;
    for effects in effects {
        for (into, from) in all.iter_mut().zip([&effects.readings.fast, &effects.readings.late]) {
            into.point.extend(&from.point);
            into.event_us.extend(&from.event_us);
            into.value.extend(&from.value);
            into.quality.extend(&from.quality);
            into.device_us.extend(&from.device_us);
            into.received_us.extend(&from.received_us);
            into.flags.extend(&from.flags);
        }
        duplicates += effects.readings.duplicates;
    }
    (all, duplicates)
}

fn check_open(state: &State) {
    let mut seen = BTreeMap::new();
    for alarm in state.open_alarms() {
        // The alarm of a failing rule names it in its text only.
        let owner = (alarm.rule.clone(), alarm.object.clone());
        assert!(seen.insert(owner, alarm.id).is_none(), "two open alarms of {} on {:?}", alarm.rule, alarm.object);
        assert!(alarm.state.is_open());
        assert_eq!(state.alarm(alarm.id), Some(alarm));
    }
    assert!(state.next_deadline().is_none_or(|due| due > state.now()), "a deadline lies behind");
}

fn check_change(change: &AlarmChange) {
    use AlarmState::{
        Acknowledged as C, Normal as A, ReturnedUnacknowledged as D, SuppressedByDesign as F, Unacknowledged as B,
    };
    let legal = match change.cause {
        Cause::Raised => matches!((change.from, change.to), (A, B)),
        Cause::BreachedAgain => matches!((change.from, change.to), (B | C | D, B)),
        Cause::Returned => match change.alarm.severity {
            Severity::Blue => matches!((change.from, change.to), (B | C, A)),
            _ => matches!((change.from, change.to), (B, D) | (C, A)),
        },
        Cause::Acknowledged => matches!((change.from, change.to), (B, C) | (D, A)),
        Cause::SeverityRaised => matches!((change.from, change.to), (B | C, B) | (F, F)),
        Cause::Suppressed => matches!((change.from, change.to), (A | B | C | D | F, F)),
        Cause::Released => matches!((change.from, change.to), (F, B)),
        Cause::Latched => change.from == change.to && change.to != A && change.to != D,
        Cause::Reset => matches!((change.from, change.to), (B | C | F, A)),
        Cause::Adopted => change.from == change.to,
        Cause::RuleRemoved | Cause::Superseded => change.to == A,
    };
    assert!(legal, "{change:?}");
    assert_eq!(change.alarm.state, change.to);
    assert_eq!(change.alarm.closed_at.is_some(), change.to == A);
}

/// Per point: receive times strictly rise, and a fast row is newer than all rows before it.
fn check_stored(columns: &[Columns]) {
    let mut rows = Vec::new();
    for (lane, columns) in columns.iter().enumerate() {
        for n in 0..columns.len() {
            rows.push((columns.point[n], columns.received_us[n], columns.event_us[n], lane == 0));
        }
    }
    rows.sort_unstable();
    let mut newest: BTreeMap<u32, (i64, i64)> = BTreeMap::new();
    for (point, received, event, fast) in rows {
        let (last_received, last_event) = newest.get(&point).copied().unwrap_or((i64::MIN, i64::MIN));
        assert!(received > last_received, "two readings of one point at one receive time");
        assert!(!fast || event > last_event, "a fast row is not newer");
        newest.insert(point, (received, event.max(last_event)));
    }
}

/// The stories below say something of every word of the rules.
#[test]
fn stories_tell_of_every_word() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..400 {
        let tree = story(timed()).new_tree(&mut runner).expect("a story");
        let (told, cuts) = worded((inputs(&tree.current()), vec![true; 40]));
        for change in fold(&records(&told, &cuts), true).0.iter().flat_map(changes) {
            *seen.entry(format!("{} {:?}", change.alarm.rule, change.cause)).or_default() += 1;
        }
    }
    for cause in ["Raised", "Latched", "BreachedAgain", "Reset"] {
        let times = seen.get(&format!("W-LATCH {cause}")).copied().unwrap_or_default();
        assert!(times >= 5, "W-LATCH {cause}: {times}");
    }
    for rule in ["W-SOURCE", "W-SPARK", "W-MEAN", "W-GAS"] {
        for cause in ["Raised", "Returned", "SeverityRaised"] {
            let times = seen.get(&format!("{rule} {cause}")).copied().unwrap_or_default();
            assert!(times >= 5 || (rule == "W-MEAN" && cause == "SeverityRaised"), "{rule} {cause}: {times}");
        }
    }
    for rule in ["P-WINDOW", "P-LONG", "P-PAIR", "P-SWITCH", "P-OVER", "P-HELD"] {
        let times =
            ["Raised", "Returned"].map(|cause| seen.get(&format!("{rule} {cause}")).copied().unwrap_or_default());
        assert!(times.iter().all(|times| *times >= 5), "{rule}: {times:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cutting_into_records_does_not_matter(
        story in story(timed()),
        cuts in prop::collection::vec(any::<bool>(), 40),
        ticks in any::<bool>(),
        words in any::<bool>(),
    ) {
        let told = (inputs(&story), cuts);
        let (told, cuts) = if words { worded(told) } else { told };
        let one_by_one = fold(&records(&told, &[true; 41]), true);
        let cut = fold(&records(&told, &cuts), ticks);
        prop_assert_eq!(histories(&one_by_one.0), histories(&cut.0));
        prop_assert_eq!(stored(&one_by_one.0), stored(&cut.0));
        let outcomes = |all: &[Effects]| all.iter().flat_map(|e| e.outcomes.clone()).collect::<Vec<_>>();
        prop_assert_eq!(outcomes(&one_by_one.0), outcomes(&cut.0));
        prop_assert_eq!(one_by_one.1, cut.1, "the states differ");
    }

    #[test]
    fn whatever_comes_in_the_books_are_right(
        story in story(anything()),
        cuts in prop::collection::vec(any::<bool>(), 40),
        words in any::<bool>(),
    ) {
        let mut fold = Fold::started();
        let mut all = Vec::new();
        let mut readings = 0;
        let told = (inputs(&story), cuts);
        let (told, cuts) = if words { worded(told) } else { told };
        for Record { now, inputs, .. } in records(&told, &cuts) {
            readings += inputs
                .iter()
                .map(|input| if let Input::Delivery(delivery) = input { delivery.readings.len() } else { 0 })
                .sum::<usize>();
            let effects = fold.step(now, inputs);
            changes(&effects).iter().for_each(check_change);
            check_open(&fold.state);
            all.push(effects);
        }
        let (columns, duplicates) = stored(&all);
        prop_assert_eq!(columns[0].len() + columns[1].len() + duplicates as usize, readings);
        check_stored(&columns);
    }

    #[test]
    fn a_restored_fold_goes_on_alike(
        story in story(anything()),
        cuts in prop::collection::vec(any::<bool>(), 40),
        split in 0_usize..40,
        words in any::<bool>(),
    ) {
        let told = (inputs(&story), cuts);
        let (told, cuts) = if words { worded(told) } else { told };
        let records = records(&told, &cuts);
        let mut straight = Fold::started();
        let mut other = Fold::started();
        for (n, Record { now, inputs, .. }) in records.iter().enumerate() {
            if n == split.min(records.len() - 1) {
                let bytes = other.state.save();
                other.state = State::restore(&bytes, &mut load).map_err(|e| TestCaseError::fail(e.to_string()))?;
                prop_assert_eq!(&other.state.save(), &bytes);
                prop_assert_eq!(other.state.open_alarms().collect::<Vec<_>>(), straight.state.open_alarms().collect::<Vec<_>>());
            }
            let (a, b) = (straight.step(*now, inputs.clone()), other.step(*now, inputs.clone()));
            prop_assert_eq!(a, b);
            prop_assert_eq!(straight.state.save(), other.state.save());
        }
    }
}
