//! Coverage by tables: what each minute is, to the second; how a day is closed, mended, excused, accepted and sealed. Pure.

use crate::plant::*;
use crate::{DAY, minutes, three_hours};
use alerting::command::{Order, Outcome, Refusal};
use alerting::coverage::{CoverageDay, DayCause, Reason, figures};
use alerting::day::DAY_MINUTES;
use alerting::filings::FilingKind;
use alerting::input::{CoverageLimits, Input, Link};

/// Its minutes as ranges: which of them are marked.
fn marked(bitmap: &[u8]) -> Vec<(usize, usize)> {
    let bits: Vec<bool> = (0..usize::from(DAY_MINUTES)).map(|k| bitmap[k / 8] >> (k % 8) & 1 == 1).collect();
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (minute, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
        match ranges.last_mut().filter(|(_, until)| *until == minute) {
            Some(range) => range.1 = minute + 1,
            None => ranges.push((minute, minute + 1)),
        }
    }
    ranges
}

/// A day on which A says nothing from 10:00 to 11:40: minutes 609 to 699 miss it.
fn day_of_a_gap(before: Vec<Order>, also: &[u32], during: &[(i64, In)]) -> CoverageDay {
    let mut life = Life::begun(CoverageLimits::default());
    for order in before {
        assert!(matches!(life.order(-50, order), Outcome::Filed { .. }));
    }
    let mut silent = vec![(A, 600..700)];
    silent.extend(also.iter().map(|point| (*point, 600..700)));
    life.speak(&[A, B, C], -20..600, &silent);
    if also.len() < 2 {
        life.speak(&[A, B, C], 600..601, &silent);
    }
    for (minute, input) in during {
        life.step(at(*minute), vec![input.clone()]);
    }
    life.speak(&[A, B, C], 700..DAY, &silent);
    life.pass(DAY + 11);
    life.last(&e1(), 0)
}

/// B and C go on speaking through the gap.
fn beside_a_gap(before: Vec<Order>) -> CoverageDay {
    let mut life = Life::begun(CoverageLimits::default());
    for order in before {
        assert!(matches!(life.order(-50, order), Outcome::Filed { .. }));
    }
    life.speak(&[A, B, C], -20..DAY, &[(A, 600..700)]);
    life.pass(DAY + 11);
    life.last(&e1(), 0)
}

#[test]
fn a_minute_is_reported_when_all_have_spoken_and_else_lost_or_excused() {
    let stop = |idle_check: Option<&str>| {
        let Order::File(mut planned) = filing("e1", None, 600, 700) else { unreachable!() };
        (planned.kind, planned.idle_check) = (FilingKind::Stop, idle_check.map(str::to_owned));
        Order::File(planned)
    };
    let gap = [(609, 700)];
    for (what, before, expected, excused) in [
        ("nothing filed", vec![], [1_349, 91, 0, 0, 0], &[][..]),
        ("the tank is filed", vec![filing("e1", Some("T-1"), 600, 700)], [1_349, 0, 91, 0, 0], &gap),
        ("the enterprise is filed", vec![filing("e1", None, 600, 700)], [1_349, 0, 91, 0, 0], &gap),
        ("a stop", vec![stop(Some("Li, on site"))], [1_349, 0, 91, 0, 0], &gap),
        ("another tank is filed", vec![filing("e1", Some("T-2"), 600, 700)], [1_349, 91, 0, 0, 0], &[]),
        ("another enterprise", vec![filing("e2", None, 600, 700)], [1_349, 91, 0, 0, 0], &[]),
        ("a part of it", vec![filing("e1", Some("T-1"), 610, 650)], [1_349, 51, 40, 0, 0], &[(610, 650)]),
        (
            "two parts that overlap",
            vec![filing("e1", None, 600, 640), filing("e1", Some("T-1"), 620, 650)],
            [1_349, 50, 41, 0, 0],
            &[(609, 650)],
        ),
    ] {
        let day = beside_a_gap(before);
        assert_eq!((day.minutes, marked(&day.excused).as_slice()), (minutes(expected), excused), "{what}");
        assert_eq!(marked(&day.reported), [(0, 609), (700, 1_440)], "{what}");
        assert_eq!((day.cause, day.at, day.registry.as_str()), (DayCause::Closed, at(DAY + 10), "r1"), "{what}");
        let missing = day.points.iter().map(|p| (p.point.as_str(), p.required, p.reported, p.lost)).collect::<Vec<_>>();
        let lost = expected[1];
        assert_eq!(missing, [("A", 1_440, 1_349, lost), ("B", 1_440, 1_440, 0), ("C", 1_440, 1_440, 0)], "{what}");
    }
}

