//! What gateways of plants of dangerous chemicals send to reach each rule of theirs. Data only. Pure.

use super::story::{Story, story};
use rules::reading::Severity::*;

/// Each is sent for longer than its rule's delays, in the order in which they are told.
pub(super) fn stories() -> Vec<Story> {
    vec![
        story("HC-22", Yellow, "hc-001", "R-201").say(&[("R-201.temp", 90.0)], 1, 5).quiet(700),
        story("HC-01", Yellow, "hc-001", "T-101.level").say(&[("T-101.level", 86.0)], 18, 5),
        story("HC-02", Orange, "hc-001", "T-102.level").say(&[("T-102.level", 91.0)], 18, 5),
        story("HC-03", Blue, "hc-001", "T-103.level").say(&[("T-103.level", 14.5)], 18, 5),
        story("HC-04", Yellow, "hc-002", "T-101.level").say(&[("T-101.level", 9.0)], 18, 5),
        story("HC-05", Yellow, "hc-001", "T-101.pressure").say(&[("T-101.pressure", 1.6)], 18, 5),
        story("HC-06", Orange, "hc-001", "T-102.pressure").say(&[("T-102.pressure", 1.9)], 18, 5),
        story("HC-07", Yellow, "hc-001", "T-103.pressure").say(&[("T-103.pressure", -0.4)], 18, 5),
        story("HC-08", Yellow, "hc-001", "T-101.temp").say(&[("T-101.temp", 42.0)], 18, 5),
        story("HC-09", Orange, "hc-001", "T-102.temp").say(&[("T-102.temp", 51.0)], 18, 5),
        story("HC-10", Yellow, "hc-001", "G-101.gas-1").say(&[("G-101.gas-1", 26.0)], 18, 5),
        story("HC-11", Orange, "hc-001", "G-101.gas-2").say(&[("G-101.gas-2", 51.0)], 18, 5),
        story("HC-12", Yellow, "hc-004", "G-201.gas-1").say(&[("G-201.gas-1", 10.5)], 18, 5),
        story("HC-13", Orange, "hc-004", "G-201.gas-2").say(&[("G-201.gas-2", 21.0)], 18, 5),
        story("HC-13", Red, "hc-011", "G-201.gas-1").say(&[("G-201.gas-1", 2.5)], 18, 5),
        story("HC-23", Blue, "hc-001", "G-102.gas-1").say(&[("G-102.gas-1", 3.0)], 1, 5).quiet(200),
        story("HC-25", Blue, "hc-001", "G-102.gas-2").say(&[("G-102.gas-2", 900.0)], 4, 5),
        story("HC-16", Orange, "hc-001", "T-102.level")
            .say(&[("T-102.valve-in", 1.0), ("T-102.valve-out", 1.0), ("T-102.pump", 0.0)], 1, 5)
            .ramp(&[("T-102.level", 60.0, -0.1)], 30, 60),
        story("HC-20", Orange, "hc-001", "CR-1.bypass").say(&[("CR-1.bypass", 1.0)], 12, 60),
        story("HC-28", Orange, "hc-001", "FW-1.level").say(&[("FW-1.level", 60.0)], 7, 60),
        story("HC-31", Red, "hc-011", "G-201.gas-2").say(&[("WS-1.wind", 2.0), ("WS-1.direction", 0.0)], 1, 5).say(
            &[("G-201.gas-2", 1.5)],
            4,
            5,
        ),
        story("HC-29", Red, "hc-001", "F-101.flame").say(&[("F-101.flame", 1.0)], 1, 5),
    ]
}
