//! The last value held by every point: a dense table that a batch touches only where it brought something. Pure.

use alerting::state::LastValue;
use rules::reading::PointId;

#[derive(Debug, Default)]
pub struct Lasts(Vec<Option<LastValue>>);

impl Lasts {
    #[must_use]
    pub fn from_values(values: &[(PointId, LastValue)]) -> Lasts {
        let mut lasts = Lasts::default();
        lasts.touch(values);
        lasts
    }

    /// Point numbers are dense and given by the fold, so the table is never longer than the registry ever was.
    pub fn touch(&mut self, values: &[(PointId, LastValue)]) {
        for (point, value) in values {
            if self.0.len() <= point.index() {
                self.0.resize(point.index().saturating_add(1), None);
            }
            if let Some(slot) = self.0.get_mut(point.index()) {
                *slot = Some(*value);
            }
        }
    }

    #[must_use]
    pub fn get(&self, point: PointId) -> Option<LastValue> {
        self.0.get(point.index()).copied().flatten()
    }
}