#[test]
fn one_unfiled_point_is_enough_to_lose_a_minute() {
    let filed = || vec![filing("e1", Some("T-1"), 600, 700)];
    let day = day_of_a_gap(filed(), &[B], &[]);
    assert_eq!(marked(&day.excused), [(609, 615)], "A and B are filed; C, last heard at 600, misses from 615 on");
    assert_eq!(day.minutes, minutes([1_349, 85, 6, 0, 0]));
}

#[test]
fn what_davy_could_not_hear_is_nobodys_fault() {
    let all = [B, C];
    let link = [(600, Input::Link(Link::Down)), (700, Input::Link(Link::Up))];
    let away = [(700, Input::Resumed { down_since: at(599) })];
    let short = [(650, Input::Link(Link::Down)), (660, Input::Link(Link::Up))];
    for (during, expected, system) in [
        (&link[..], [1_349, 0, 0, 91, 0], vec![(609, 700)]),
        (&away, [1_349, 0, 0, 91, 0], vec![(609, 700)]),
        (&short, [1_349, 81, 0, 10, 0], vec![(650, 660)]),
    ] {
        let day = day_of_a_gap(Vec::new(), &all, during);
        assert_eq!((day.minutes, marked(&day.system)), (minutes(expected), system));
        let a = &day.points[0];
        let expected = u32::from(day.minutes.reported + day.minutes.lost);
        assert_eq!((a.expected, a.good, a.lost), (expected, 1_340, day.minutes.lost));
    }
}

#[test]
fn a_window_is_exact_to_the_second() {
    // D alone is required of e2's tanks: (t - 10 min, t].
    for (offset_us, first) in [(0, 720), (1, 721), (-1, 720), (-60_000_000, 719), (59_999_999, 721)] {
        let mut life = Life::begun(CoverageLimits::default());
        let event = at(720).plus(offset_us);
        life.step(event, vec![message(event, vec![reading(D, event, 1.0)])]);
        life.pass(1_000);
        let day = life.state.coverage_day(&e2(), first_day()).unwrap();
        assert_eq!(marked(&day.reported), [(first, first + 10)], "{offset_us}");
        assert_eq!(day.minutes, minutes([10, 1_001 - 10, 0, 0, 439]), "the day has come to minute 1000");
        // The same point has 45 minutes where a meter is asked for beside it, which says nothing here.
        let meter = life.state.coverage_day(&unit("e2", "electricity"), first_day()).unwrap();
        let reported: Vec<(&str, u16)> = meter.points.iter().map(|p| (p.point.as_str(), p.reported)).collect();
        assert_eq!(reported, [("D", 45), ("M", 0)]);
    }
}

#[test]
fn late_readings_mend_a_closed_day() {
    let mut life = Life::begun(CoverageLimits::default());
    life.speak(&[A, B, C], -20..DAY, &[(A, 600..700)]);
    life.speak(&[A, B, C], DAY..DAY + 60, &[]);
    let closed = life.last(&e1(), 0);
    assert_eq!((closed.minutes.lost, closed.samples.good, closed.samples.counted), (91, 4_220, 1_340 + 1_440 + 288));
    assert_eq!((closed.samples.expected, closed.samples.timely), (1_440 + 1_440 + 288, 4_220));
    // The first half comes an hour after midnight, the rest a little later, and is settled after a minute of nothing.
    let late = |from: i64| (from..from + 50).map(|m| reading(A, at(m), m as f64)).collect();
    life.step(at(DAY + 60), vec![message(at(DAY + 60), late(600))]);
    life.step(at(DAY + 60).plus(50_000_000), vec![message(at(DAY + 60).plus(50_000_000), late(650))]);
    let before = life.days.len();
    life.pass(DAY + 61);
    assert_eq!(life.days.len(), before);
    assert_eq!(life.state.coverage_figures(first_day(), first_day())[0].minutes.lost, 91);
    life.pass(DAY + 62);
    let mended = life.last(&e1(), 0);
    assert_eq!((mended.cause, mended.minutes.lost), (DayCause::LateReadings, 0));
    assert_eq!((mended.at, life.days.len()), (at(DAY + 61).plus(50_000_000 + 49), before + 1));
    assert_eq!((mended.samples.good, mended.samples.timely), (4_320, 4_220), "what comes late is complete, not timely");
    let known = life.state.coverage_figures(first_day(), first_day());
    assert_eq!((known[0].minutes.lost, known[0].at), (0, mended.at));
    assert_eq!(life.state.coverage_day(&e1(), first_day()), Some(mended));
    // Nothing differs: nothing is said.
    life.pass(DAY + 300);
    assert_eq!(life.days.iter().filter(|day| day.unit == e1() && day.day == first_day()).count(), 2);
}

