//! Davy's own outages in virtual time: six hours off, half an hour without the broker. Nobody's silence, one system alarm
//! each, and the auditor agrees with all of it. Pure.

use crate::judge;
use crate::run::World;
use alerting::alarm::{AlarmChange, Cause};
use alerting::effect::Business;

/// What was raised, by rule.
fn raised(world: &World) -> Vec<AlarmChange> {
    let business = world.told.values().flat_map(|effects| &effects.business);
    let change = |business: &Business| match business {
        Business::Alarm(change) if change.cause == Cause::Raised => Some((**change).clone()),
        _ => None,
    };
    business.filter_map(change).collect()
}

fn rules(world: &World) -> Vec<String> {
    raised(world).into_iter().map(|change| change.alarm.rule).collect()
}

#[test]
fn six_hours_off_are_one_alarm_and_nobodys_silence() {
    for seed in 0..3 {
        let mut world = World::calm(seed);
        world.go_well(900);
        assert_eq!(rules(&world), [""; 0], "a healthy district");
        world.be_off(6 * 3_600);
        // The start's own record is not among what was told: its alarm is open in the state.
        let away: Vec<String> = world.fold.state().open_alarms().map(|alarm| alarm.rule.clone()).collect();
        assert_eq!(away, ["DAVY-AWAY"]);
        world.go_well(900);
        assert_eq!(rules(&world), [""; 0], "nothing was raised for what nobody could hear");
        let open: Vec<bool> = world.fold.state().open_alarms().map(|alarm| alarm.state.is_in_breach()).collect();
        assert_eq!(open, [false], "it has returned, and waits for a signature");
        world.drain();
        judge(seed, world);
    }
}

#[test]
fn half_an_hour_without_the_broker_is_one_alarm_and_nobodys_silence() {
    for seed in 0..3 {
        let mut world = World::calm(seed);
        world.go_well(900);
        world.be_cut_off(1_800);
        world.go_well(900);
        assert_eq!(rules(&world), ["DAVY-BROKER-LINK"]);
        world.drain();
        judge(seed, world);
    }
}

#[test]
fn what_falls_silent_during_an_outage_is_missed_after_it() {
    let mut world = World::calm(1);
    world.go_well(900);
    world.silence("T-1.level");
    world.be_cut_off(1_800);
    world.go_well(900);
    let mut rules = rules(&world);
    rules.sort();
    assert_eq!(rules, ["DAVY-BROKER-LINK", "HC-23"]);
    world.drain();
    judge(1, world);
}
