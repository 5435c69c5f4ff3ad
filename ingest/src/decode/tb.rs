//! Format `tb`, what ThingsBoard's own clients publish: telemetry of a device (`{"key":1}`, `{"ts":ms,"values":{..}}`,
//! arrays of both) and of the devices behind a gateway (`{"Device A":[..]}`). A key is a point; behind a gateway its
//! name is `device.key` first. Values are indexed in the order of the document. Must not know enterprises. Pure.

mod node;

use super::intake::{Claim, Intake};
use super::loose::{self, Kind};
use super::{READINGS_MAX, Whole};
use alerting::input::Reason;
use node::{Node, Unreadable};
use rules::reading::{Micros, Quality};
use std::borrow::Cow;

/// What else a ThingsBoard client says, device and gateway: kept as evidence, without readings.
const OTHERS: [&str; 17] = [
    "v1/devices/me/attributes",
    "v1/devices/me/attributes/request/+",
    "v1/devices/me/attributes/response/+",
    "v1/devices/me/rpc/request/+",
    "v1/devices/me/rpc/response/+",
    "v1/devices/me/claim",
    "v1/gateway/attributes",
    "v1/gateway/attributes/request",
    "v1/gateway/attributes/response",
    "v1/gateway/connect",
    "v1/gateway/disconnect",
    "v1/gateway/rpc",
    "v1/gateway/claim",
    "v2/fw/request/+/chunk/+",
    "v2/fw/response/+/chunk/+",
    "provision/request",
    "provision/response",
];

/// Reads a whole message of the topic below `tb`, or says why it cannot be read at all.
pub fn read<'v>(below: &str, payload: &[u8], intake: Intake<'v>) -> Result<Intake<'v>, Whole> {
    let whose = match below {
        "" => Whose::AsItLooks,
        "v1/devices/me/telemetry" => Whose::Device,
        "v1/gateway/telemetry" => Whose::Gateway,
        _ if OTHERS.iter().any(|pattern| fits(pattern, below)) => return Ok(intake),
        _ => return Err((Reason::UnknownTopic, format!("{below:?} is not a topic of ThingsBoard's clients"))),
    };
    let too_many = || (Reason::TooManyReadings, format!("more than {READINGS_MAX} readings in one message"));
    let tree = node::tree(payload).map_err(|unreadable| match unreadable {
        Unreadable::TooMany => too_many(),
        Unreadable::Malformed(error) => (Reason::Malformed, format!("not ThingsBoard telemetry: {error}")),
    })?;
    let mut message = Message { intake, next: 0 };
    match (whose, &tree) {
        (Whose::Gateway, Node::Object(devices)) => message.devices(devices),
        (Whose::AsItLooks, Node::Object(fields)) if is_by_device(fields) => message.devices(fields),
        (Whose::Device | Whose::AsItLooks, Node::Object(_) | Node::Array(_)) => message.elements(None, &tree),
        (_, other) => {
            return Err((Reason::Malformed, format!("not ThingsBoard telemetry: it is {}", other.kind())));
        }
    }
    if message.next as usize > READINGS_MAX { Err(too_many()) } else { Ok(message.intake) }
}

/// Whose telemetry a topic carries.
#[derive(Clone, Copy)]
enum Whose {
    Device,
    /// Of the devices behind it, by name.
    Gateway,
    /// The bare topic carries both.
    AsItLooks,
}

/// Devices send arrays, and a key's value is never one.
fn is_by_device(fields: &[(Cow<'_, str>, Node<'_>)]) -> bool {
    !fields.is_empty() && fields.iter().all(|(_, node)| matches!(node, Node::Array(_)))
}

/// `+` stands for one level.
fn fits(pattern: &str, topic: &str) -> bool {
    let (mut pattern, mut topic) = (pattern.split('/'), topic.split('/'));
    loop {
        match (pattern.next(), topic.next()) {
            (None, None) => return true,
            (Some(wanted), Some(level)) if wanted == "+" || wanted == level => {}
            _ => return false,
        }
    }
}

