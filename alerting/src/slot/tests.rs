//! Counts and dwells of one slot, step by step. Pure.

use super::*;
use rules::reading::SECOND_US;

const PLAIN: Terms = Terms {
    count_on: 1,
    count_off: 1,
    delay_on_us: 0,
    delay_off_us: 0,
    silence_max_us: 180 * SECOND_US,
    is_event: false,
    side: Side::High,
};

/// What one reading, or the passing of time, makes of a phase.
enum Do {
    Breach(i64, f64),
    Between(i64),
    Over(i64),
    Due,
    Silent(i64),
}

fn moment(s: i64, value: f64) -> Moment {
    late(s, s, value)
}

/// Of event time `event`, received at `s`.
fn late(s: i64, event: i64, value: f64) -> Moment {
    let at = Micros(s * SECOND_US);
    Moment { at, event: Micros(event * SECOND_US), heard: at.0, value: Some(value) }
}

fn turn(phase: &mut Phase, what: &Do, terms: &Terms) -> String {
    let turn = match what {
        Do::Breach(s, value) => phase.see(Sight::Breach(Severity::Orange), moment(*s, *value), terms),
        Do::Between(s) => phase.see(Sight::Between, moment(*s, 47.0), terms),
        Do::Over(s) => phase.see(Sight::Over, moment(*s, 10.0), terms),
        Do::Due => phase.come_due(Micros(phase.due().unwrap_or_default())),
        Do::Silent(s) => phase.fall_silent(Severity::Blue, Moment { value: None, ..moment(*s, 0.0) }, terms),
    };
    let seconds = |at: Micros| at.0 / SECOND_US;
    match turn {
        Turn::Stay => "stay".to_owned(),
        Turn::Enter(breach) => format!("enter since {} worst {:?}", seconds(breach.since), breach.worst),
        Turn::Hold(_, moment) => format!("hold {:?}", moment.value),
        Turn::Rise => "rise".to_owned(),
        Turn::Leave(at, value) => format!("leave at {} on {value:?}", seconds(at)),
    }
}

fn check(terms: &Terms, steps: &[(Do, &str)]) {
    let mut phase = Phase::Quiet;
    for (n, (what, expected)) in steps.iter().enumerate() {
        assert_eq!(turn(&mut phase, what, terms), *expected, "step {n}, now {phase:?}");
    }
}

#[test]
fn without_delays_every_reading_decides() {
    check(
        &PLAIN,
        &[
            (Do::Over(0), "stay"),
            (Do::Between(1), "stay"),
            (Do::Breach(2, 60.0), "enter since 2 worst Some(60.0)"),
            (Do::Breach(3, 55.0), "hold Some(55.0)"),
            (Do::Between(4), "stay"),
            (Do::Over(5), "leave at 5 on Some(10.0)"),
            (Do::Breach(6, 60.0), "enter since 6 worst Some(60.0)"),
        ],
    );
}

#[test]
fn counts_come_before_delays_and_start_again() {
    let terms = Terms { count_on: 2, count_off: 2, delay_on_us: 5 * SECOND_US, delay_off_us: SECOND_US, ..PLAIN };
    check(
        &terms,
        &[
            (Do::Breach(0, 60.0), "stay"),
            (Do::Between(1), "stay"),
            (Do::Breach(2, 70.0), "stay"),
            (Do::Breach(3, 65.0), "stay"),
            (Do::Due, "enter since 2 worst Some(70.0)"),
            (Do::Over(10), "stay"),
            (Do::Between(11), "stay"),
            (Do::Over(12), "stay"),
            (Do::Over(13), "stay"),
            (Do::Breach(13, 60.0), "hold Some(60.0)"),
            (Do::Due, "stay"),
            (Do::Over(14), "stay"),
            (Do::Over(15), "stay"),
            (Do::Due, "leave at 16 on Some(10.0)"),
        ],
    );
}

#[test]
fn a_breach_that_ends_within_its_delay_never_was() {
    let terms = Terms { delay_on_us: 5 * SECOND_US, ..PLAIN };
    for end in [Do::Over(1), Do::Between(1)] {
        check(&terms, &[(Do::Breach(0, 60.0), "stay"), (end, "stay"), (Do::Due, "stay")]);
    }
}

