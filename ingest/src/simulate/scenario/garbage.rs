//! Everything a gateway must not send, one kind after another: nothing of it may stop the rest. Pure.

use crate::simulate::plant::Plant;

/// Topic and payload of the nth piece. Some are broken as a whole, some hold a good reading beside the bad one.
pub fn nth(nth: u64, plant: &Plant, now_ms: i64) -> (String, Vec<u8>) {
    let point = plant.points.first().map_or("", |point| point.id.as_str());
    let one = |value: &str| format!(r#"{{"ts":{now_ms},"d":[{{"p":"{point}","v":{value}}}]}}"#);
    let timed = |ts: &str| format!(r#"{{"ts":{ts},"d":[{{"p":"{point}","v":0.5}}]}}"#);
    let many = || vec![format!(r#"{{"p":"{point}","v":0}}"#); 5_001].join(",");
    let payload: Vec<u8> = match nth % KINDS {
        0 => one("1").replace('}', "").into(),
        1 => one("NaN").into(),
        2 => one("1e999").into(),
        3 => one("\"12.5\"").into(),
        4 => one("null").into(),
        5 => one("1").replace(point, "no-such.point").into(),
        6 => one("1").replace(point, &format!("{point}\\u0000")).into(),
        7 => vec![0xff, 0x00, 0x9f, 0x92, 0x96, 0x08, 0x01],
        8 => Vec::new(),
        9 => timed("\"2025-11-24 08:00:00\"").into(),
        10 => timed("9223372036854775807").into(),
        11 => timed("32503680000000").into(),
        12 => timed("1").into(),
        13 => format!("{{\"d\":{}{}}}", "[".repeat(2_000), "]".repeat(2_000)).into(),
        14 => format!("{{\"ts\":{now_ms},\"d\":[{}]}}", many()).into(),
        15 => vec![b' '; (1 << 20) + 1],
        _ => one("1").into(),
    };
    let topic = match nth % KINDS {
        16 => "davy/nonsense".to_owned(),
        17 => "davy/v1/no-such-enterprise/gw-1/json".to_owned(),
        18 => plant.topic.replace("/json", "/protobuf"),
        _ => plant.topic.clone(),
    };
    (topic, payload)
}

const KINDS: u64 = 19;
