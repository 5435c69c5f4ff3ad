//! What the decoder takes of ThingsBoard's messages. Pure.

use super::*;

const DEVICE: &str = "davy/v1/a/gw-1/tb/v1/devices/me/telemetry";
const GATEWAY: &str = "davy/v1/a/gw-1/tb/v1/gateway/telemetry";
const BARE: &str = "davy/v1/a/gw-1/tb";

#[test]
fn a_device_sends_values_with_and_without_a_time() {
    for (payload, expected) in [
        (r#"{"T.level":1.5,"T.温度":true}"#, vec![reading(0, None, 1.5), reading(1, None, 1.0)]),
        (r#"{"ts":7,"values":{"T.level":1}}"#, vec![reading(0, Some(7), 1.0)]),
        (r#"{"values":{"T.level":1,"T.温度":false},"ts":7}"#, vec![reading(0, Some(7), 1.0), reading(1, Some(7), 0.0)]),
        (
            r#"[{"ts":7,"values":{"T.level":1},"metadata":{"a":[1]}},{"T.level":2},{"ts":null,"values":{"T.level":3}}]"#,
            vec![reading(0, Some(7), 1.0), reading(0, None, 2.0), reading(0, None, 3.0)],
        ),
        (r#"{"values":{"T.level":4}}"#, vec![reading(0, None, 4.0)]),
        (r#"{"ts":7,"values":{"T.level":1,"T.level":2}}"#, vec![reading(0, Some(7), 1.0), reading(0, Some(7), 2.0)]),
        ("{}", vec![]),
        ("[]", vec![]),
        (r#"{"ts":7,"values":{}}"#, vec![]),
    ] {
        for topic in [DEVICE, BARE] {
            let decoded = decode_on(topic, payload);
            assert_eq!((decoded.readings, decoded.rejects), (expected.clone(), vec![]), "{topic} {payload}");
        }
    }
}

#[test]
fn a_gateway_sends_for_its_devices() {
    let expected = [reading(0, Some(7), 1.0), reading(1, Some(8), 2.0), reading(0, None, 3.0), reading(1, None, 4.0)];
    let payload =
        r#"{"T":[{"ts":7,"values":{"level":1}},{"ts":8,"values":{"温度":2}},{"level":3}],"B":[{"T.温度":4}]}"#;
    for topic in [GATEWAY, BARE] {
        let decoded = decode_on(topic, payload);
        assert_eq!((decoded.readings.as_slice(), decoded.rejects), (expected.as_slice(), vec![]), "{topic}");
    }
    let one = decode_on(GATEWAY, r#"{"T":{"level":1}}"#);
    assert_eq!((one.readings, one.rejects), (vec![reading(0, None, 1.0)], vec![]));
}

#[test]
fn what_is_wrong_is_rejected_at_its_place_in_the_document() {
    for (topic, payload, taken, expected) in [
        (
            DEVICE,
            r#"{"T.level":"12.5","T.温度":1,"name":"tank","x":{"a":1},"y":[1],"z":null,"X.flame":0}"#,
            1,
            vec![
                (0, Reason::WrongType),
                (2, Reason::WrongType),
                (3, Reason::WrongType),
                (4, Reason::WrongType),
                (5, Reason::WrongType),
                (6, Reason::ForeignPoint),
            ],
        ),
        (
            DEVICE,
            r#"[5,{"ts":"now","values":{"T.level":1,"T.温度":2}},{"ts":1,"values":{"T.level":3,"no":4}},[{"T.level":5}]]"#,
            1,
            vec![
                (0, Reason::WrongType),
                (1, Reason::WrongType),
                (2, Reason::WrongType),
                (4, Reason::UnknownPoint),
                (5, Reason::WrongType),
            ],
        ),
        (DEVICE, r#"[{"ts":1,"ts":2,"values":{"T.level":1}},{"T.level":2}]"#, 1, vec![(0, Reason::WrongType)]),
        (DEVICE, r#"[{"ts":1,"values":[1,2]},{"T.level":2}]"#, 1, vec![(0, Reason::WrongType)]),
        (DEVICE, r#"{"ts":1.5,"values":{"T.level":1}}"#, 0, vec![(0, Reason::WrongType)]),
        (DEVICE, r#"{"ts":[],"values":{"T.level":1}}"#, 0, vec![(0, Reason::WrongType)]),
        (
            GATEWAY,
            r#"{"T":[{"ts":1,"values":{"level":"a","温度":2}}],"X":[{"flame":1}],"Y":[{"X.flame":1,"no":1}],"Z":3}"#,
            1,
            vec![
                (0, Reason::WrongType),
                (2, Reason::ForeignPoint),
                (3, Reason::ForeignPoint),
                (4, Reason::UnknownPoint),
                (5, Reason::WrongType),
            ],
        ),
    ] {
        let decoded = decode_on(topic, payload);
        let expected: Vec<_> = expected.into_iter().map(|(index, reason)| (Some(index), reason)).collect();
        assert_eq!((decoded.readings.len(), rejects(&decoded)), (taken, expected), "{payload}");
    }
}

#[test]
fn what_cannot_be_read_is_rejected_whole() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let beside = format!(r#"{{"T.level":1,"x":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    for bad in [
        "",
        "null",
        "7",
        r#""T.level""#,
        r#"{"T.level":1"#,
        r#"{"T.level":1} x"#,
        r#"{"T.level":NaN}"#,
        r#"{"T.level":1e999}"#,
        r#"{"T.level\u0000":1}"#,
        r#"{"T.level":1,"x":"\u0000"}"#,
        r#"{"T.level":1,"x":{"a":{"b":{"c":["\u0000"]}}}}"#,
        deep.as_str(),
        beside.as_str(),
    ] {
        let decoded = decode_on(DEVICE, bad);
        let shown: String = bad.chars().take(80).collect();
        assert_eq!((decoded.readings.len(), rejects(&decoded)), (0, vec![(None, Reason::Malformed)]), "{shown}");
    }
    assert_eq!(rejects(&decode_on(GATEWAY, r#"[{"T.level":1}]"#)), [(None, Reason::Malformed)]);
}

#[test]
fn limits_of_number_hold_exactly_however_values_are_wrapped() {
    let too_many = vec![(None, Reason::TooManyReadings)];
    for (topic, open, one, close) in [
        (DEVICE, "{", r#""T.level":1"#, "}"),
        (DEVICE, "[", r#"{"ts":1,"values":{"T.level":1}}"#, "]"),
        (GATEWAY, r#"{"T":["#, r#"{"ts":1,"values":{"level":1}}"#, "]}"),
    ] {
        let message = |n: usize| format!("{open}{}{close}", vec![one; n].join(","));
        assert_eq!(decode_on(topic, message(READINGS_MAX)).readings.len(), READINGS_MAX, "{one}");
        let decoded = decode_on(topic, message(READINGS_MAX + 1));
        assert_eq!((decoded.readings.len(), rejects(&decoded)), (0, too_many.clone()), "{one}");
    }
    // A tree is not built of what no readings can come of.
    assert_eq!(rejects(&decode_on(DEVICE, format!("[{}0]", "{},".repeat(300_000)))), too_many);
}

#[test]
fn the_other_topics_of_its_clients_are_kept_without_readings() {
    for below in ["v1/devices/me/attributes", "v1/devices/me/rpc/response/12", "v1/gateway/connect", "v1/gateway/rpc"] {
        let decoded = decode_on(&format!("davy/v1/a/gw-1/tb/{below}"), r#"{"T.level":1}"#);
        assert_eq!((decoded.readings.len(), rejects(&decoded)), (0, vec![]), "{below}");
    }
    for below in ["v1", "v1/devices/you/telemetry", "v1/devices/me/rpc/response", "v1/gateway/telemetry/x"] {
        let decoded = decode_on(&format!("davy/v1/a/gw-1/tb/{below}"), r#"{"T.level":1}"#);
        assert_eq!((decoded.readings.len(), rejects(&decoded)), (0, vec![(None, Reason::UnknownTopic)]), "{below}");
    }
}