#[test]
fn due_is_the_end_of_the_delay_and_does_not_move() {
    let terms = Terms { delay_on_us: 5 * SECOND_US, delay_off_us: 7 * SECOND_US, ..PLAIN };
    let mut phase = Phase::Quiet;
    for s in [1, 2, 3] {
        turn(&mut phase, &Do::Breach(s, 60.0), &terms);
        assert_eq!(phase.due(), Some(6 * SECOND_US));
    }
    turn(&mut phase, &Do::Due, &terms);
    assert_eq!(phase.due(), None);
    for s in [10, 11] {
        turn(&mut phase, &Do::Over(s), &terms);
        assert_eq!(phase.due(), Some(17 * SECOND_US));
    }
    turn(&mut phase, &Do::Between(12), &terms);
    assert_eq!(phase.due(), None, "the way back is broken off");
}

/// What a reading makes of a slot: first the time up to it passes, then it speaks.
fn read(phase: &mut Phase, sight: Sight, moment: Moment, terms: &Terms) -> [&'static str; 2] {
    let word = |turn| match turn {
        Turn::Stay => "stay",
        Turn::Enter(_) => "enter",
        Turn::Hold(..) => "hold",
        Turn::Rise => "rise",
        Turn::Leave(..) => "leave",
    };
    [word(phase.pass(moment, terms, None)), word(phase.see(sight, moment, terms))]
}

#[test]
fn a_dwell_is_measured_in_event_time() {
    let terms = Terms { delay_on_us: 10 * SECOND_US, delay_off_us: 10 * SECOND_US, ..PLAIN };
    let red = Sight::Breach(Severity::Red);
    // A minute of live history in one message: raised at once, over at once.
    let mut phase = Phase::Quiet;
    assert_eq!(read(&mut phase, red, late(60, 0, 1.0), &terms), ["stay", "stay"]);
    assert_eq!(phase.due(), Some(70 * SECOND_US), "silence counts from its reception");
    assert_eq!(read(&mut phase, red, late(60, 5, 1.0), &terms), ["stay", "stay"]);
    assert_eq!(phase.due(), Some(65 * SECOND_US), "five seconds have passed already");
    assert_eq!(read(&mut phase, red, late(60, 20, 1.0), &terms), ["enter", "hold"]);
    assert_eq!(read(&mut phase, Sight::Over, late(60, 30, 0.0), &terms), ["stay", "stay"]);
    assert_eq!(read(&mut phase, red, late(60, 50, 1.0), &terms), ["leave", "stay"], "over for 20 s before");
    // What comes between the clocks of two points moves the end no further away.
    let mut phase = Phase::Quiet;
    read(&mut phase, red, moment(0, 1.0), &terms);
    read(&mut phase, red, late(5, 1, 1.0), &terms);
    assert_eq!(phase.due(), Some(10 * SECOND_US));
    read(&mut phase, red, late(6, 0, 1.0), &terms);
    assert_eq!(phase.due(), Some(10 * SECOND_US));
}

#[test]
fn silence_moves_the_frontier_only_so_far() {
    let terms = Terms { delay_on_us: 300 * SECOND_US, ..PLAIN };
    let red = Sight::Breach(Severity::Red);
    let mut phase = Phase::Quiet;
    read(&mut phase, red, moment(0, 1.0), &terms);
    assert_eq!(phase.due(), None, "180 s of silence do not reach");
    read(&mut phase, red, moment(120, 1.0), &terms);
    assert_eq!(phase.due(), Some(300 * SECOND_US));
    let mut gap = Phase::Quiet;
    read(&mut gap, red, moment(0, 1.0), &terms);
    assert_eq!(read(&mut gap, Sight::Over, moment(400, 0.0), &terms), ["stay", "stay"], "who knows of between");
    let mut gap = Phase::Quiet;
    read(&mut gap, red, moment(0, 1.0), &terms);
    assert_eq!(read(&mut gap, red, moment(400, 1.0), &terms), ["stay", "enter"], "in breach at both ends");
    let patient = Terms { silence_max_us: i64::MAX, ..terms };
    let mut event = Phase::Quiet;
    read(&mut event, red, moment(0, 1.0), &patient);
    assert_eq!(event.due(), Some(300 * SECOND_US), "a point that only speaks of changes");
}

