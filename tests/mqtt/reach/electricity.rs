//! What gateways of electricity meters send to reach each rule of theirs. Data only. Pure.

use super::story::{Story, story};
use alerting::filings::FilingKind;
use rules::reading::Severity::*;

/// Each is sent for longer than its rule's delays, in the order in which they are told.
pub(super) fn stories() -> Vec<Story> {
    vec![
        story("EL-01", Red, "el-100", "M-1.p").say(&[("M-1.p", 100.0)], 50, 60),
        story("EL-07", Orange, "el-001", "M-1.demand").say(&[("M-1.demand", 1_000.0)], 50, 60),
        story("EL-11", Red, "el-044", "M-1.p").say(&[("M-1.p", 6.0)], 50, 60),
        story("EL-13", Blue, "el-001", "M-1.u_a").say(&[("M-1.u_a", 240.0)], 8, 60),
        story("EL-15", Yellow, "el-001", "M-1.i_res").say(&[("M-1.i_res", 350.0)], 3, 60),
        story("EL-16", Yellow, "el-001", "M-2.t_cable").say(&[("M-2.t_cable", 75.0)], 3, 60),
        story("EL-18", Yellow, "el-002", "M-1").say(&[("M-1.p", 50.0)], 1, 5).quiet(3_000),
        days(story("EL-08", Blue, "el-003", "M-1.p"), 7, &[100.0; 4]).say(&[("M-1.p", 300.0)], 4, 900),
        days(story("EL-02", Yellow, "el-004", "M-1.p"), 7, &[100.0; 4]).until(1_320).say(&[("M-1.p", 300.0)], 4, 900),
        days(days(days(story("EL-05", Yellow, "el-005", "M-1.p"), 7, &[100.0; 4]), 4, &[1.0; 4]), 2, &[100.0; 4]),
        days(days(story("EL-06", Blue, "el-006", "M-1.p"), 7, &[100.0; 4]), 5, &[1.0; 4]),
        days(days(story("EL-09", Blue, "el-007", "M-1.p"), 7, &[50.0, 50.0, 90.0, 90.0]), 4, &[90.0, 90.0, 50.0, 50.0]),
        story("EL-03", Red, "el-002", "M-3").say(&[("M-2.p", 800.0), ("M-3.p", 0.0)], 3, 60),
        story("EL-04", Orange, "el-004", "M-3").say(&[("M-3.u_a", 0.0), ("M-3.u_b", 0.0), ("M-3.u_c", 0.0)], 3, 60),
        story("EL-10", Yellow, "el-008", "M-1.p").file(FilingKind::HolidayStop, 7 * 86_400).say(
            &[("M-1.p", 600.0)],
            4,
            900,
        ),
        story("EL-12", Yellow, "el-009", "M-1.p").file(FilingKind::LimitOrder(100), 7 * 86_400).say(
            &[("M-1.p", 600.0)],
            4,
            900,
        ),
        story("EL-14", Blue, "el-003", "M-2").say(
            &[("M-2.p", 400.0), ("M-2.i_a", 600.0), ("M-2.i_b", 600.0), ("M-2.i_c", 300.0)],
            17,
            60,
        ),
        story("EL-17", Blue, "el-001", "M-2.e_imp").ramp(&[("M-2.p", 50.0, 0.0), ("M-2.e_imp", 1_000.0, -10.0)], 3, 60),
    ]
}

/// So many days of four equal parts, a load in each, metered every quarter of an hour.
fn days(mut story: Story, number: usize, parts: &[f64; 4]) -> Story {
    for _ in 0..number {
        for part in parts {
            story = story.say(&[("M-1.p", *part)], 24, 900);
        }
    }
    story
}
