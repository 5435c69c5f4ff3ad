//! From the bytes of a message to readings: takes what can be read and says what cannot, and why. One file per
//! format. Must not know state, time or where the message came from. Pure: live and in replay it answers alike.

mod intake;
mod json;
mod loose;
mod status;
mod tb;
pub mod topic;

use crate::delivery::Delivery;
use alerting::gateway::GatewayKey;
use alerting::input::{Decoded, Reason};
use intake::Intake;
use rules::view::View;
use topic::Topic;

/// A larger message is quarantined whole.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// A message with more readings is quarantined whole.
pub const READINGS_MAX: usize = 5_000;

/// Reads one message under one registry version. Every reading of it is either taken or rejected with its index;
/// a message that cannot be read at all has one reject without index and no readings.
#[must_use]
pub fn decode(delivery: &Delivery, view: &View) -> Decoded {
    let mut decoded = Decoded {
        received: delivery.received,
        topic: delivery.topic.clone(),
        payload: delivery.payload.clone(),
        redelivered: delivery.redelivered,
        gateway: None,
        gateway_seq: None,
        status: None,
        readings: Vec::new(),
        rejects: Vec::new(),
        simulated: false,
    };
    match read(delivery, view) {
        Ok(intake) => {
            decoded.gateway = Some(intake.gateway);
            decoded.gateway_seq = intake.gateway_seq;
            decoded.simulated = intake.simulated;
            decoded.status = intake.status;
            decoded.readings = intake.readings;
            decoded.rejects = intake.rejects;
        }
        Err((reason, detail)) => decoded.rejects.push(intake::reject(None, reason, &detail)),
    }
    decoded
}

/// Why a message is quarantined whole, with a sentence for people.
type Whole = (Reason, String);

fn read<'v>(delivery: &Delivery, view: &'v View) -> Result<Intake<'v>, Whole> {
    let (enterprise, gateway, format, below) = match topic::parse(&delivery.topic) {
        Topic::Gateway { enterprise, gateway, format, below } => (enterprise, gateway, format, below),
        Topic::Outgoing | Topic::Foreign => {
            return Err((Reason::UnknownTopic, format!("topic {:?} is not one of ours", delivery.topic)));
        }
    };
    if delivery.payload.len() > PAYLOAD_BYTES_MAX {
        let size = delivery.payload.len();
        return Err((Reason::TooLarge, format!("{size} bytes, at most {PAYLOAD_BYTES_MAX} are read")));
    }
    let Some(points) = view.points_of(enterprise) else {
        return Err((Reason::UnknownEnterprise, format!("enterprise {enterprise:?} is not registered")));
    };
    if view.gateway(enterprise, gateway).is_none() {
        let detail = format!("gateway {gateway:?} of enterprise {enterprise:?} is not registered");
        return Err((Reason::UnknownGateway, detail));
    }
    let gateway = GatewayKey { enterprise: enterprise.to_owned(), gateway: gateway.to_owned() };
    let mut intake = Intake::new(view, points, gateway);
    match format {
        topic::FORMAT_JSON => json::read(&delivery.payload, intake),
        topic::FORMAT_TB => tb::read(below, &delivery.payload, intake),
        topic::FORMAT_STATUS => {
            intake.status = Some(status::read(&delivery.payload)?);
            Ok(intake)
        }
        _ => Err((Reason::UnknownFormat, format!("format {format:?} is not known"))),
    }
}

#[cfg(test)]
mod tests;
