//! What rules remember of points: windows, switches and events, kept only where a rule in force asks, updated with every
//! good live reading in the order of arrival. Must not know rules' conditions or alarms. Pure.

use rules::bind::Binding;
use rules::past::Past;
use rules::reading::{Micros, PointId};
use rules::set::RuleSet;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {}

impl Memory {
    /// New rules or points: what nobody asks for any more is forgotten, the rest is kept.
    pub fn watch(&mut self, _binding: &Binding, _rules: &RuleSet) {}

    /// A good live reading of this time.
    pub fn take(&mut self, _point: PointId, _event: Micros, _value: f64) {}

    /// A function over the past of some points, at the time of the reading that asks; NaN where there is not enough of it.
    #[must_use]
    pub fn look(&self, _past: &Past, _points: &[PointId], _event: Micros) -> f64 {
        f64::NAN
    }
}