#[test]
fn silence_needs_no_count() {
    let terms = Terms { count_on: 3, ..PLAIN };
    check(&terms, &[(Do::Silent(9), "enter since 9 worst None"), (Do::Over(10), "leave at 10 on Some(10.0)")]);
}

/// What `Slots` does of a phase: an alarm that is entered rises 30 s later.
fn rising(phase: &mut Phase, what: &Do, terms: &Terms) -> (String, Option<i64>) {
    let entered = |phase: &Phase| phase.is_alarm();
    let was = entered(phase);
    let told = turn(phase, what, terms);
    if let Do::Breach(s, _) = what
        && !was
        && entered(phase)
    {
        phase.rise_at(Some((s + 30) * SECOND_US));
    }
    (told, phase.due().map(|due| due / SECOND_US))
}

#[test]
fn an_alarm_rises_whatever_its_condition_does_meanwhile() {
    let terms = Terms { delay_off_us: 10 * SECOND_US, count_off: 2, ..PLAIN };
    type Row<'a> = (&'a [Do], &'a [(&'a str, Option<i64>)]);
    let table: [Row; 3] = [
        (
            &[Do::Breach(0, 60.0), Do::Between(5), Do::Over(6), Do::Breach(7, 50.0), Do::Due, Do::Over(31)],
            &[
                ("enter since 0 worst Some(60.0)", Some(30)),
                ("stay", Some(30)),
                ("stay", Some(30)),
                ("hold Some(50.0)", Some(30)),
                ("rise", None),
                ("stay", None),
            ],
        ),
        (
            &[Do::Breach(0, 60.0), Do::Over(24), Do::Over(25), Do::Due, Do::Due],
            &[
                ("enter since 0 worst Some(60.0)", Some(30)),
                ("stay", Some(30)),
                ("stay", Some(30)),
                ("rise", Some(35)),
                ("leave at 35 on Some(10.0)", None),
            ],
        ),
        (
            &[Do::Breach(0, 60.0), Do::Over(19), Do::Over(20), Do::Due, Do::Due],
            &[
                ("enter since 0 worst Some(60.0)", Some(30)),
                ("stay", Some(30)),
                ("stay", Some(30)),
                ("leave at 30 on Some(10.0)", None),
                ("stay", None),
            ],
        ),
    ];
    for (n, (steps, expected)) in table.into_iter().enumerate() {
        let mut phase = Phase::Quiet;
        for (what, (told, due)) in steps.iter().zip(expected) {
            assert_eq!(rising(&mut phase, what, &terms), ((*told).to_owned(), *due), "row {n}");
        }
    }
}

#[test]
fn an_event_begins_its_way_back_at_once() {
    let terms = Terms { delay_off_us: 60 * SECOND_US, silence_max_us: i64::MAX, is_event: true, ..PLAIN };
    check(
        &terms,
        &[
            (Do::Over(0), "stay"),
            (Do::Breach(1, 1.0), "enter since 1 worst Some(1.0)"),
            (Do::Breach(30, 1.0), "hold Some(1.0)"),
            (Do::Between(40), "stay"),
            (Do::Over(89), "stay"),
            (Do::Due, "leave at 90 on Some(10.0)"),
            (Do::Breach(95, 1.0), "enter since 95 worst Some(1.0)"),
            (Do::Over(155), "leave at 155 on Some(10.0)"),
        ],
    );
}

#[test]
fn worse_lies_on_the_limits_side() {
    let worse = |side: Side| side.worse(Some(5.0), Some(3.0));
    assert_eq!(worse(Side::of(Some(LimitName::Hh))), Some(5.0));
    assert_eq!(worse(Side::of(Some(LimitName::L))), Some(3.0));
    assert_eq!(worse(Side::of(None)), Some(3.0));
    assert_eq!(Side::High.worse(Some(5.0), None), Some(5.0));
    assert_eq!(Side::Low.worse(None, Some(5.0)), Some(5.0));
}
