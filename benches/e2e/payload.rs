//! Messages made once and changed in place: packet number, message number, device time and the last digits of every
//! value. So the generator costs next to nothing and the figures are those of what it loads.
//! Must not know sockets or time. Pure.

use crate::district::{District, Plant};

/// Message numbers begin here, so that they always have the same number of digits.
const SEQ_FIRST: u64 = 1_000_000_000;
/// Digits of a time in milliseconds, until 2286.
const TIME_DIGITS: usize = 13;
const SEQ_DIGITS: usize = 10;

/// A whole PUBLISH packet of MQTT 3.1.1 with QoS 1, and where in it the changing digits are.
pub struct Template {
    packet: Vec<u8>,
    id_at: usize,
    seq_at: Option<usize>,
    time_at: usize,
    /// Two digits behind the point, for each value that moves.
    hundredths_at: Vec<usize>,
    /// The gateway it is of, as an index into the generator's list.
    pub gateway: usize,
    /// Device time of the last message, milliseconds: strictly increasing, unless the plan says otherwise.
    pub last_ms: i64,
    pub readings: usize,
}

impl Template {
    /// One after the other all points of one plant, `readings` a message.
    #[must_use]
    pub fn of_plant(plant: &Plant, gateway: usize, readings: usize) -> Vec<Template> {
        let points: Vec<(&str, Option<i32>)> = plant.points.iter().map(|p| (p.id.as_str(), p.whole)).collect();
        points.chunks(readings.max(1)).map(|points| Template::new(plant, gateway, points, Numbered::Yes)).collect()
    }

    /// `1` of one flame detector.
    #[must_use]
    pub fn flame(plant: &Plant, point: &str) -> Template {
        Template::new(plant, 0, &[(point, Some(1))], Numbered::No)
    }

    fn new(plant: &Plant, gateway: usize, points: &[(&str, Option<i32>)], numbered: Numbered) -> Template {
        let topic = format!("davy/v1/{}/{}/json", plant.id, plant.gateway);
        let mut payload: Vec<u8> = b"{".to_vec();
        let mut seq_at = None;
        if numbered == Numbered::Yes {
            payload.extend_from_slice(b"\"seq\":");
            seq_at = Some(payload.len());
            payload.extend_from_slice(&[b'0'; SEQ_DIGITS]);
            payload.push(b',');
        }
        payload.extend_from_slice(b"\"ts\":");
        let time_at = payload.len();
        payload.extend_from_slice(&[b'0'; TIME_DIGITS]);
        payload.extend_from_slice(b",\"d\":[");
        let mut hundredths_at = Vec::new();
        for (n, (point, whole)) in points.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            payload.extend_from_slice(format!("{comma}{{\"p\":\"{point}\",\"v\":").as_bytes());
            match (whole, numbered) {
                (Some(whole), Numbered::Yes) => {
                    payload.extend_from_slice(format!("{whole}.").as_bytes());
                    hundredths_at.push(payload.len());
                    payload.extend_from_slice(b"00}");
                }
                (whole, _) => payload.extend_from_slice(format!("{}}}", whole.unwrap_or_default()).as_bytes()),
            }
        }
        payload.extend_from_slice(b"]}");
        let mut packet = vec![0x32];
        push_length(&mut packet, 2 + topic.len() + 2 + payload.len());
        packet.extend_from_slice(&u16::try_from(topic.len()).unwrap_or_default().to_be_bytes());
        packet.extend_from_slice(topic.as_bytes());
        let id_at = packet.len();
        packet.extend_from_slice(&[0, 0]);
        let payload_at = packet.len();
        packet.extend_from_slice(&payload);
        Template {
            packet,
            id_at,
            seq_at: seq_at.map(|at| at + payload_at),
            time_at: time_at + payload_at,
            hundredths_at: hundredths_at.into_iter().map(|at| at + payload_at).collect(),
            gateway,
            last_ms: 0,
            readings: points.len(),
        }
    }

    /// Appends the message to `out`. `n` is its number of this gateway; values wander with it.
    pub fn write(&mut self, out: &mut Vec<u8>, id: u16, time_ms: i64, n: u64) {
        self.last_ms = time_ms;
        put(&mut self.packet, self.id_at, &id.to_be_bytes());
        digits(&mut self.packet, self.time_at, TIME_DIGITS, time_ms.unsigned_abs());
        if let Some(at) = self.seq_at {
            digits(&mut self.packet, at, SEQ_DIGITS, SEQ_FIRST.wrapping_add(n));
        }
        let mut wander = n.wrapping_mul(7);
        for &at in &self.hundredths_at {
            digits(&mut self.packet, at, 2, wander % 100);
            wander = wander.wrapping_add(13);
        }
        out.extend_from_slice(&self.packet);
    }
}

