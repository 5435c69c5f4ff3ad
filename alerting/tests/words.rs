//! The words of the rule language that take time: rise, event, slot and silent sources; told as cases, each of which is
//! run line by line and all in one record. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;
mod trial;

use trial::hold;

const RISING: &str = "on = [\"gas.lel\"]\nwhen = \"value >= 50.0\"\ndelay_on = \"2s\"\ndelay_off = \"10s\"\n\
                      severity = \"yellow\"\nseverity_max = \"orange\"\nrise = { after = \"5m\", severity = \"orange\" }";

#[test]
fn an_alarm_that_stands_too_long_rises_once_and_asks_again() {
    let cases = "
case in silence and under readings, from when it was raised
  point G-1 gas.lel
  at 10s G-1 52
  expect 12s raise yellow
  at 60s ack
  expect 60s ack
  at 2m G-1 60
  expect 312s severity orange value=60 worst=60
  at 6m ack
  expect 6m ack
  until 1h
case not if it is over before
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise yellow
  at 292s G-1 1
  expect 302s return
  until 1h
case also on the way back
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise yellow
  at 295s G-1 1
  expect 302s severity orange
  expect 305s return
case of two at once the way back goes first
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise yellow
  at 292s G-1 1
  expect 302s return
  at 400s G-1 52
  expect 402s again yellow
  expect 702s severity orange
  until 1h
case back in breach within the delay its time goes on
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise yellow
  at 200s G-1 1
  at 205s G-1 52
  expect 302s severity orange
case what nobody heard is no time
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise yellow
  at 102s link down
  at 702s link up
  at 703s G-1 52
  expect 903s severity orange
";
    hold(RISING, cases);
}

#[test]
fn an_event_is_over_by_itself() {
    let lines = "on = [\"flame\"]\nwhen = \"value == 1.0\"\nevent = true\ndelay_off = \"10m\"\nseverity = \"yellow\"";
    let cases = "
case one event, and nothing more is heard
  point F-1 flame range=0..1
  at 10s F-1 1
  expect 10s raise yellow value=1 since=10s
  expect 610s return
case each starts the time again, and what is none does not
  point F-1 flame range=0..1
  at 0s F-1 1
  expect 0s raise yellow
  at 9m F-1 1
  at 10m F-1 0
  at 18m F-1 1
  expect 28m return
case signed for, it is closed
  point F-1 flame range=0..1
  at 0s F-1 1
  expect 0s raise yellow
  at 1m ack
  expect 1m ack
  expect 10m return closed
case after its end the next is another breach
  point F-1 flame range=0..1
  at 0s F-1 1
  expect 0s raise yellow
  expect 10m return
  at 10m F-1 1
  expect 10m again yellow count=2
  expect 20m return
case a point that keeps saying so is one long event
  point F-1 flame period=60s range=0..1
  at 0s F-1 1
  expect 0s raise yellow
  at 3m F-1 1
  at 6m F-1 1
  at 9m F-1 1
  at 12m F-1 0
  at 15m F-1 0
  at 18m F-1 0
  expect 19m return
";
    hold(lines, cases);
}

#[test]
fn an_event_that_does_not_end_may_rise() {
    let lines = "on = [\"flame\"]\nwhen = \"value == 1.0\"\nevent = true\ndelay_off = \"2m\"\nseverity = \"yellow\"\n\
                 severity_max = \"red\"\nrise = { after = \"3m\", severity = \"red\" }";
    let cases = "
case it rises before it is over
  point F-1 flame range=0..1
  at 0s F-1 1
  expect 0s raise yellow
  at 1m F-1 1
  at 2m F-1 1
  expect 3m severity red
  expect 4m return
";
    hold(lines, cases);
}

const MEAN: &str = "on = [\"gas.lel\"]\nwhen = \"value > 20.0\"\nslot = \"15m\"\ncount_on = 2\ncount_off = 3\n\
                    severity = \"orange\"";

#[test]
fn means_of_slots_are_judged_and_counted() {
    let cases = "
case two slots in breach, told by the first reading of the next
  point G-1 gas.lel period=60s
  at 0s G-1 10
  at 5m G-1 40
  at 14m G-1 13
  at 15m G-1 90
  at 16m G-1 0
  expect 30m raise orange value=45 since=15m
  at 30m G-1 0
case exactly at the limit is not above it
  point G-1 gas.lel period=60s
  at 0s G-1 10
  at 1m G-1 30
  at 15m G-1 20
  at 30m G-1 20
  at 45m G-1 20
  at 60m G-1 20
  expect none
case a slot without a reading breaks nothing and counts nothing
  point G-1 gas.lel
  at 0s G-1 30
  at 75m G-1 30
  at 90m G-1 0
  expect 90m raise orange
case bad and uncertain readings are no part of a mean
  point G-1 gas.lel period=60s
  at 0s G-1 30
  at 1m G-1 0 q=bad
  at 2m G-1 0 q=uncertain
  at 15m G-1 0 q=bad
  at 16m G-1 30
  at 30m G-1 90 q=uncertain
  expect 31m raise orange value=30
  at 31m G-1 0
case three slots below bring it back
  point G-1 gas.lel period=60s
  at 0m G-1 30
  at 15m G-1 30
  at 30m G-1 10
  expect 30m raise orange
  at 45m G-1 10
  at 60m G-1 10
  at 75m G-1 10
  expect 75m return
case a meter as slow as the slot is judged at once
  point G-1 gas.lel period=15m
  at 0m G-1 30
  at 15m G-1 30
  expect 15m raise orange value=30 since=0s
  at 16m G-1 10
  at 17m G-1 10
  at 18m G-1 10
  expect 18m return
";
    hold(MEAN, cases);
}

