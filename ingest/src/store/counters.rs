//! What is counted of the archive's care; registered by `telemetry.rs`. Must not know how it is cared for. Pure.

use super::capability::Tier;
use super::caretaker::Care;
use prometheus::{IntCounter, IntGauge, IntGaugeVec};

#[derive(Debug)]
pub struct CareCounters {
    pub up: IntGauge,
    pub pending_minutes: IntGauge,
    pub minutes: IntCounter,
    pub hours: IntCounter,
    pub dropped: IntCounter,
    pub compacted: IntCounter,
    pub tiers: IntGaugeVec,
}

impl CareCounters {
    pub fn follow(&self, care: &Care) {
        self.up.set(i64::from(care.rounds > 0 && care.problem.is_empty()));
        self.pending_minutes.set(i64::try_from(care.pending_minutes).unwrap_or(i64::MAX));
        for (counter, count) in [
            (&self.minutes, care.minutes),
            (&self.hours, care.hours),
            (&self.dropped, care.dropped),
            (&self.compacted, care.compacted),
        ] {
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }

    /// The tier found last is 1, the others 0.
    pub fn tier(&self, found: Tier) {
        for tier in [Tier::Plain, Tier::Columnstore, Tier::Direct] {
            self.tiers.with_label_values(&[tier.name()]).set(i64::from(tier == found));
        }
    }
}