/// Whether messages carry the gateway's own count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbered {
    Yes,
    No,
}

/// The templates of every `of`-th plant from `nth` on, in the order in which they are sent: one message of each gateway
/// before the second of any, as in the world.
#[must_use]
pub fn share(district: &District, readings: usize, nth: usize, of: usize) -> Vec<Template> {
    let plants = district.enterprises.iter().skip(nth).step_by(of.max(1)).enumerate();
    let mut by_plant: Vec<_> =
        plants.map(|(gateway, plant)| Template::of_plant(plant, gateway, readings).into_iter()).collect();
    let mut templates = Vec::new();
    loop {
        let before = templates.len();
        templates.extend(by_plant.iter_mut().filter_map(Iterator::next));
        if templates.len() == before {
            return templates;
        }
    }
}

fn push_length(packet: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = u8::try_from(length % 128).unwrap_or_default();
        length /= 128;
        packet.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return;
        }
    }
}

fn put(packet: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = packet.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn digits(packet: &mut [u8], at: usize, count: usize, mut number: u64) {
    let Some(place) = packet.get_mut(at..at + count) else { return };
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::district::Sensor;

    fn plant() -> Plant {
        let sensor = |id: &str, whole| Sensor { id: id.to_owned(), whole };
        let points = vec![sensor("T-1.level", Some(45)), sensor("T-1.esd", None), sensor("T-1.temp", Some(-9))];
        Plant { id: "b-00001".to_owned(), gateway: "gw-1".to_owned(), points, flames: vec!["F-1.flame".to_owned()] }
    }

    #[test]
    fn a_message_is_what_a_gateway_would_send() {
        let mut out = Vec::new();
        let mut templates = Template::of_plant(&plant(), 0, 50);
        assert_eq!(templates.len(), 1);
        templates[0].write(&mut out, 0x0102, 1_763_900_000_123, 3);
        let payload = br#"{"seq":1000000003,"ts":1763900000123,"d":[{"p":"T-1.level","v":45.21},{"p":"T-1.esd","v":0},{"p":"T-1.temp","v":-9.34}]}"#;
        let topic = b"davy/v1/b-00001/gw-1/json";
        let length = 2 + topic.len() + 2 + payload.len();
        assert_eq!(out[..3], [0x32, u8::try_from(length % 128 + 128).unwrap(), u8::try_from(length / 128).unwrap()]);
        assert_eq!(&out[5..5 + topic.len()], topic);
        assert_eq!(out[5 + topic.len()..7 + topic.len()], [1, 2]);
        assert_eq!(&out[7 + topic.len()..], payload);
    }

    #[test]
    fn one_reading_a_message_takes_every_point_in_turn() {
        let district = District { enterprises: vec![plant(), plant(), plant()] };
        let templates = share(&district, 1, 1, 2);
        assert_eq!(templates.iter().map(|t| t.gateway).collect::<Vec<_>>(), [0, 0, 0], "plant 1 alone");
        let templates = share(&district, 1, 0, 2);
        assert_eq!(templates.iter().map(|t| t.gateway).collect::<Vec<_>>(), [0, 1, 0, 1, 0, 1]);
        let mut out = Vec::new();
        Template::flame(&plant(), "F-1.flame").write(&mut out, 1, 1_763_900_000_123, 9);
        assert!(out.ends_with(br#"{"ts":1763900000123,"d":[{"p":"F-1.flame","v":1}]}"#));
    }
}
