//! How alarms, times and places look in JSON. Names come from the registry in force; an alarm of a point that is gone
//! keeps its ids. Must not know HTTP. Pure.

use crate::hub::ring::{Event, Mark, Position};
use alerting::alarm::{Alarm, AlarmState, Cause};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use rules::reading::{Micros, Quality, Severity};
use rules::registry::{Enterprise, Equipment, Point, TagType, Text};
use rules::view::View;
use serde::{Serialize, Serializer};

/// RFC 3339 in UTC with milliseconds; `null` for what lies outside the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(pub Micros);

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match DateTime::from_timestamp_micros(self.0.0) {
            Some(time) => serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => serializer.serialize_none(),
        }
    }
}

/// An alarm as the API and the stream show it. Numbers are in the unit of the point.
#[derive(Debug, Serialize)]
pub struct AlarmShown<'a> {
    pub id: u64,
    pub rule: &'a str,
    pub name: &'a Text,
    pub severity: Severity,
    pub state: AlarmState,
    pub enterprise: Option<&'a str>,
    pub enterprise_name: Option<&'a Text>,
    pub town: Option<&'a Text>,
    pub equipment: Option<&'a str>,
    pub equipment_name: Option<&'a Text>,
    pub point: Option<&'a str>,
    pub tag_type: Option<&'a str>,
    pub unit: Option<&'a str>,
    pub value: Option<f64>,
    pub worst: Option<f64>,
    pub limit: Option<f64>,
    /// When the breach began, before any delay.
    pub since: Stamp,
    pub raised_at: Stamp,
    pub last_at: Stamp,
    pub acked_at: Option<Stamp>,
    pub acked_by: Option<&'a str>,
    pub cleared_at: Option<Stamp>,
    pub closed_at: Option<Stamp>,
    pub count: u32,
    pub rule_set: &'a str,
    pub text: &'a Text,
}

impl<'a> AlarmShown<'a> {
    #[must_use]
    pub fn new(alarm: &'a Alarm, view: Option<&'a View>) -> AlarmShown<'a> {
        let place = Named::find(alarm, view);
        AlarmShown {
            id: alarm.id.0,
            rule: &alarm.rule,
            name: &alarm.name,
            severity: alarm.severity,
            state: alarm.state,
            enterprise: alarm.object.enterprise.as_deref(),
            enterprise_name: place.enterprise.map(|e| &e.name),
            town: place.town,
            equipment: alarm.object.equipment.as_deref(),
            equipment_name: place.equipment.map(|e| &e.name),
            point: alarm.object.point.as_deref(),
            tag_type: place.point.map(|p| p.tag.as_str()),
            unit: place.tag_type.map(|t| t.unit.as_str()),
            value: alarm.value,
            worst: alarm.worst,
            limit: alarm.limit,
            since: Stamp(alarm.since),
            raised_at: Stamp(alarm.raised_at),
            last_at: Stamp(alarm.last_at),
            acked_at: alarm.acked_at.map(Stamp),
            acked_by: alarm.acked_by.as_deref(),
            cleared_at: alarm.cleared_at.map(Stamp),
            closed_at: alarm.closed_at.map(Stamp),
            count: alarm.count,
            rule_set: &alarm.rule_set,
            text: &alarm.text,
        }
    }
}

/// What the registry knows of an alarm's object.
#[derive(Default)]
struct Named<'a> {
    enterprise: Option<&'a Enterprise>,
    town: Option<&'a Text>,
    equipment: Option<&'a Equipment>,
    point: Option<&'a Point>,
    tag_type: Option<&'a TagType>,
}

impl<'a> Named<'a> {
    fn find(alarm: &Alarm, view: Option<&'a View>) -> Named<'a> {
        let (Some(view), Some(id)) = (view, alarm.object.enterprise.as_deref()) else { return Named::default() };
        let enterprise = view.enterprise(id);
        let town = enterprise.and_then(|e| view.registry().towns.iter().find(|t| t.code == e.town)).map(|t| &t.name);
        let place = alarm.object.point.as_deref().and_then(|p| view.place(view.find(id, p)?));
        let equipment = match place {
            Some(place) => view.equipment_at(place),
            None => enterprise
                .zip(alarm.object.equipment.as_deref())
                .and_then(|(e, id)| e.equipment.iter().find(|q| q.id == id)),
        };
        let point = place.and_then(|p| view.point_at(p));
        let tag_type = point.and_then(|p| view.registry().tag_types.iter().find(|t| t.id == p.tag));
        Named { enterprise, town, equipment, point, tag_type }
    }
}

/// The data of one `alarm` event of the stream.
#[derive(Serialize)]
struct EventShown<'a> {
    seq: u64,
    index: u32,
    at: Stamp,
    cause: Cause,
    from: AlarmState,
    by: Option<&'a str>,
    comment: Option<&'a str>,
    alarm: AlarmShown<'a>,
}

/// A whole frame of the event stream, made once and shared by all readers.
#[must_use]
pub fn event_frame(event: &Event, journal_id: &std::sync::Arc<str>, view: Option<&View>) -> Bytes {
    let make = || {
        let Position { seq, index } = event.position;
        let data = EventShown {
            seq,
            index,
            at: Stamp(event.at),
            cause: event.cause,
            from: event.from,
            by: event.by.as_deref(),
            comment: event.comment.as_deref(),
            alarm: AlarmShown::new(&event.alarm, view),
        };
        let mark = Mark { journal_id: std::sync::Arc::clone(journal_id), position: event.position };
        frame("alarm", &mark, &data)
    };
    event.shown.get_or_init(make).clone()
}

/// One frame of `text/event-stream`. JSON holds no line break, so the data is one line.
#[must_use]
pub fn frame(name: &str, mark: &Mark, data: &impl Serialize) -> Bytes {
    // Our own structures of strings and numbers always become JSON; the page asks again if it ever gets "{}".
    let json = serde_json::to_string(data).unwrap_or_else(|_| "{}".into());
    Bytes::from(format!("id: {mark}\nevent: {name}\ndata: {json}\n\n"))
}

#[must_use]
pub fn quality_name(quality: Quality) -> &'static str {
    match quality {
        Quality::Good => "good",
        Quality::Uncertain => "uncertain",
        Quality::Bad => "bad",
    }
}

/// Whole seconds with milliseconds, never negative: how long ago.
#[must_use]
pub fn age_s(now: Micros, then: Micros) -> f64 {
    (now.since(then).max(0) / 1000) as f64 / 1000.0
}
