//! Rules that remember, through the fold: told as cases, each of which is run line by line and all in one record. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;
mod trial;

use trial::hold;

/// A rule on gas heads with these conditions.
fn gas(when: &str, more: &str) -> String {
    format!("on = [\"gas.lel\"]\nwhen = '{when}'\nseverity = \"orange\"\n{more}")
}

#[test]
fn windows_look_back_from_the_reading_that_is_judged() {
    let cases = "
case half a window is enough, and the window has the reading itself in it
  point G-1 gas.lel period=60s
  at 0s G-1 10
  at 60s G-1 30
  at 120s G-1 30.5
  at 150s G-1 40
  expect 150s raise orange
  at 300s G-1 30.5
  expect 300s return
case by the times of the device, not of the network
  point G-1 gas.lel period=60s
  at 0s G-1 10
  at 298s G-1 10 device=149s
  at 299s G-1 40 device=150s
  expect 299s raise orange
case what is late, bad or uncertain is not remembered
  point G-1 gas.lel period=60s
  at 1000s G-1 10
  at 1001s G-1 90 device=500s
  at 1060s G-1 90 q=bad
  at 1090s G-1 90 q=uncertain
  at 1150s G-1 10
  expect none
";
    hold(&gas("delta(300) >= 30.0", "clear = \"delta(300) < 1.0\""), cases);
}

#[test]
fn a_rule_sees_what_other_points_did() {
    let lines = "on = [\"tank.level\"]\nwhen = '''since_on(\"flame\") >= 60.0 && on_for(\"dust.fan_run\") >= 30.0 \
                 || events(\"flame\", 60) >= 3.0'''\nseverity = \"red\"";
    let cases = "
case never heard of counts from when the rule came into force
  point L-1 tank.level period=60s
  point F-1 flame
  point S-1 dust.fan_run
  at 20s S-1 1
  at 40s L-1 5
  at 55s L-1 5
  at 61s L-1 5
  expect 61s raise red
case once on it counts from there
  point L-1 tank.level period=60s
  point F-1 flame
  point S-1 dust.fan_run
  at 20s S-1 1
  at 50s F-1 1
  at 61s L-1 5
  at 110s L-1 5
  expect 110s raise red
  at 115s S-1 0
  at 120s L-1 5
  expect 120s return
case so many events
  point L-1 tank.level period=60s
  point F-1 flame
  point S-1 dust.fan_run
  at 10s F-1 1
  at 11s S-1 0
  at 20s F-1 1
  at 69s F-1 1
  at 69s L-1 5
  expect 69s raise red
  at 70s L-1 5
  expect 70s return
case a switch that nobody heard of says nothing
  point L-1 tank.level period=60s
  point F-1 flame
  point S-1 dust.fan_run
  at 100s L-1 5
  expect none
";
    hold(lines, cases);
}

#[test]
fn a_switch_is_on_for_as_long_as_since_an_event_of_another() {
    let lines = "on = [\"prod.run\"]\nwhen = 'on_time(\"prod.run\", \"flame\") >= 100.0'\nseverity = \"red\"";
    let cases = "
case pauses do not count, and an event begins it anew
  point R-1 prod.run
  point F-1 flame
  at 0s R-1 1
  at 60s R-1 0
  at 500s R-1 1
  at 539s R-1 1
  at 540s R-1 1
  expect 540s raise red
  at 550s F-1 1
  at 551s R-1 1
  expect 551s return
  at 649s R-1 1
  at 650s R-1 1
  expect 650s again red
";
    hold(lines, cases);
}

#[test]
fn the_reading_before() {
    let cases = "
case it has gone on, and off
  point G-1 gas.lel period=5s
  at 0s G-1 1
  at 5s G-1 1
  at 10s G-1 0
  at 15s G-1 1
  expect 15s raise orange
  at 20s G-1 1
  at 25s G-1 0
  expect 25s return
case after a gap
  point G-1 gas.lel period=5s
  at 0s G-1 7
  at 100s G-1 7
  at 201s G-1 9
  expect 201s raise orange
";
    hold(&gas("rose() || gap() > 100.0 && prev() == 7.0", "clear = \"fell()\""), cases);
}

#[test]
fn points_at_their_limit_are_counted_by_equipment() {
    let lines = "on = [\"gas.lel\"]\nper = \"equipment\"\nwhen = 'over(\"h\", 60) >= 2.0'\n\
                 clear = 'over(\"h\", 60) < 1.0'\nlimits = { h = 25.0 }\nseverity = \"red\"";
    let cases = "
case two within a minute, each by its own limit
  point G-1 gas.lel period=5s equipment=E-1
  point G-2 gas.lel period=5s equipment=E-1 h=40
  at 0s G-1 25
  at 5s G-1 10
  at 30s G-2 39
  at 59s G-2 40
  expect 59s raise red on E-1
  at 61s G-2 10
  at 118s G-2 10
  at 119s G-2 10
  expect 119s return
case one after the other is no two
  point G-1 gas.lel period=5s equipment=E-1
  point G-2 gas.lel period=5s equipment=E-1
  at 0s G-1 30
  at 5s G-1 10
  at 60s G-2 30
  expect none
case one that speaks seldom still stands there
  point G-1 gas.lel period=100s equipment=E-1
  point G-2 gas.lel period=5s equipment=E-1
  at 0s G-1 30
  at 299s G-2 30
  expect 299s raise red
case but not for ever
  point G-1 gas.lel period=100s equipment=E-1
  point G-2 gas.lel period=5s equipment=E-1
  at 0s G-1 30
  at 301s G-2 30
  expect none
";
    hold(lines, cases);
}