#[test]
fn forty_eight_hours_of_a_month_are_excused() {
    let mut life = Life::begun(CoverageLimits::default());
    assert!(matches!(life.order(-30, filing("e2", Some("X-1"), 0, 5 * DAY)), Outcome::Filed { .. }));
    for day in 1..6 {
        life.pass(day * DAY + 20);
    }
    let told: Vec<[u16; 2]> = (0..5).map(|day| life.last(&e2(), day).minutes).map(|m| [m.excused, m.lost]).collect();
    // 28 to 30 June, then July.
    assert_eq!(told, [[1_440, 0], [1_440, 0], [0, 1_440], [1_440, 0], [1_440, 0]]);
    // D has sent all of the first day after all: so the third is excused.
    let late = (-20..DAY).map(|m| reading(D, at(m), m as f64)).collect();
    let now = at(5 * DAY + 30);
    life.step(now, vec![message(now, late)]);
    life.pass(5 * DAY + 40);
    let told: Vec<[u16; 2]> = (0..3).map(|day| life.last(&e2(), day).minutes).map(|m| [m.excused, m.lost]).collect();
    assert_eq!(told, [[0, 0], [1_431, 0], [1_440, 0]], "the last reading reaches nine minutes into the second day");
}

#[test]
fn a_new_requirement_is_judged_from_its_activation_on() {
    let mut life = Life::begun(CoverageLimits::default());
    life.speak(&[A, B, C], -20..720, &[]);
    life.step(at(720).plus(1), vec![activate("r2")]);
    life.speak(&[B, C], 721..740, &[]);
    life.speak(&[B, C, E], 740..DAY, &[]);
    life.pass(DAY + 11);
    let day = life.last(&e1(), 0);
    assert_eq!((marked(&day.reported), day.registry.as_str()), (vec![(0, 721), (740, 1_440)], "r2"));
    let required: Vec<(&str, u16)> = day.points.iter().map(|p| (p.point.as_str(), p.required)).collect();
    assert_eq!(required, [("A", 721), ("B", 1_440), ("C", 1_440), ("E", 719)]);
    let of_a = &day.points[0];
    assert_eq!((of_a.expected, of_a.good), (721, 720));
    assert!(life.last(&e2(), 0).in_scope, "standing still with stock");
    life.step(at(DAY + 700), vec![activate("r3")]);
    life.pass(2 * DAY + 11);
    let (gone, stopped) = (life.last(&e1(), 1), life.last(&e2(), 1));
    assert_eq!((gone.in_scope, gone.minutes.outside, gone.town.as_str()), (false, 740, "t1"));
    assert_eq!((stopped.in_scope, stopped.minutes.outside), (false, 740));
    life.pass(3 * DAY + 11);
    assert!(life.state.coverage_day(&e1(), first_day().plus(2)).is_none(), "nobody is there");
    assert_eq!(life.last(&e2(), 2).minutes.outside, 1_440);
}

#[test]
fn a_connection_is_signed_when_it_reports() {
    let mut life = Life::begun(three_hours());
    assert_eq!(life.order(-40, accept(&unit("e9", "hazchem"))), Outcome::Refused(Refusal::NotInRegistry));
    assert_eq!(life.order(-40, accept(&e2())), Outcome::Refused(Refusal::NotReporting { permille: 0 }));
    life.speak(&[D], -20..150, &[]);
    // 170 of 180 minutes, of which 171 are asked for.
    assert_eq!(life.order(150, accept(&e2())), Outcome::Refused(Refusal::NotReporting { permille: 944 }));
    life.speak(&[D], 150..152, &[]);
    assert_eq!(life.order(151, accept(&e2())), Outcome::Noted);
    assert_eq!(life.order(152, accept(&e2())), Outcome::Refused(Refusal::NothingToSign));
    assert_eq!(life.order(153, revoke(&e1())), Outcome::Refused(Refusal::NothingToSign));
    assert_eq!(life.signed.iter().map(|c| (c.accepted, c.permille, c.at)).collect::<Vec<_>>(), [(true, 950, at(151))]);
    assert!(life.state.coverage_day(&e2(), first_day()).unwrap().connected);
    life.pass(DAY + 20);
    assert_eq!(life.order(DAY + 30, revoke(&e2())), Outcome::Noted);
    life.pass(2 * DAY + 20);
    assert_eq!([0, 1].map(|day| life.last(&e2(), day).connected), [true, false]);
    // Minutes in which nobody could hear are not asked for.
    life.step(at(2 * DAY + 60), vec![Input::Link(Link::Down)]);
    life.step(at(2 * DAY + 200), vec![Input::Link(Link::Up)]);
    life.speak(&[D], 2 * DAY + 200..2 * DAY + 235, &[]);
    assert_eq!(life.order(2 * DAY + 235, accept(&e2())), Outcome::Refused(Refusal::NotReporting { permille: 875 }));
    life.speak(&[D], 2 * DAY + 235..2 * DAY + 240, &[]);
    assert_eq!(life.order(2 * DAY + 240, accept(&e2())), Outcome::Noted);
}

