//! What one gateway sends to reach one rule, step by step. Must not know rules or brokers. Pure.

use alerting::filings::FilingKind;
use rules::reading::Severity;
use rules::registry::LimitName;

pub(super) struct Story {
    pub rule: &'static str,
    pub severity: Severity,
    pub enterprise: &'static str,
    /// The point or the equipment that the alarm must name; the enterprise itself where it stands on that.
    pub on: &'static str,
    pub steps: Vec<Step>,
}

pub(super) enum Step {
    /// Sent together, `times` times, every so many seconds; each value moves by so much from one to the next.
    Say { sends: Vec<(&'static str, f64, f64)>, times: u32, every_s: i64 },
    /// Nothing is heard for so many seconds.
    Quiet(i64),
    /// Time goes on to this minute of the next local day.
    Until(i64),
    /// Two people set a limit of a point.
    Limit(&'static str, LimitName, f64),
    /// A filing for the whole enterprise that begins a second later and lasts for so many seconds.
    File(FilingKind, i64),
}

pub(super) fn story(rule: &'static str, severity: Severity, enterprise: &'static str, on: &'static str) -> Story {
    Story { rule, severity, enterprise, on, steps: Vec::new() }
}

impl Story {
    pub(super) fn say(self, sends: &[(&'static str, f64)], times: u32, every_s: i64) -> Story {
        let sends: Vec<_> = sends.iter().map(|(point, value)| (*point, *value, 0.0)).collect();
        self.ramp(&sends, times, every_s)
    }

    pub(super) fn ramp(mut self, sends: &[(&'static str, f64, f64)], times: u32, every_s: i64) -> Story {
        self.steps.push(Step::Say { sends: sends.to_vec(), times, every_s });
        self
    }

    pub(super) fn limit(mut self, point: &'static str, limit: LimitName, value: f64) -> Story {
        self.steps.push(Step::Limit(point, limit, value));
        self
    }

    pub(super) fn quiet(mut self, seconds: i64) -> Story {
        self.steps.push(Step::Quiet(seconds));
        self
    }

    pub(super) fn until(mut self, minute: i64) -> Story {
        self.steps.push(Step::Until(minute));
        self
    }

    pub(super) fn file(mut self, kind: FilingKind, lasts_s: i64) -> Story {
        self.steps.push(Step::File(kind, lasts_s));
        self
    }
}
