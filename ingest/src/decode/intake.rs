//! What a format hands in reading by reading, and the checks that all formats share: does the point belong here, is
//! the value a number. Must not know any format. Pure.

use alerting::gateway::{GatewayKey, GatewayStatus};
use alerting::input::{Reason, Reject};
use rules::reading::{Micros, PointId, Quality, Reading};
use rules::view::View;
use std::collections::BTreeMap;

/// The readings and rejects of one message of one enterprise.
pub struct Intake<'v> {
    view: &'v View,
    points: &'v BTreeMap<String, PointId>,
    pub gateway: GatewayKey,
    pub gateway_seq: Option<u64>,
    /// The message says that it was simulated.
    pub simulated: bool,
    pub status: Option<GatewayStatus>,
    pub readings: Vec<Reading>,
    pub rejects: Vec<Reject>,
}

/// One reading as a format understood it, before its point is known.
pub struct Claim<'a> {
    pub point: &'a str,
    pub device_time: Option<Micros>,
    pub value: f64,
    pub quality: Quality,
}

/// Rejects carry a sentence for people, not a payload.
const DETAIL_CHARS_MAX: usize = 200;

impl<'v> Intake<'v> {
    pub fn new(view: &'v View, points: &'v BTreeMap<String, PointId>, gateway: GatewayKey) -> Intake<'v> {
        let (readings, rejects) = (Vec::new(), Vec::new());
        Intake { view, points, gateway, gateway_seq: None, simulated: false, status: None, readings, rejects }
    }

    /// Whether the enterprise has a point of that name.
    pub fn has(&self, point: &str) -> bool {
        self.points.contains_key(point)
    }

    /// Whether anybody has a point of that name.
    pub fn is_known(&self, point: &str) -> bool {
        self.view.is_point_name(point)
    }

    /// Takes the reading with that index, or rejects it.
    pub fn take(&mut self, index: u32, claim: &Claim<'_>) {
        let Some(&point) = self.points.get(claim.point) else {
            let (reason, whose) = if self.view.is_point_name(claim.point) {
                (Reason::ForeignPoint, "belongs to another enterprise")
            } else {
                (Reason::UnknownPoint, "is not registered")
            };
            self.reject(index, reason, &format!("point {:?} {whose}", claim.point));
            return;
        };
        if !claim.value.is_finite() {
            self.reject(index, Reason::NotFinite, &format!("value of point {:?} is not finite", claim.point));
            return;
        }
        let Claim { device_time, value, quality, .. } = *claim;
        self.readings.push(Reading { point, device_time, value, quality });
    }

    pub fn reject(&mut self, index: u32, reason: Reason, detail: &str) {
        self.rejects.push(reject(Some(index), reason, detail));
    }
}

/// A reject whose detail is fit to be stored and shown: bounded, one line, without control characters.
pub fn reject(index: Option<u32>, reason: Reason, detail: &str) -> Reject {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    Reject { index, reason, detail: detail.chars().take(DETAIL_CHARS_MAX).map(clean).collect() }
}
