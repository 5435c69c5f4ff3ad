//! What the decoder takes and what it says of the rest: one table of messages and outcomes. Pure.

mod tb;

use super::*;
use alerting::gateway::GatewayStatus;
use bytes::Bytes;
use rules::reading::{Micros, PointId, Quality, Reading};
use rules::registry::{Enterprise, Equipment, Gateway, Limits, Point, Region, Registry, Status, Text};
use std::sync::Arc;

fn point(id: &str) -> Point {
    Point {
        id: id.to_owned(),
        tag: "tank.level".to_owned(),
        range_lo: 0.0,
        range_hi: 100.0,
        period_s: Some(10),
        limits: Limits::default(),
        dead_band: 0.0,
        required: true,
        national_code: None,
        substance: None,
    }
}

fn enterprise(id: &str, points: &[&str]) -> Enterprise {
    Enterprise {
        id: id.to_owned(),
        credit_code: "0".repeat(18),
        name: Text::default(),
        sectors: Vec::new(),
        town: "t".to_owned(),
        industry: String::new(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: vec![Gateway { id: "gw-1".to_owned() }],
        equipment: vec![Equipment {
            id: "E".to_owned(),
            name: Text::default(),
            kind: "tank".to_owned(),
            hazard_level: None,
            circuit_role: None,
            points: points.iter().map(|id| point(id)).collect(),
            national_code: None,
            rated_kw: None,
            design: rules::site::Design::default(),
            sector: None,
        }],
        national_code: None,
        declared: None,
        site: rules::site::Site::default(),
        stock: false,
    }
}

fn view() -> View {
    let registry = Registry {
        district: Region { code: "500120".to_owned(), name: Text::default() },
        towns: Vec::new(),
        sectors: Vec::new(),
        tag_types: Vec::new(),
        enterprises: vec![enterprise("a", &["T.level", "T.温度"]), enterprise("b", &["X.flame"])],
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    };
    let number = |_: &str, point: &str| ["T.level", "T.温度", "X.flame"].iter().zip(0..).find(|(p, _)| **p == point);
    View::new(Arc::new(registry), "v".to_owned(), &|e, p| number(e, p).map(|(_, n)| PointId(n)))
}

fn decode_on(topic: &str, payload: impl AsRef<[u8]>) -> Decoded {
    let delivery = Delivery {
        received: Micros(1),
        topic: topic.to_owned(),
        payload: Bytes::copy_from_slice(payload.as_ref()),
        redelivered: false,
    };
    decode(&delivery, &view())
}

fn json(payload: impl AsRef<[u8]>) -> Decoded {
    decode_on("davy/v1/a/gw-1/json", payload)
}

fn reading(point: u32, ms: Option<i64>, value: f64) -> Reading {
    Reading { point: PointId(point), device_time: ms.map(|ms| Micros(ms * 1_000)), value, quality: Quality::Good }
}

/// The reasons with their index.
fn rejects(decoded: &Decoded) -> Vec<(Option<u32>, Reason)> {
    decoded.rejects.iter().map(|r| (r.index, r.reason)).collect()
}

#[test]
fn the_contract_example_is_taken_whole() {
    let decoded = json(
        r#"{"seq":17,"d":[{"p":"T.level","v":78.2},{"p":"T.温度","v":true,"t":1763900000100,"q":"bad","x":[{}]}],"ts":1763900000123,"new":{"a":[1,{"b":null}]}}"#,
    );
    assert_eq!(decoded.gateway_seq, Some(17));
    assert_eq!(decoded.rejects, []);
    let second = Reading { quality: Quality::Bad, ..reading(1, Some(1_763_900_000_100), 1.0) };
    assert_eq!(decoded.readings, [reading(0, Some(1_763_900_000_123), 78.2), second]);
}

#[test]
fn values_are_read_to_the_last_bit_and_times_may_be_missing() {
    let decoded = json(r#"{"d":[{"p":"T.level","v":0.1234567890123456789,"t":null,"q":null},{"p":"T.level","v":-7}]}"#);
    assert_eq!(decoded.readings, [reading(0, None, 0.123_456_789_012_345_68), reading(0, None, -7.0)]);
    assert_eq!(json(r#"{"ts":5,"d":[]}"#).readings, []);
    assert_eq!(rejects(&json(r#"{"ts":5,"d":[]}"#)), []);
}

#[test]
fn a_bad_reading_does_not_spoil_its_message() {
    let good = r#"{"p":"T.level","v":1}"#;
    for (bad, reason) in [
        (r#"{"p":"T.level","v":"1"}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":null}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":[1,2]}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":{"a":{"b":1}}}"#, Reason::WrongType),
        (r#"{"p":"T.level"}"#, Reason::WrongType),
        (r#"{"v":1}"#, Reason::WrongType),
        (r#"{"p":5,"v":1}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":1,"v":2}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":1,"q":"excellent"}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":1,"q":192}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":1,"t":"2025-01-01"}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":1,"t":1763900000123.5}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":1,"t":9223372036854775807}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":1,"t":18446744073709551615}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":1,"t":-9223372036854775808}"#, Reason::WrongType),
        (r#"{"p":"T.level","v":1,"t":1e300}"#, Reason::WrongType),
        (r#"{"p":"T.unknown","v":1}"#, Reason::UnknownPoint),
        (r#"{"p":"X.flame","v":1}"#, Reason::ForeignPoint),
        ("null", Reason::WrongType),
        ("true", Reason::WrongType),
        ("[[[]]]", Reason::WrongType),
        (r#""T.level""#, Reason::WrongType),
        ("7", Reason::WrongType),
        ("-7.5", Reason::WrongType),
    ] {
        let decoded = json(format!(r#"{{"ts":5,"d":[{good},{bad},{good}]}}"#));
        assert_eq!(decoded.readings, [reading(0, Some(5), 1.0), reading(0, Some(5), 1.0)], "{bad}");
        assert_eq!(rejects(&decoded), [(Some(1), reason)], "{bad}");
    }
}

#[test]
fn an_unusable_ts_rejects_only_what_leans_on_it() {
    for ts in [r#""now""#, "1.5", "9223372036854775807", "{}"] {
        let payload = format!(
            r#"{{"d":[{{"p":"T.level","v":1}},{{"p":"T.level","v":2,"t":7}},{{"p":"T.level","v":3}}],"ts":{ts}}}"#
        );
        let decoded = json(payload);
        assert_eq!(decoded.readings, [reading(0, Some(7), 2.0)], "{ts}");
        assert_eq!(rejects(&decoded), [(Some(0), Reason::WrongType), (Some(2), Reason::WrongType)], "{ts}");
    }
}

#[test]
fn what_cannot_be_read_is_rejected_whole() {
    let deep = format!(r#"{{"d":[{{"p":"T.level","v":1,"x":{}1{}}}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let cut = format!(r#"{{"d":[{{"p":"T.level","v":{}"#, "{\"a\":".repeat(200));
    for bad in [
        "",
        " ",
        "null",
        "[]",
        "7",
        r#""d""#,
        "{}",
        r#"{"ts":5}"#,
        r#"{"d":null}"#,
        r#"{"d":{}}"#,
        r#"{"d":[],"d":[]}"#,
        r#"{"d":[],"ts":1,"ts":2}"#,
        r#"{"d":[{"p":"T.level","v":1}]"#,
        r#"{"d":[{"p":"T.level","v":1}]} x"#,
        r#"{"d":[{"p":"T.level","v":1}]}{"d":[]}"#,
        r#"{"d":[{"p":"T.level","v":NaN}]}"#,
        r#"{"d":[{"p":"T.level","v":-Infinity}]}"#,
        r#"{"d":[{"p":"T.level","v":1e999}]}"#,
        r#"{"d":[],"x":1e999}"#,
        r#"{"d":[{"p":"T.level\u0000","v":1}]}"#,
        r#"{"d":[],"x":["\u0000"]}"#,
        r#"{"d":["\u0000"]}"#,
        r#"{"d":[],"\u0000":1}"#,
        "{\"d\":[{\"p\":\"T\0level\",\"v\":1}]}",
        deep.as_str(),
        cut.as_str(),
    ] {
        let decoded = json(bad);
        let shown: String = bad.chars().take(80).collect();
        assert_eq!(rejects(&decoded), [(None, Reason::Malformed)], "{shown}");
        assert_eq!(decoded.readings, [], "{shown}");
    }
    assert_eq!(rejects(&json(b"\xff\xfe\x00\x01")), [(None, Reason::Malformed)]);
    assert_eq!(rejects(&json(b"{\"d\":[{\"p\":\"\xff\",\"v\":1}]}")), [(None, Reason::Malformed)]);
}

#[test]
fn limits_of_size_and_number_hold_exactly() {
    let message = |n: usize| format!(r#"{{"ts":1,"d":[{}]}}"#, vec![r#"{"p":"T.level","v":1}"#; n].join(","));
    assert_eq!(json(message(READINGS_MAX)).readings.len(), READINGS_MAX);
    let decoded = json(message(READINGS_MAX + 1));
    assert_eq!((decoded.readings.len(), rejects(&decoded)), (0, vec![(None, Reason::TooManyReadings)]));
    let padded = |bytes: usize| {
        let mut text = message(1).into_bytes();
        text.resize(bytes, b' ');
        text
    };
    assert_eq!(json(padded(PAYLOAD_BYTES_MAX)).readings.len(), 1);
    assert_eq!(rejects(&json(padded(PAYLOAD_BYTES_MAX + 1))), [(None, Reason::TooLarge)]);
}

#[test]
fn a_topic_that_is_not_known_is_rejected_by_its_own_reason() {
    let good = r#"{"ts":1,"d":[{"p":"T.level","v":1}]}"#;
    for (topic, reason) in [
        ("davy/v1/a/gw-1/json/x", Reason::UnknownTopic),
        ("davy/v2/a/gw-1/json", Reason::UnknownTopic),
        ("davy/v1/a/gw-1/receipt", Reason::UnknownTopic),
        ("davy/v1/nobody/gw-1/json", Reason::UnknownEnterprise),
        ("davy/v1/nobody/gw-1/status", Reason::UnknownEnterprise),
        ("davy/v1/a/gw-9/json", Reason::UnknownGateway),
        ("davy/v1/a/gw-1/hj212", Reason::UnknownFormat),
    ] {
        assert_eq!(rejects(&decode_on(topic, good)), [(None, reason)], "{topic}");
    }
}

#[test]
fn a_gateway_says_whether_it_is_there() {
    for (payload, expected) in [
        ("online", GatewayStatus::Online),
        ("offline", GatewayStatus::Offline),
        (" offline\n", GatewayStatus::Offline),
        (r#"{"status":"online","version":[1]}"#, GatewayStatus::Online),
        (r#"{"status":"off\u006cine"}"#, GatewayStatus::Offline),
    ] {
        let decoded = decode_on("davy/v1/a/gw-1/status", payload);
        assert_eq!(
            (decoded.status, decoded.rejects.len(), decoded.readings.len()),
            (Some(expected), 0, 0),
            "{payload}"
        );
    }
    for garbage in
        ["", "Online", "1", "{}", r#"{"status":1}"#, r#"{"status":"away"}"#, r#"["online"]"#, "online offline"]
    {
        let decoded = decode_on("davy/v1/a/gw-1/status", garbage);
        assert_eq!((decoded.status, rejects(&decoded)), (None, vec![(None, Reason::Malformed)]), "{garbage}");
    }
    let binary = decode_on("davy/v1/a/gw-1/status", b"\xffonline");
    assert_eq!((binary.status, rejects(&binary)), (None, vec![(None, Reason::Malformed)]));
    assert_eq!(json(r#"{"d":[]}"#).status, None);
}

#[test]
fn details_are_short_clean_and_name_the_offender() {
    let name = format!("{}\\n\\u0007", "长".repeat(500));
    let decoded = json(format!(r#"{{"d":[{{"p":"{name}","v":1}}]}}"#));
    let detail = &decoded.rejects[0].detail;
    assert!(detail.starts_with("point \"长长"), "{detail}");
    assert!(detail.chars().count() <= 200 && !detail.chars().any(char::is_control));
}
