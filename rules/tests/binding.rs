//! Rules tied to points: limits, ceilings, objects, absence ages, and what is left out with its reason.
//! Pure.

#![allow(clippy::unwrap_used, reason = "a rule that does not load has failed the test")]

use rules::bind::{Binding, ObjectKey, bind};
use rules::judge::{Frame, Verdict};
use rules::reading::{PointId, Severity};
use rules::registry::{
    DeclaredLoad, Enterprise, Equipment, Gateway, LimitName, Limits, Point, Region, Registry, Sector, Status,
    Substance, TagType, Text,
};
use rules::set::{RuleSet, Source, Vocabulary};
use rules::view::View;
use std::sync::Arc;

fn text() -> Text {
    Text { zh: "试".to_owned(), en: "Trial".to_owned() }
}

fn point(id: &str, tag: &str, period_s: Option<u32>) -> Point {
    Point {
        id: id.to_owned(),
        tag: tag.to_owned(),
        range_lo: 0.0,
        range_hi: 100.0,
        period_s,
        limits: Limits::default(),
        dead_band: 1.5,
        required: true,
        national_code: None,
        substance: None,
    }
}

fn limited(mut point: Point, hh: f64) -> Point {
    point.limits.hh = Some(hh);
    point
}

fn equipment(id: &str, points: Vec<Point>) -> Equipment {
    Equipment {
        id: id.to_owned(),
        name: text(),
        kind: "trial".to_owned(),
        hazard_level: None,
        circuit_role: None,
        points,
        national_code: None,
        rated_kw: None,
        design: rules::site::Design::default(),
        sector: None,
    }
}

