//! What gateways are told, as JSON. Must not know who reads it. Pure.

use alerting::alarm::{Alarm, AlarmChange, AlarmState, Cause};
use bytes::Bytes;
use rules::reading::{Micros, Severity};
use rules::registry::Text;
use serde::Serialize;

/// Times in milliseconds since 1970, like those that gateways send.
#[derive(Serialize)]
struct WarningShown<'a> {
    id: u64,
    rule: &'a str,
    name: &'a Text,
    severity: Severity,
    state: AlarmState,
    cause: Cause,
    object: ObjectShown<'a>,
    value: Option<f64>,
    limit: Option<f64>,
    since: i64,
    at: i64,
}

#[derive(Serialize)]
struct ObjectShown<'a> {
    enterprise: &'a str,
    equipment: Option<&'a str>,
    point: Option<&'a str>,
}

/// The enterprise that a change of an alarm concerns and what it is told; nothing of what is no news to it.
#[must_use]
pub fn warning(change: &AlarmChange) -> Option<(&str, Bytes)> {
    // Taken over after a recovery, or stated again by another version: it was told before.
    if change.cause == Cause::Adopted { None } else { shown(change) }
}

/// The same of an alarm as it stands, stated again at a start with `restate`.
#[must_use]
pub fn standing(restated: &AlarmChange) -> Option<(&str, Bytes)> {
    shown(restated)
}

fn shown(change: &AlarmChange) -> Option<(&str, Bytes)> {
    let Alarm { id, rule, name, object, severity, state, value, limit, since, .. } = &change.alarm;
    let enterprise = object.enterprise.as_deref()?;
    let shown = WarningShown {
        id: id.0,
        rule,
        name,
        severity: *severity,
        state: *state,
        cause: change.cause,
        object: ObjectShown { enterprise, equipment: object.equipment.as_deref(), point: object.point.as_deref() },
        value: *value,
        limit: *limit,
        since: milliseconds(*since),
        at: milliseconds(change.at),
    };
    // Our own structures of strings and numbers always become JSON.
    serde_json::to_vec(&shown).ok().map(|json| (enterprise, Bytes::from(json)))
}

#[must_use]
pub fn receipt(seq: u64) -> Bytes {
    Bytes::from(format!("{{\"seq\":{seq}}}"))
}

fn milliseconds(at: Micros) -> i64 {
    at.0.div_euclid(1_000)
}
