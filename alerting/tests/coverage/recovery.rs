//! Coverage after a loss, a restart and a second chance. Pure.

use crate::plant::*;
use crate::{DAY, minutes, three_hours};
use alerting::command::{Order, Outcome};
use alerting::coverage::DayCause;
use alerting::filings::Filing;
use alerting::input::{AdoptedLedger, Aside, Batch, Content, CoverageLimits, Input, Replayed};
use alerting::state::State;
use std::sync::Arc;

#[test]
fn days_from_the_database_stand_where_nothing_better_is_known() {
    let mut old = Life::begun(three_hours());
    old.speak(&[A, B, C, D], -60..DAY, &[]);
    assert_eq!(old.order(DAY - 1, accept(&e1())), Outcome::Noted);
    old.pass(DAY + 20);
    // A new journal begins the day after; another one had a copy of the data of before, and was away.
    let ledger = || {
        let (acceptances, days) = (old.signed.clone(), old.days.clone());
        Input::AdoptedLedger(Box::new(AdoptedLedger { acceptances, days, ..AdoptedLedger::default() }))
    };
    let mut new = Life::begun(three_hours());
    new.state = State::new();
    let limits = Input::Activate(fold_limits(&new.limits));
    new.step(at(DAY + 100), vec![limits, activate("r1"), ledger()]);
    assert_eq!(new.state.coverage_day(&e1(), first_day()).map(|day| day.minutes), Some(old.last(&e1(), 0).minutes));
    assert!(new.state.coverage_day(&e1(), first_day().plus(1)).unwrap().connected);
    assert_eq!(new.days.len(), 0, "the database knows them");
    let late = vec![reading(A, at(600), 0.5)];
    new.step(at(DAY + 200), vec![message(at(DAY + 200), late)]);
    new.pass(4 * DAY);
    assert_eq!(new.state.coverage_figures(first_day(), first_day()).len(), 3);
    assert!(new.days.iter().all(|day| day.day > first_day()), "what was adopted is not judged without its readings");
    assert_eq!(new.restored().save(), new.state.save());

    let mut copy = Life::begun(three_hours());
    copy.speak(&[A, B, C, D], -60..600, &[]);
    copy.step(at(DAY + 100), vec![Input::Resumed { down_since: at(599) }, Input::Tick]);
    copy.pass(DAY + 101);
    assert_eq!(copy.last(&e1(), 0).minutes, minutes([609, 0, 0, 831, 0]));
    copy.step(at(DAY + 102), vec![ledger()]);
    assert_eq!((copy.last(&e1(), 0).minutes.reported, copy.last(&e1(), 0).cause), (1_440, DayCause::Adopted));
}

#[test]
fn what_lay_in_quarantine_counts_when_it_is_read_after_all() {
    let mut life = Life::begun(CoverageLimits::default());
    life.pass(DAY + 20);
    let Input::Delivery(delivery) = message(at(700), vec![reading(D, at(700), 1.0)]) else { unreachable!() };
    let from = vec![Aside { journal_id: "j".to_owned(), seq: 3, index: 0, reading: None }];
    life.step(at(DAY + 30), vec![Input::Replayed(Replayed { delivery, from })]);
    life.pass(DAY + 32);
    let day = life.last(&e2(), 0);
    assert_eq!((day.cause, day.minutes.reported, day.at), (DayCause::LateReadings, 10, at(DAY + 31).plus(20_000)));
    assert_eq!((day.samples.good, day.samples.timely), (1, 1));
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    let mut life = Life::begun(CoverageLimits::default());
    life.speak(&[A, B, C, D], -20..DAY, &[(A, 600..700)]);
    life.pass(DAY + 11);
    let bytes = life.state.save();
    assert_eq!(
        life.restored().coverage_figures(first_day(), first_day()),
        life.state.coverage_figures(first_day(), first_day())
    );
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(7) {
        let mut other = bytes.clone();
        other[at] ^= 0x81;
        let content = |kind: &str, _: &str| match kind {
            "registry" => Some(Content::Registry { version: "r1".to_owned(), registry: Arc::new(version("r1")) }),
            _ => Some(fold_limits(&CoverageLimits::default())),
        };
        match State::restore(&other, &mut |kind, name| content(kind, name)) {
            // Whatever opens goes on.
            Ok(mut state) => {
                drop(state.step(state.seq() + 1, &Batch { now: state.now().plus(1), inputs: vec![Input::Tick] }))
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 20, "only {refused} were refused");
}

#[test]
fn a_filing_that_only_the_database_knew_excuses_a_closed_day() {
    let mut life = Life::begun(CoverageLimits::default());
    life.pass(DAY + 20);
    assert_eq!(life.last(&e2(), 0).minutes, minutes([0, 1_440, 0, 0, 0]));
    let Order::File(planned) = filing("e2", Some("X-1"), 60, 120) else { unreachable!() };
    let filing = Filing { id: 7, planned, filed_by: "li".to_owned(), filed_at: at(0), withdrawn_at: None };
    let ledger = AdoptedLedger { filings: vec![filing], ..AdoptedLedger::default() };
    life.step(at(DAY + 30), vec![Input::AdoptedLedger(Box::new(ledger))]);
    life.pass(DAY + 32);
    let day = life.last(&e2(), 0);
    assert_eq!((day.cause, day.minutes), (DayCause::Filing, minutes([0, 1_380, 60, 0, 0])));
}