fn enterprise(id: &str, sector: &str, equipment: Vec<Equipment>) -> Enterprise {
    Enterprise {
        id: id.to_owned(),
        credit_code: "915002270000000000".to_owned(),
        name: text(),
        sectors: vec![sector.to_owned()],
        town: "500120001".to_owned(),
        industry: "trial".to_owned(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: vec![Gateway { id: "gw1".to_owned() }],
        equipment,
        national_code: None,
        declared: None,
        site: rules::site::Site::default(),
        stock: false,
    }
}

fn registry() -> Registry {
    let region = || Region { code: "500120".to_owned(), name: text() };
    let tags = ["tank.level", "gas.lel", "flame", "prod.run", "dust.fan_run"];
    let tank = vec![
        point("T1.level", "tank.level", Some(10)),
        limited(point("T1.gas", "gas.lel", Some(60)), 40.0),
        limited(point("T1.gas2", "gas.lel", Some(10)), 60.0),
        point("T1.flame", "flame", None),
    ];
    let collector = vec![point("C1.run", "prod.run", Some(60)), point("C1.fan", "dust.fan_run", Some(60))];
    let mill = vec![point("M1.run", "prod.run", Some(60))];
    let twin = vec![
        point("C2.run", "prod.run", Some(60)),
        point("C2.fan-a", "dust.fan_run", Some(60)),
        point("C2.fan-b", "dust.fan_run", Some(60)),
    ];
    Registry {
        district: region(),
        towns: vec![region()],
        sectors: ["hazchem", "dust"].map(|id| Sector { id: id.to_owned(), name: text() }).into(),
        tag_types: tags.map(|id| TagType { id: id.to_owned(), name: text(), unit: String::new() }).into(),
        enterprises: vec![
            enterprise("alpha", "hazchem", vec![equipment("T1", tank)]),
            enterprise("beta", "dust", vec![equipment("C1", collector), equipment("M1", mill), equipment("C2", twin)]),
        ],
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    }
}

/// The view of the registry above, its points numbered from 0 in registry order.
fn view() -> View {
    let registry = registry();
    let mut names = Vec::new();
    for enterprise in &registry.enterprises {
        let points = enterprise.equipment.iter().flat_map(|equipment| &equipment.points);
        names.extend(points.map(|point| (enterprise.id.clone(), point.id.clone())));
    }
    let number = |enterprise: &str, point: &str| {
        let at = names.iter().position(|(e, p)| e == enterprise && p == point)?;
        Some(PointId(u32::try_from(at).unwrap()))
    };
    View::new(Arc::new(registry.clone()), "v1".to_owned(), &number)
}

fn bound(lines: &str) -> Binding {
    bind(&load(lines), &view())
}

fn load(lines: &str) -> RuleSet {
    let head = "[[rule]]\nid = \"T-1\"\nname = { zh = \"试\", en = \"Trial\" }\n";
    let tail = "\nseverity = \"orange\"\nseverity_max = \"red\"\naction = { zh = \"查\", en = \"Look\" }\n";
    let (lines, by_tag) = lines
        .split_once("[rule.by_tag")
        .map_or((lines, String::new()), |(lines, rest)| (lines, format!("[rule.by_tag{rest}\n")));
    let source = Source { file: "t.toml".to_owned(), text: format!("{head}{lines}{tail}{by_tag}") };
    RuleSet::load(&[source], &Vocabulary::of(&registry())).unwrap_or_else(|errors| panic!("{lines}: {errors:?}"))
}

/// The points of the instances, and what was left out.
fn points(binding: &Binding) -> Vec<String> {
    let name = |object: &ObjectKey| match object {
        ObjectKey::Point(key) => key.point.clone(),
        ObjectKey::Equipment { equipment, .. } => format!("equipment {equipment}"),
        ObjectKey::Enterprise(id) => format!("enterprise {id}"),
        ObjectKey::System(code) => code.clone(),
    };
    binding.instances.iter().map(|instance| name(&instance.object)).collect()
}

fn skipped(binding: &Binding) -> Vec<String> {
    binding.skipped.iter().map(|skip| format!("{} {}: {}", skip.rule, skip.point.point, skip.reason)).collect()
}

#[test]
fn a_point_s_own_limit_goes_first_and_the_ceiling_last() {
    let lines =
        "on = [\"gas.lel\"]\nwhen = \"value >= hh\"\nlimit = \"hh\"\nlimits = { hh = 45.0 }\nceiling = { hh = 50.0 }";
    let binding = bound(lines);
    assert_eq!(points(&binding), ["T1.gas", "T1.gas2"]);
    let limits: Vec<Option<f64>> = binding.instances.iter().map(|instance| instance.limit).collect();
    assert_eq!(limits, [Some(40.0), Some(50.0)]);
    assert_eq!(binding.instances[1].limits.hh, Some(50.0));
    let [weak] = binding.weak_limits.as_slice() else { panic!("{:?}", binding.weak_limits) };
    assert_eq!((weak.point.point.as_str(), weak.limit, weak.asked, weak.used), ("T1.gas2", LimitName::Hh, 60.0, 50.0));
    assert_eq!(binding.instances[0].period_us, Some(60_000_000));
    assert_eq!((binding.instances[0].range_lo, binding.instances[0].range_hi), (0.0, 100.0));
    assert_eq!(binding.instances[0].dead_band, 1.5);
}

#[test]
fn a_point_without_a_needed_limit_is_named() {
    let binding = bound("on = [\"tank.level\", \"gas.lel\"]\nwhen = \"value >= hh\"");
    assert_eq!(points(&binding), ["T1.gas", "T1.gas2"]);
    assert_eq!(skipped(&binding), ["T-1 T1.level: the point has no limit hh, and the rule gives no default"]);
    let binding = bound("on = [\"tank.level\"]\nwhen = \"value >= 5.0\"\nlimit = \"h\"");
    assert_eq!(skipped(&binding), ["T-1 T1.level: the point has no limit h, and the rule gives no default"]);
}

#[test]
fn a_star_means_every_point_of_the_sector() {
    assert_eq!(points(&bound("on = [\"*\"]\nwhen = \"bad\"")).len(), 10);
    let binding = bound("sector = \"hazchem\"\non = [\"*\"]\nwhen = \"bad\"");
    assert_eq!(points(&binding), ["T1.level", "T1.gas", "T1.gas2", "T1.flame"]);
    assert_eq!(points(&bound("sector = \"dust\"\non = [\"gas.lel\"]\nwhen = \"bad\"")), [""; 0]);
}

#[test]
fn a_period_is_needed_only_where_it_is_read() {
    let binding = bound("sector = \"hazchem\"\non = [\"*\"]\nwhen = \"value > period\"");
    assert_eq!(skipped(&binding), ["T-1 T1.flame: the point has no period"]);
}

#[test]
fn what_differs_by_tag_type_is_applied() {
    let lines = "on = [\"flame\", \"gas.lel\"]\nwhen = \"value >= 1.0\"\ndelay_on = \"30s\"\ndelay_off = \"5m\"\n\
                 [rule.by_tag.\"flame\"]\nseverity = \"red\"\ndelay_on = \"0s\"";
    let binding = bound(lines);
    let graded = |point: &str| {
        let at = points(&binding).iter().position(|name| name == point).unwrap();
        let instance = &binding.instances[at];
        (instance.severity, instance.delay_on_us, instance.delay_off_us)
    };
    assert_eq!(graded("T1.flame"), (Severity::Red, 0, 300_000_000));
    assert_eq!(graded("T1.gas"), (Severity::Orange, 30_000_000, 300_000_000));
}

#[test]
fn a_rule_on_equipment_stands_on_all_its_points_together() {
    let lines = "sector = \"dust\"\nper = \"equipment\"\non = [\"prod.run\", \"dust.fan_run\"]\n\
                 when = 'tag(\"prod.run\") == 1.0 && tag(\"dust.fan_run\") == 0.0'";
    let binding = bound(lines);
    assert_eq!(points(&binding), ["equipment C1"]);
    let [instance] = binding.instances.as_slice() else { panic!("{binding:?}") };
    assert_eq!(instance.trigger_points, [PointId(4), PointId(5)]);
    assert_eq!(instance.tag_names.as_ref(), ["dust.fan_run", "prod.run"]);
    assert_eq!(instance.tags, [Some(PointId(5)), Some(PointId(4))]);
    assert_eq!(instance.tag_point("prod.run"), Some(PointId(4)));
    assert_eq!(instance.tag_point("flame"), None);
    assert_eq!(
        skipped(&binding),
        [
            "T-1 M1.run: there is no point of tag type `dust.fan_run` beside it",
            "T-1 C2.run: `C2.fan-a` and `C2.fan-b` are both of tag type `dust.fan_run`",
        ]
    );
    let woken: Vec<usize> = binding.by_point.iter().map(Vec::len).collect();
    assert_eq!(woken, [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn a_rule_on_an_enterprise_looks_across_its_equipment() {
    let lines = "sector = \"hazchem\"\nper = \"enterprise\"\non = [\"flame\"]\n\
                 when = 'tag(\"flame\") == 1.0 && tag(\"tank.level\") > 5.0'";
    let binding = bound(lines);
    assert_eq!(points(&binding), ["enterprise alpha"]);
    assert_eq!(binding.instances[0].tag_point("tank.level"), Some(PointId(0)));
    assert_eq!(binding.instances[0].object.enterprise(), Some("alpha"));
}

#[test]
fn a_tag_beside_a_point_is_found_on_the_same_equipment() {
    let lines = "sector = \"dust\"\non = [\"dust.fan_run\"]\nwhen = 'value == 0.0 && tag(\"prod.run\") == 1.0'";
    let binding = bound(lines);
    assert_eq!(points(&binding), ["C1.fan", "C2.fan-a", "C2.fan-b"]);
    let runs: Vec<Option<PointId>> = binding.instances.iter().map(|instance| instance.tag_point("prod.run")).collect();
    assert_eq!(runs, [Some(PointId(4)), Some(PointId(7)), Some(PointId(7))]);
}

#[test]
fn silence_becomes_a_deadline_and_event_points_are_exempt() {
    let binding = bound("on = [\"*\"]\nwhen = \"age() > max(3.0 * period, 120.0)\"");
    assert_eq!(points(&binding).len(), 9, "{:?}", points(&binding));
    assert!(!points(&binding).contains(&"T1.flame".to_owned()));
    assert_eq!(skipped(&binding), [""; 0]);
    // 10 s between samples: 120 s; 60 s between samples: 180 s. The least millisecond beyond.
    let ages: Vec<Option<i64>> = binding.instances.iter().take(2).map(|instance| instance.absence_after_us).collect();
    assert_eq!(ages, [Some(120_001_000), Some(180_001_000)]);
    let binding = bound("on = [\"*\"]\nwhen = \"age() >= 5 * period\"");
    assert_eq!(binding.instances[0].absence_after_us, Some(50_000_000));
}

#[test]
fn the_absence_age_is_the_least_at_which_the_condition_fires() {
    for condition in
        ["age() > max(3.0 * period, 120.0)", "age() / 60.0 >= period + 0.25", "!(age() <= 77.7 && period > 0.0)"]
    {
        let set = load(&format!("on = [\"*\"]\nwhen = \"{condition}\""));
        let program = &set.rules()[0].when;
        for instance in bind(&set, &view()).instances {
            let least_ms = instance.absence_after_us.unwrap() / 1_000;
            let fires = |ms: i64| {
                let mut frame = Frame::for_program(program);
                let input = |column: &rules::rule::Column| match column {
                    rules::rule::Column::Age => ms as f64 / 1_000.0,
                    _ => instance.period_us.unwrap() as f64 / 1e6,
                };
                frame.push_row(&program.columns().iter().map(input).collect::<Vec<f64>>());
                let mut verdicts = Vec::new();
                program.judge(&frame, &mut verdicts);
                verdicts == [Verdict::Fires(None)]
            };
            assert!(fires(least_ms) && !fires(least_ms - 1), "{condition} at {least_ms} ms");
        }
    }
}

#[test]
fn an_absence_that_cannot_come_is_named() {
    let binding = bound("on = [\"tank.level\"]\nwhen = \"age() > 1000000.0 * period\"");
    assert_eq!(points(&binding), [""; 0]);
    assert_eq!(skipped(&binding), ["T-1 T1.level: its absence condition is not true within 30 days of silence"]);
}

#[test]
fn binding_is_repeatable() {
    let set = load("on = [\"*\"]\nwhen = \"bad || value < range_lo || value > range_hi\"");
    // Compared as text: an unset number is NaN, which is unlike itself.
    assert_eq!(format!("{:?}", bind(&set, &view())), format!("{:?}", bind(&set, &view())));
}

/// The registry above, with a hazard source, a substance, a rating and a declared load.
fn described() -> View {
    let mut registry = registry();
    registry.substances =
        vec![Substance { id: "chlorine".to_owned(), name: text(), oel: Some(1.0), highly_toxic: true }];
    let alpha = &mut registry.enterprises[0];
    alpha.status = Status::OrderedToStop;
    alpha.declared = Some(DeclaredLoad { idle_kw: 20.0, production_kw: 500.0 });
    alpha.equipment[0].hazard_level = Some(2);
    alpha.equipment[0].rated_kw = Some(40.0);
    alpha.equipment[0].points[1].substance = Some("chlorine".to_owned());
    alpha.equipment[0].points[2].required = false;
    let beta = &mut registry.enterprises[1];
    beta.sectors.push("hazchem".to_owned());
    beta.equipment[0].circuit_role = Some("dust_removal".to_owned());
    beta.equipment[1].sector = Some("hazchem".to_owned());
    let names: Vec<(String, String)> = registry
        .enterprises
        .iter()
        .flat_map(|e| e.equipment.iter().flat_map(|q| &q.points).map(|p| (e.id.clone(), p.id.clone())))
        .collect();
    let number = |enterprise: &str, point: &str| {
        let at = names.iter().position(|(e, p)| e == enterprise && p == point)?;
        Some(PointId(u32::try_from(at).unwrap()))
    };
    View::new(Arc::new(registry.clone()), "v2".to_owned(), &number)
}

#[test]
fn facts_are_found_when_rules_are_bound() {
    let facts = |lines: &str| {
        let binding = bind(&load(lines), &described());
        let facts: Vec<Vec<f64>> = binding.instances.iter().map(|instance| instance.facts.clone()).collect();
        (points(&binding), facts, skipped(&binding))
    };
    let (named, found, left_out) = facts(
        "on = [\"gas.lel\"]\nwhen = \"value > oel && highly_toxic && hazard_level <= 2 && value > rated_kw && \
         value > production_kw - idle_kw\"",
    );
    assert_eq!((named, found), (vec!["T1.gas".to_owned()], vec![vec![1.0, 1.0, 2.0, 40.0, 500.0, 20.0]]));
    assert_eq!(left_out, ["T-1 T1.gas2: the point names no substance"]);
    let (_, found, left_out) =
        facts("on = [\"prod.run\"]\nwhen = 'hazard_level > 2 && role(\"dust_removal\") && sector(\"dust\")'");
    assert_eq!(found, [[5.0, 1.0, 1.0], [5.0, 0.0, 1.0], [5.0, 0.0, 1.0]]);
    assert_eq!(left_out, [""; 0]);
    let (named, found, _) =
        facts("per = \"enterprise\"\non = [\"*\"]\nwhen = 'tag(\"flame\") == 1.0 && status(\"ordered_to_stop\")'");
    assert_eq!((named, found), (vec!["enterprise alpha".to_owned()], vec![vec![1.0]]));
    let (_, _, left_out) = facts("on = [\"prod.run\"]\nwhen = \"value > idle_kw\"");
    assert_eq!(left_out[0], "T-1 C1.run: the enterprise has declared no electric loads");
    let (_, _, left_out) = facts("per = \"equipment\"\non = [\"prod.run\"]\nwhen = 'tag(\"prod.run\") > rated_kw'");
    assert_eq!(left_out[0], "T-1 C1.run: the equipment has no rated_kw");
}

#[test]
fn only_some_points_wake_a_rule() {
    let named = |only: &str| points(&bind(&load(&format!("on = [\"*\"]\nwhen = \"bad\"\n{only}")), &described()));
    assert_eq!(named("only = [\"hazard_source\"]"), ["T1.level", "T1.gas", "T1.gas2", "T1.flame"]);
    assert_eq!(named("only = \"required\"").len(), 9);
    assert_eq!(named("only = [\"required\", \"hazard_source\"]"), ["T1.level", "T1.gas", "T1.flame"]);
    // Equipment that is watched for one sector of its enterprise is none of the others' business.
    assert_eq!(named("sector = \"dust\""), ["C1.run", "C1.fan", "C2.run", "C2.fan-a", "C2.fan-b"]);
    assert!(named("sector = \"hazchem\"").contains(&"M1.run".to_owned()));
}

#[test]
fn a_source_is_one_instance_of_all_its_points_with_a_period() {
    let lines =
        "on = [\"*\"]\nper = \"equipment\"\nonly = [\"required\", \"hazard_source\"]\nwhen = \"age() >= 3.0 * period\"";
    let binding = bind(&load(lines), &described());
    assert_eq!(points(&binding), ["equipment T1"]);
    let instance = &binding.instances[0];
    assert_eq!(instance.trigger_points, [PointId(0), PointId(1)]);
    assert_eq!((instance.absence_after_us, instance.period_us), (Some(180_000_000), Some(60_000_000)));
    assert!(instance.hears_good_only());
    // A condition on facts that never holds for an object watches nothing there.
    let never = lines.replace("* period", "* period && hazard_level == 1");
    let binding = bind(&load(&never), &described());
    assert_eq!(skipped(&binding), ["T-1 T1.level: its absence condition is not true within 30 days of silence"]);
}

#[test]
fn limits_as_multiples() {
    let lines =
        "on = [\"gas.lel\"]\nwhen = \"value >= hh\"\nlimit = \"hh\"\nlimits = { hh = 2.0 }\ntimes = \"rated_kw\"";
    let limits = |lines: &str| {
        let binding = bind(&load(lines), &described());
        let limits: Vec<Option<f64>> = binding.instances.iter().map(|instance| instance.limit).collect();
        (limits, binding.weak_limits.len(), skipped(&binding))
    };
    // Their own are 40 and 60: stricter than twice the rating of 40, or than 1.2 times with a ceiling.
    assert_eq!(limits(lines), (vec![Some(40.0), Some(60.0)], 0, vec![]));
    let bounded = lines.replace("hh = 2.0 }", "hh = 1.0 }\nceiling = { hh = 1.2 }");
    assert_eq!(limits(&bounded), (vec![Some(40.0), Some(48.0)], 1, vec![]));
    let of_substance = bounded.replace("rated_kw", "oel");
    let left_out = vec!["T-1 T1.gas2: the point names no substance".to_owned()];
    assert_eq!(limits(&of_substance), (vec![Some(1.2)], 1, left_out));
    let unbounded = lines.replace("rated_kw", "oel");
    assert_eq!(limits(&unbounded), (vec![Some(40.0), Some(60.0)], 0, vec![]), "their own will do");
}
