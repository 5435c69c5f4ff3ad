//! The words and numbers of the fold as the database spells them, and back.
//! Must not know tables. Pure.

use alerting::alarm::{AlarmState, Cause};
use alerting::coverage::DayCause;
use alerting::day::Day;
use alerting::filings::FilingKind;
use std::borrow::Cow;

/// PostgreSQL's text cannot hold NUL; the symbol for it is shown instead. Raw bytes are kept in `bytea` beside it.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{2400}")) } else { Cow::Borrowed(text) }
}

#[must_use]
pub fn clean_some(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(clean)
}

/// Sequence numbers are far below 2^63; one beyond is held at the end instead of wrapping.
#[must_use]
pub fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[must_use]
pub fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[must_use]
pub fn state_name(state: AlarmState) -> &'static str {
    match state {
        AlarmState::Normal => "normal",
        AlarmState::Unacknowledged => "unacknowledged",
        AlarmState::Acknowledged => "acknowledged",
        AlarmState::ReturnedUnacknowledged => "returned_unacknowledged",
        AlarmState::SuppressedByDesign => "suppressed_by_design",
    }
}

#[must_use]
pub fn parse_state(name: &str) -> Option<AlarmState> {
    AlarmState::ALL.into_iter().find(|state| state_name(*state) == name)
}

#[must_use]
pub fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Raised => "raised",
        Cause::BreachedAgain => "breached_again",
        Cause::Returned => "returned",
        Cause::Acknowledged => "acknowledged",
        Cause::SeverityRaised => "severity_raised",
        Cause::RuleRemoved => "rule_removed",
        Cause::Adopted => "adopted",
        Cause::Superseded => "superseded",
        Cause::Suppressed => "suppressed",
        Cause::Released => "released",
        Cause::Latched => "latched",
        Cause::Reset => "reset",
    }
}

#[must_use]
pub fn day_cause_name(cause: DayCause) -> &'static str {
    match cause {
        DayCause::Closed => "closed",
        DayCause::LateReadings => "late_readings",
        DayCause::Filing => "filing",
        DayCause::Adopted => "adopted",
    }
}

#[must_use]
pub fn parse_day_cause(name: &str) -> Option<DayCause> {
    let all = [DayCause::Closed, DayCause::LateReadings, DayCause::Filing, DayCause::Adopted];
    all.into_iter().find(|cause| day_cause_name(*cause) == name)
}

#[must_use]
pub fn parse_filing_kind(name: &str, kw: Option<i32>) -> Option<FilingKind> {
    let kw = kw.map(|kw| u32::try_from(kw).unwrap_or_default());
    FilingKind::parse(name, kw).ok()
}

/// Days as they are added to 1970-01-01. PostgreSQL's calendar ends in the year 5874897; what lies beyond is held there.
#[must_use]
pub fn day_to_sql(day: Day) -> i32 {
    day.0.clamp(-2_000_000, 2_145_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::around::FILING_KINDS;

    #[test]
    fn nul_is_shown_and_the_rest_is_left_alone() {
        assert_eq!(clean("a\0b"), "a\u{2400}b");
        assert!(matches!(clean("可燃气体"), Cow::Borrowed("可燃气体")));
    }

    #[test]
    fn states_read_back() {
        for state in AlarmState::ALL {
            assert_eq!(parse_state(state_name(state)), Some(state));
        }
        assert_eq!(parse_state("shelved"), None);
        for cause in ["closed", "late_readings", "filing", "adopted"] {
            assert_eq!(parse_day_cause(cause).map(day_cause_name), Some(cause));
        }
        for kind in FILING_KINDS {
            let kw = (kind == "limit_order").then_some(300);
            assert_eq!(parse_filing_kind(kind, kw).map(FilingKind::name), Some(kind));
        }
    }
}
