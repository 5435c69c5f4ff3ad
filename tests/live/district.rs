//! Which gateways and points there are, asked of the running product over HTTP. I/O.

use davy_tests::davy::Place;

/// (enterprise, gateway, point) of every point of a tag type.
pub fn points_of(place: &Place, tag_type: &str) -> Vec<(String, String, String)> {
    let (status, body) = place.get(&format!("/api/v1/points?tag_type={tag_type}")).expect("points are served");
    assert_eq!(status, 200, "{body}");
    let list = body["points"].as_array().expect("a list of points");
    let text = |point: &serde_json::Value, key: &str| point[key].as_str().map(str::to_owned);
    let found = list
        .iter()
        .filter_map(|point| Some((text(point, "enterprise")?, text(point, "gateway")?, text(point, "point")?)));
    found.collect()
}

/// One message plan: `messages` gateways, each with up to `readings` points of the electricity meters.
pub fn meters(place: &Place, messages: usize, readings: usize) -> Vec<(String, String, Vec<String>)> {
    let mut plan: Vec<(String, String, Vec<String>)> = Vec::new();
    for tag in ["pwr.p", "pwr.pf", "pwr.e_imp", "pwr.i_res"] {
        for (enterprise, gateway, point) in points_of(place, tag) {
            let room = plan.len() < messages;
            match plan.iter_mut().find(|(known, _, _)| *known == enterprise) {
                Some((_, _, points)) if points.len() < readings => points.push(point),
                Some(_) => {}
                None if room => plan.push((enterprise, gateway, vec![point])),
                None => {}
            }
        }
    }
    plan
}