#[test]
fn what_comes_late_is_no_part_of_a_mean() {
    let cases = "
case history is not judged
  point G-1 gas.lel period=60s
  at 60m G-1 0
  at 61m G-1 90 device=5m
  at 62m G-1 90 device=20m
  at 63m G-1 90 device=35m
  at 63.5m G-1 0
  expect none
case what comes late of a slot that is complete changes nothing
  point G-1 gas.lel period=60s
  at 14m G-1 30
  at 15.5m G-1 30
  at 16m G-1 0 device=14.5m
  expect 30m raise orange value=30
  at 30m G-1 0
";
    hold(MEAN, cases);
}

const SOURCE: &str = "on = [\"*\"]\nonly = [\"required\", \"hazard_source\"]\nper = \"equipment\"\n\
                      when = \"age() > 600.0\"\ndelay_off = \"2m\"\nseverity = \"yellow\"\nseverity_max = \"orange\"\n\
                      rise = { after = \"20m\", severity = \"orange\" }";

#[test]
fn a_source_is_silent_when_none_of_its_points_has_a_good_reading() {
    let cases = "
case yellow after ten minutes, orange after thirty, over two minutes after data came back
  equipment T-1 hazard_level=2
  point L-1 tank.level period=60s equipment=T-1
  point G-1 gas.lel period=10s equipment=T-1
  at 0s L-1 50
  at 30s G-1 1
  expect 630.001s raise yellow on T-1
  expect 1830.001s severity orange
  at 40m L-1 50
  at 41m L-1 50
  at 42m L-1 50
  expect 42m return
case bad and uncertain readings are no data
  equipment T-1 hazard_level=2
  point L-1 tank.level period=60s equipment=T-1
  at 0s L-1 50
  at 5m L-1 50 q=bad
  at 9m L-1 50 q=uncertain
  expect 600.001s raise yellow
  at 11m L-1 50 q=bad
  at 15m L-1 50
  at 16m L-1 50 q=bad
  expect 17m return
case one point speaks for all
  equipment T-1 hazard_level=2
  point L-1 tank.level period=60s equipment=T-1
  point G-1 gas.lel period=60s equipment=T-1
  at 0s L-1 50
  at 9m G-1 1
  at 18m L-1 50
  expect 1680.001s raise yellow
case a point that need not be sent does not speak for it
  equipment T-1 hazard_level=2
  point L-1 tank.level period=60s equipment=T-1
  point G-1 gas.lel period=60s equipment=T-1 required=false
  at 0s L-1 50
  at 9m G-1 1
  expect 600.001s raise yellow
case silent again while it was on its way back
  equipment T-1 hazard_level=2
  point L-1 tank.level period=60s equipment=T-1
  at 0s L-1 50
  expect 600.001s raise yellow
  at 11m L-1 50
  expect 13m return
  expect 1260.001s again yellow
case our own outage is nobody's silence
  equipment T-1 hazard_level=2
  point L-1 tank.level period=60s equipment=T-1
  at 0s L-1 50
  at 5m link down
  at 25m link up
  at 26m L-1 50
  at 27m L-1 50
  until 28m
  expect none
";
    hold(SOURCE, cases);
}

#[test]
fn only_major_hazard_sources_that_must_send_are_watched() {
    let cases = "
case what is no major hazard source is not watched
  point L-1 tank.level period=60s equipment=T-1
  expect unbound
case a source of event points only is not watched
  equipment T-1 hazard_level=1
  point F-1 flame equipment=T-1
  expect unbound
";
    hold(SOURCE, cases);
}

#[test]
fn a_source_never_seen_has_its_grace() {
    let cases = "
case c
  equipment T-1 hazard_level=2
  point L-1 tank.level period=60s equipment=T-1
  at 1s L-1 50 q=bad
  expect 10m raise yellow
  expect 30m severity orange
";
    hold(SOURCE, cases);
}

#[test]
fn the_longest_period_of_a_source_counts() {
    let lines = SOURCE.replace("age() > 600.0", "age() >= max(3.0 * period, 120.0)");
    let cases = "
case c
  equipment T-1 hazard_level=2
  point L-1 tank.level period=10m equipment=T-1
  point G-1 gas.lel period=10s equipment=T-1
  at 0s L-1 50
  at 0s G-1 1
  expect 30m raise yellow
";
    hold(&lines, cases);
}

#[test]
fn a_point_may_come_back_after_a_delay_too() {
    let lines = "on = [\"*\"]\nwhen = \"age() > 120.0\"\ndelay_off = \"60s\"\nseverity = \"blue\"";
    let cases = "
case any reading of a point is one
  point L-1 tank.level period=10s
  at 0s L-1 50
  expect 120.001s raise blue
  at 3m L-1 50 q=bad
  expect 4m return closed
";
    hold(lines, cases);
}