struct Message<'v> {
    intake: Intake<'v>,
    /// Index of the next value.
    next: u32,
}

impl Message<'_> {
    fn devices(&mut self, devices: &[(Cow<'_, str>, Node<'_>)]) {
        for (device, elements) in devices {
            self.elements(Some(device), elements);
        }
    }

    /// One element, or an array of them.
    fn elements(&mut self, device: Option<&str>, node: &Node<'_>) {
        match node {
            Node::Array(elements) => elements.iter().for_each(|element| self.element(device, element)),
            one => self.element(device, one),
        }
    }

    fn element(&mut self, device: Option<&str>, node: &Node<'_>) {
        let Node::Object(fields) = node else {
            return self.reject(&format!("the element is {}, expected an object", node.kind()));
        };
        if !fields.iter().any(|(key, node)| key == "values" && !matches!(node, Node::Leaf(_))) {
            return fields.iter().for_each(|(key, node)| self.value(device, key, node, &Ok(None)));
        }
        let mut wrapper = Wrapper::default();
        for (key, node) in fields {
            let twice = match key.as_ref() {
                "ts" => wrapper.ts.replace(node).is_some(),
                "values" => wrapper.values.replace(node).is_some(),
                // Later versions put more beside them.
                _ => false,
            };
            if twice {
                return self.reject(&format!("{key} is given twice"));
            }
        }
        let time = match wrapper.ts {
            None => Ok(None),
            Some(Node::Leaf(ts)) => loose::time(ts),
            Some(other) => Err(format!("is {}, expected whole milliseconds since 1970", other.kind())),
        };
        match wrapper.values {
            Some(Node::Object(values)) => values.iter().for_each(|(key, node)| self.value(device, key, node, &time)),
            other => {
                let kind = other.map_or(Kind::Null, Node::kind);
                self.reject(&format!("values is {kind}, expected an object"));
            }
        }
    }

    fn value(&mut self, device: Option<&str>, key: &str, node: &Node<'_>, time: &Result<Option<Micros>, String>) {
        let device_time = match time {
            Ok(time) => *time,
            Err(problem) => return self.reject(&format!("ts {problem}")),
        };
        let number = match node {
            Node::Leaf(leaf) => leaf.number(),
            Node::Array(_) | Node::Object(_) => None,
        };
        let Some(value) = number else {
            return self.reject(&format!("{key:?} is {}, expected a number or a boolean", node.kind()));
        };
        let point = self.point(device, key);
        let claim = Claim { point: &point, device_time, value, quality: Quality::Good };
        if let Some(index) = self.index() {
            self.intake.take(index, &claim);
        }
    }

    /// The point that a key means: that of the device, else the key alone, whoever it may belong to.
    fn point<'k>(&self, device: Option<&str>, key: &'k str) -> Cow<'k, str> {
        let Some(device) = device else { return Cow::Borrowed(key) };
        let joined = format!("{device}.{key}");
        let alone = !self.intake.has(&joined)
            && (self.intake.has(key) || (!self.intake.is_known(&joined) && self.intake.is_known(key)));
        if alone { Cow::Borrowed(key) } else { Cow::Owned(joined) }
    }

    fn reject(&mut self, detail: &str) {
        if let Some(index) = self.index() {
            self.intake.reject(index, Reason::WrongType, detail);
        }
    }

    /// The index of the value at hand; none once there are too many, which spoils the message anyway.
    fn index(&mut self) -> Option<u32> {
        let index = self.next;
        self.next = self.next.saturating_add(1);
        Some(index).filter(|index| (*index as usize) < READINGS_MAX)
    }
}

/// `{"ts":ms,"values":{..}}`.
#[derive(Default)]
struct Wrapper<'n, 'de> {
    ts: Option<&'n Node<'de>>,
    values: Option<&'n Node<'de>>,
}
