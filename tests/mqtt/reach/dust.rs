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
    ]
}
