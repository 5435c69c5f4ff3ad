//! Coverage by random tales: a naive oracle agrees, figures add up, and neither cuts into records nor the order of late
//! readings nor a restart changes anything. Pure.

use crate::plant::oracle::{Oracle, told, units};
use crate::plant::tale::{Event, LASTS_LATE, Tale, live, records, tale, without_unknown};
use crate::plant::*;
use alerting::coverage::{CoverageDay, DayFigure, Samples, figures};
use alerting::input::Input;
use proptest::prelude::*;

fn events(tale: &Tale) -> Vec<Event> {
    without_unknown(tale.events())
}

/// What was stated last of every day, with the record left out that stated it.
fn known(life: &Life) -> Vec<DayFigure> {
    let mut days = life.state.coverage_figures(first_day().plus(-1), first_day().plus(9));
    days.iter_mut().for_each(|day| day.seq = 0);
    days
}

fn adds_up(day: &CoverageDay) {
    let minutes = day.minutes;
    let sum = [minutes.reported, minutes.lost, minutes.excused, minutes.system, minutes.outside];
    assert_eq!(sum.iter().sum::<u16>(), 1_440);
    let mut samples = Samples::default();
    day.points.iter().for_each(|point| samples.add(point));
    assert_eq!(samples, day.samples);
    for point in &day.points {
        assert!(point.reported <= point.required && point.lost <= point.required - point.reported);
        assert!(point.lost <= minutes.lost);
        assert!(point.good <= point.received && point.timely <= point.received);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_oracle_agrees(tale in tale(), cuts in prop::collection::vec(any::<bool>(), 1..40)) {
        let events = events(&tale);
        let life = live(&tale.limits(), &records(&events, &cuts));
        let oracle = Oracle::of(&events, life.state.filings().iter().cloned().collect(), tale.excused_max_h);
        for unit in units() {
            for number in -1..4 {
                let day = first_day().plus(number);
                let expected = oracle.day(&unit, day);
                let stated = life.days.iter().rev().find(|stated| stated.unit == unit && stated.day == day);
                let known = life.state.coverage_day(&unit, day);
                prop_assert_eq!(known.as_ref(), stated);
                let expected = expected.map(|mut expected| {
                    expected.kinds = expected.kinds.replace(['l', '.'], "?");
                    expected
                });
                prop_assert_eq!(stated.map(told), expected, "{:?} {}", unit, number);
            }
        }
        life.days.iter().for_each(adds_up);
    }

    #[test]
    fn neither_cuts_nor_ticks_nor_a_restart_matter(
        tale in tale(),
        cuts in prop::collection::vec(any::<bool>(), 1..40),
        restart in 0.0..1.0_f64,
    ) {
        let (events, limits) = (events(&tale), tale.limits());
        let one_by_one = live(&limits, &records(&events, &[true]));
        let records = records(&events, &cuts);
        let mut life = Life::begun(limits);
        let restart = (restart * records.len() as f64) as usize;
        for (n, (now, inputs)) in records.iter().enumerate() {
            let mut first = *now;
            if let Some(Input::Delivery(delivery)) = inputs.first() {
                first = delivery.received;
            }
            let is_timed = matches!(inputs.first(), Some(Input::Delivery(_)));
            while let Some(due) = life.state.next_deadline().filter(|due| is_timed && *due < first) {
                life.step(due, vec![Input::Tick]);
                prop_assert!(life.state.next_deadline().is_none_or(|next| next > due), "a tick does not consume it");
            }
            if n == restart {
                let restored = life.restored();
                prop_assert_eq!(restored.save(), life.state.save());
                prop_assert_eq!(restored.next_deadline(), life.state.next_deadline());
                prop_assert_eq!(restored.coverage(), life.state.coverage());
                life.state = restored;
            }
            life.step(*now, inputs.clone());
        }
        prop_assert_eq!(&life.days, &one_by_one.days);
        prop_assert_eq!(known(&life), known(&one_by_one));
    }

    #[test]
    fn the_order_of_late_readings_does_not_matter(
        tale in tale(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 400),
    ) {
        // All of it comes a day after the end, once in order and once shuffled.
        let told = events(&tale);
        let readings: Vec<_> = told
            .iter()
            .filter_map(|event| if let Input::Delivery(delivery) = &event.input { delivery.readings.first() } else { None })
            .copied()
            .filter(|reading| reading.point.0 != E)
            .collect();
        let mut shuffled = readings.clone();
        for (n, index) in order.iter().enumerate().take(shuffled.len()) {
            let other = index.index(shuffled.len());
            shuffled.swap(n, other);
        }
        let mut lives = [readings, shuffled].map(|readings| {
            let mut life = Life::begun(tale.limits());
            let now = LASTS_LATE;
            for some in readings.chunks(50) {
                life.step(at(now), vec![message(at(now), some.to_vec())]);
            }
            life.pass(now + 60);
            life
        });
        let [a, b] = &mut lives;
        for unit in units() {
            for number in 0..4 {
                let (a, b) = (a.state.coverage_day(&unit, first_day().plus(number)), b.state.coverage_day(&unit, first_day().plus(number)));
                let timeless = |day: Option<CoverageDay>| day.map(|day| CoverageDay { at: at(0), ..day });
                prop_assert_eq!(timeless(a), timeless(b));
            }
        }
    }

    #[test]
    fn figures_add_up(tale in tale()) {
        let life = live(&tale.limits(), &records(&events(&tale), &[true]));
        let limits = tale.limits();
        for number in -1..5 {
            let day = first_day().plus(number);
            let days = life.state.coverage_figures(day.plus(-29), day);
            let figures = figures(&days, day, &limits);
            for sector in &figures.sectors {
                let (mut connected, mut online, mut effective) = ((0, 0), (0.0, 0), (0, 0));
                let (mut complete, mut timely, mut valid) = ((0, 0), (0, 0), (0, 0));
                for town in &sector.towns {
                    let of = &town.measures;
                    for (sum, ratio) in [
                        (&mut connected, of.connected),
                        (&mut effective, of.effective),
                        (&mut complete, of.complete),
                        (&mut timely, of.timely),
                        (&mut valid, of.valid),
                    ] {
                        *sum = (sum.0 + ratio.num, sum.1 + ratio.den);
                        prop_assert!(ratio.num <= ratio.den);
                    }
                    online = (online.0 + of.online.sum_of_online, online.1 + of.online.n);
                    let units = sector.units.iter().filter(|unit| unit.town == town.town && unit.in_scope);
                    prop_assert_eq!(units.clone().count() as u64, of.connected.den);
                    let rates: Vec<f64> = units.filter_map(|unit| unit.online).collect();
                    prop_assert_eq!((rates.iter().sum::<f64>(), rates.len() as u64), (of.online.sum_of_online, of.online.n));
                }
                let whole = &sector.measures;
                let pair = |ratio: alerting::coverage::Ratio| (ratio.num, ratio.den);
                prop_assert_eq!([connected, effective, complete, timely, valid], [
                    pair(whole.connected), pair(whole.effective), pair(whole.complete), pair(whole.timely), pair(whole.valid)
                ]);
                prop_assert_eq!(online, (whole.online.sum_of_online, whole.online.n));
            }
        }
    }
}