#[test]
fn a_limit_is_the_point_s_own_else_a_multiple_and_no_weaker_than_the_ceiling() {
    let lines = |more: &str| {
        format!(
            "on = [\"gas.lel\"]\nper = \"equipment\"\nwhen = 'over(\"h\", 60) >= 2.0'\nlimits = {{ h = 2.0 }}\n\
             times = \"oel\"\nseverity = \"red\"\n{more}"
        )
    };
    let points = "
  point G-1 gas.lel period=5s equipment=E-1 substance=chlorine oel=10
  point G-2 gas.lel period=5s equipment=E-1 substance=chlorine oel=10 h=30
  point G-3 gas.lel period=5s equipment=E-1
  at 0s G-3 99";
    let cases = format!(
        "
case one without any limit does not count{points}
  at 1s G-1 20
  at 2s G-2 29
  at 3s G-2 30
  expect 3s raise red
case just below{points}
  at 1s G-1 19.9
  at 3s G-2 30
  expect none
case where none has a limit nothing is watched
  point G-3 gas.lel period=5s equipment=E-1
  expect unbound
"
    );
    hold(&lines(""), &cases);
    let cases = format!("\ncase its own is too weak{points}\n  at 1s G-1 20\n  at 2s G-2 25\n  expect 2s raise red\n");
    hold(&lines("ceiling = { h = 2.5 }"), &cases);
}

#[test]
fn low_limits_are_reached_from_above() {
    let lines = "on = [\"tank.level\"]\nper = \"equipment\"\nwhen = 'over(\"l\", 60) >= 1.0'\nlimits = { l = 10.0 }\n\
                 severity = \"red\"";
    let cases = "
case at it
  point L-1 tank.level period=60s equipment=E-1
  at 1s L-1 10.1
  at 2s L-1 10
  expect 2s raise red on E-1
";
    hold(lines, cases);
}

#[test]
fn a_condition_inside_must_hold_at_every_reading() {
    let cases = "
case for so long
  point G-1 gas.lel period=5s
  at 0s G-1 20
  at 30s G-1 20
  at 59s G-1 20
  at 60s G-1 20
  expect 60s raise orange
  at 65s G-1 9
  expect 65s return
case once it is not true it begins anew
  point G-1 gas.lel period=5s
  at 0s G-1 20
  at 30s G-1 9
  at 35s G-1 20
  at 94s G-1 20
  at 95s G-1 20
  expect 95s raise orange
case nothing is looked at between readings, and what is bad is not judged
  point G-1 gas.lel period=5s
  at 0s G-1 20
  at 30s G-1 9 q=bad
  at 100s G-1 20
  expect 100s raise orange
  until 10m
";
    hold(&gas("held(value >= 10.0, 60)", ""), cases);
}

#[test]
fn a_condition_inside_may_read_all_that_one_may_and_say_nothing() {
    let when = "held(delta(20) >= 5.0 && tag(\"prod.run\") > 0.5, 30) && value > 1.0";
    let cases = "
case while an input is missing nothing is said, and nothing begins anew
  point G-1 gas.lel period=10s
  point R-1 prod.run
  at 0s G-1 10
  at 10s G-1 20
  at 11s R-1 1
  at 20s G-1 30
  at 40s G-1 40
  at 50s G-1 60
  expect 50s raise orange
";
    hold(&gas(when, ""), cases);
}

#[test]
fn a_tag_that_something_stands_in_for_need_not_be_there() {
    let cases = "
case without a fan
  point G-1 gas.lel period=10s
  at 0s G-1 10
  expect 0s raise orange
case with one, and the number only until it speaks
  point G-1 gas.lel period=10s
  point S-1 dust.fan_run
  at 0s G-1 10
  expect 0s raise orange
  at 1s S-1 0
  at 5s G-1 10
  expect 5s return
";
    hold(&gas("or(on_for(\"dust.fan_run\"), 99.0) >= 60.0", ""), cases);
    let cases = "\ncase without a fan\n  point G-1 gas.lel period=10s\n  expect unbound\n";
    hold(&gas("or(on_for(\"dust.fan_run\"), 99.0) >= 60.0 && off_for(\"dust.fan_run\") < 5.0", ""), cases);
    hold(&gas("held(on_for(\"dust.fan_run\") >= 60.0, 10)", ""), cases);
}