#[test]
fn a_lost_required_point_drops_an_enterprise_out_of_effective_coverage() {
    let mut life = Life::begun(three_hours());
    life.speak(&[A, B, C, D], -60..DAY, &[]);
    for unit in [e1(), e2()] {
        assert_eq!(life.order(DAY - 1, accept(&unit)), Outcome::Noted);
    }
    life.speak(&[A, B, C, D], DAY..3 * DAY, &[(A, DAY..3 * DAY)]);
    life.step(at(3 * DAY).plus(1), vec![activate("r4")]);
    life.speak(&[D], 3 * DAY + 1..4 * DAY, &[]);
    let of_day = |number: i32| {
        let day = first_day().plus(number);
        let days = life.state.coverage_figures(day.plus(-2), day);
        let figures = figures(&days, day, &three_hours());
        let hazchem = figures.sectors.iter().find(|sector| sector.sector == "hazchem").unwrap().clone();
        let why: Vec<Option<Reason>> = hazchem.units.iter().map(|unit| unit.reason).collect();
        ((hazchem.measures.effective.num, hazchem.measures.effective.den), why)
    };
    assert_eq!(of_day(0), ((2, 2), vec![None, None]));
    assert_eq!(of_day(1), ((1, 2), vec![Some(Reason::OnlineTooLow), None]));
    assert_eq!(of_day(2), ((1, 2), vec![Some(Reason::OnlineTooLow), None]));
    let electricity = figures(&life.state.coverage_figures(first_day(), first_day()), first_day(), &three_hours());
    assert_eq!(electricity.sectors[0].units[0].reason, Some(Reason::NotConnected));
    life.pass(6 * DAY + 20);
    let later = first_day().plus(5);
    let days = life.state.coverage_figures(later.plus(-2), later);
    let figures = figures(&days, later, &three_hours());
    assert_eq!(figures.sectors[1].units[0].reason, Some(Reason::NothingRequired));
    assert_eq!((figures.sectors[1].units[0].town.as_str(), figures.sectors[1].towns.len()), ("t2", 1));
}

#[test]
fn a_day_is_sealed_once() {
    let sealed = vec![first_day().plus(1).to_string()];
    let mut life = Life::begun(CoverageLimits { sealed, ..three_hours() });
    life.speak(&[D], -20..2 * DAY, &[]);
    life.pass(2 * DAY + 9);
    assert_eq!(life.sealed.len(), 0);
    life.pass(2 * DAY + 11);
    assert_eq!(life.sealed.iter().map(|sealed| sealed.day).collect::<Vec<_>>(), [first_day().plus(1)]);
    let text = String::from_utf8(life.sealed[0].figures.to_vec()).unwrap();
    assert!(
        text.starts_with(r#"{"as_of":"2025-06-29","simulated":false,"sectors":[{"sector":"electricity","C01":"#),
        "{text}"
    );
    let late = vec![reading(A, at(DAY + 100), 7.0)];
    life.step(at(2 * DAY + 60), vec![message(at(2 * DAY + 60), late)]);
    life.pass(3 * DAY + 60);
    assert_eq!((life.last(&e1(), 1).cause, life.sealed.len()), (DayCause::LateReadings, 1));
}

#[test]
fn a_step_states_one_day_at_most_where_time_passes_as_it_should() {
    let mut life = Life::begun(CoverageLimits::default());
    let mut most = 0;
    let mut until = |life: &mut Life, minute: i64| {
        while let Some(due) = life.state.next_deadline().filter(|due| *due <= at(minute)) {
            let before = life.days.len();
            life.step(due, vec![Input::Tick]);
            most = most.max(life.days.len() - before);
        }
    };
    until(&mut life, DAY + 11);
    let times: Vec<i64> = life.days.iter().filter(|day| day.day == first_day()).map(|day| day.at.0).collect();
    assert_eq!(times, [0, 20_000, 40_000].map(|us| at(DAY + 10).0 + us));
    // After four days away they are closed one after the other, from when Davy is back.
    let back = 5 * DAY + 100;
    life.step(at(back), vec![Input::Resumed { down_since: at(DAY + 20) }]);
    let late = [A, B, C, D].map(|point| reading(point, at(700), 1.0)).to_vec();
    life.step(at(back).plus(1), vec![message(at(back).plus(1), late)]);
    until(&mut life, back + 10);
    assert_eq!(most, 1);
    let closed = life.days.iter().filter(|day| day.day > first_day() && day.cause == DayCause::Closed).count();
    assert_eq!((closed, life.last(&e1(), 4).minutes), (12, minutes([0, 0, 0, 1_440, 0])));
    assert_eq!(life.last(&e1(), 0).cause, DayCause::LateReadings);
}
