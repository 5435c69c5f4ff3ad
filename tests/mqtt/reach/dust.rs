//! What gateways of plants with explosive dust send to reach each rule of theirs. Data only. Pure.

use super::story::{Story, story};
use rules::reading::Severity::*;

/// Each is sent for longer than its rule's delays, in the order in which they are told.
pub(super) fn stories() -> Vec<Story> {
    vec![
        story("DU-01", Yellow, "du-001", "DC-1.hopper_temp").say(&[("DC-1.hopper_temp", 61.0)], 18, 5),
        story("DU-02", Orange, "du-001", "DC-2.hopper_temp").say(&[("DC-2.hopper_temp", 71.0)], 18, 5),
        story("DU-04", Yellow, "du-001", "DC-1.dp").say(&[("DC-1.dp", 1_600.0)], 18, 5),
        story("DU-07", Yellow, "du-001", "DC-1.spark").say(&[("DC-1.spark", 1.0)], 1, 5),
        story("DU-10", Red, "du-001", "DC-2").say(&[("DC-2.prod_run", 1.0), ("DC-2.fan_run", 0.0)], 4, 5),
        story("DU-12", Orange, "du-001", "DC-1").say(&[("DC-1.fan_run", 1.0), ("DC-1.airlock_fault", 1.0)], 18, 5),
        story("DU-03", Orange, "du-002", "DC-1.hopper_temp").ramp(&[("DC-1.hopper_temp", 30.0, 0.5)], 40, 5),
        story("DU-05", Yellow, "du-002", "DC-1.dp").say(&[("DC-1.fan_run", 1.0), ("DC-1.dp", 150.0)], 14, 5),
        story("DU-06", Blue, "du-002", "DC-2.dp").say(&[("DC-2.fan_run", 1.0), ("DC-2.dp", 800.0)], 6 * 144, 600).say(
            &[("DC-2.fan_run", 1.0), ("DC-2.dp", 1_400.0)],
            30,
            600,
        ),
        story("DU-08", Red, "du-002", "DC-1").say(&[("DC-1.spark", 1.0)], 3, 20),
        story("DU-09", Orange, "du-002", "DC-2.prod_run")
            .say(&[("DC-2.fan_run", 0.0), ("DC-2.prod_run", 0.0)], 1, 5)
            .say(&[("DC-2.prod_run", 1.0)], 1, 5),
        story("DU-11", Yellow, "du-005", "DC-1.fan_run")
            .say(&[("DC-1.fan_run", 1.0), ("DC-1.prod_run", 1.0)], 1, 5)
            .say(&[("DC-1.prod_run", 0.0)], 1, 5)
            .say(&[("DC-1.fan_run", 0.0)], 1, 5),
        story("DU-13", Yellow, "du-002", "DC-1").say(&[("DC-1.fan_run", 1.0), ("DC-1.airlock_run", 0.0)], 65, 5),
        story("DU-14", Yellow, "du-001", "DC-1").say(&[("DC-1.prod_run", 1.0)], 50, 600),
        story("DU-15", Yellow, "du-002", "DC-1.clean_air_p").say(
            &[("DC-1.fan_run", 1.0), ("DC-1.clean_air_p", 0.15)],
            26,
            5,
        ),
        story("DU-16", Blue, "du-005", "DC-1").say(&[("DC-1.fan_run", 1.0), ("DC-1.pulse", 0.0)], 70, 60),
        story("DU-17", Yellow, "du-002", "DC-1.duct_v").say(&[("DC-1.fan_run", 1.0), ("DC-1.duct_v", 10.0)], 14, 5),
        story("DU-18", Yellow, "du-002", "DC-1.fan_current").say(
            &[("DC-1.fan_run", 1.0), ("DC-1.fan_current", 20.0)],
            14,
            5,
        ),
        story("DU-19", Orange, "du-004", "DC-1.water_level").say(&[("DC-1.water_level", 30.0)], 4, 5),
        story("DU-20", Red, "du-004", "DC-1.water_flow").say(
            &[("DC-1.prod_run", 1.0), ("DC-1.water_flow", 5.0)],
            14,
            5,
        ),
        story("DU-21", Red, "du-004", "DC-1.h2").say(&[("DC-1.h2", 60.0)], 3, 5),
        story("DU-22", Red, "du-003", "DC-1.o2").say(&[("DC-1.o2", 11.0)], 3, 5),
        story("DU-23", Red, "du-001", "DC-1.vent").say(&[("DC-1.vent", 1.0)], 1, 5),
        story("DU-24", Red, "du-001", "Z-1.conc").say(&[("Z-1.conc", 30.0)], 4, 5),
        story("DU-25", Yellow, "du-005", "DC-1.outlet_conc").say(&[("DC-1.outlet_conc", 3.0)], 144, 600).say(
            &[("DC-1.outlet_conc", 40.0)],
            70,
            5,
        ),
        story("DU-26", Yellow, "du-007", "Z-1").until(150).say(&[("Z-1.conc", 1.0)], 1, 5),
        story("DU-27", Orange, "du-001", "Z-1.persons").say(&[("Z-1.persons", 40.0)], 7, 60),
        story("DU-28", Orange, "du-006", "DC-1").say(&[("DC-1.fan_run", 1.0)], 40, 5).quiet(700),
    ]
}
