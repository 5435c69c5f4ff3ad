//! The committed district loads and has the size it was planned for, and every mistake a person can make in a seed
//! file is told with file, line and remedy. I/O: reads the repository.

#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use ingest::seeds::{self, SeedFile};
use rules::bind::bind;
use rules::reading::PointId;
use rules::registry::{Enterprise, Point, Registry, Status};
use rules::set::{RuleSet, Vocabulary};
use rules::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn district() -> Registry {
    seeds::load(&here("../seeds")).unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("the seed district has mistakes:\n{}", lines.join("\n"))
    })
}

fn points(enterprise: &Enterprise) -> impl Iterator<Item = &Point> {
    enterprise.equipment.iter().flat_map(|equipment| &equipment.points)
}

fn of_sector<'r>(registry: &'r Registry, sector: &str) -> Vec<&'r Enterprise> {
    registry.enterprises.iter().filter(|e| e.sectors.iter().any(|s| s == sector)).collect()
}

fn samples_per_second(enterprises: &[&Enterprise]) -> f64 {
    enterprises.iter().flat_map(|e| points(e)).filter_map(|p| p.period_s).map(|s| 1.0 / f64::from(s)).sum()
}

#[test]
fn the_district_has_its_planned_size() {
    let registry = district();
    assert_eq!(registry.towns.len(), 16);
    let planned = [("hazchem", 30, 150.0..=210.0), ("dust", 60, 150.0..=210.0), ("electricity", 300, 119.9..=120.1)];
    for (sector, count, rate) in planned {
        let enterprises = of_sector(&registry, sector);
        assert_eq!(enterprises.len(), count, "{sector}");
        let samples = samples_per_second(&enterprises);
        assert!(rate.contains(&samples), "{sector}: {samples} samples/s");
    }
    let all: Vec<&Enterprise> = registry.enterprises.iter().collect();
    let samples = samples_per_second(&all);
    assert!((450.0..=550.0).contains(&samples), "{samples} samples/s");
    let count = all.iter().flat_map(|e| points(e)).count();
    assert!((9_500..=11_500).contains(&count), "{count} points");
}

#[test]
fn every_town_has_enterprises_of_every_sector() {
    let registry = district();
    for sector in &registry.sectors {
        let towns: BTreeSet<&str> = of_sector(&registry, &sector.id).iter().map(|e| e.town.as_str()).collect();
        assert_eq!(towns.len(), 16, "{}", sector.id);
    }
}

#[test]
fn the_first_rules_find_their_points() {
    let registry = district();
    for enterprise in of_sector(&registry, "hazchem") {
        let tags: BTreeSet<&str> = points(enterprise).map(|p| p.tag.as_str()).collect();
        for tag in ["tank.level", "gas.lel", "flame", "smoke", "bund.liquid"] {
            assert!(tags.contains(tag), "{} has no {tag}", enterprise.id);
        }
    }
    for enterprise in of_sector(&registry, "dust") {
        let both = |tags: BTreeSet<&str>| tags.contains("prod.run") && tags.contains("dust.fan_run");
        let collectors =
            enterprise.equipment.iter().filter(|q| both(q.points.iter().map(|p| p.tag.as_str()).collect()));
        assert!(collectors.count() >= 1, "{} has no collector", enterprise.id);
    }
    for enterprise in of_sector(&registry, "electricity") {
        let roles: Vec<Option<&str>> = enterprise.equipment.iter().map(|q| q.circuit_role.as_deref()).collect();
        assert_eq!(roles.len(), 3, "{}", enterprise.id);
        assert!(roles.contains(&Some("general")) && roles.contains(&Some("production")), "{}", enterprise.id);
        assert_eq!(points(enterprise).count(), 24, "{}", enterprise.id);
    }
}

/// Rules, and what a collector need not have.
const LACKING: [(&str, &str); 4] = [
    ("DU-08", "there is no point of tag type `dust.spark` beside it"),
    ("DU-13", "there is no point of tag type `dust.airlock_run` beside it"),
    ("DU-14", "there is no point of tag type `dust.unload_event` beside it"),
    ("DU-16", "there is no point of tag type `dust.pulse_event` beside it"),
];
/// Where nobody works there are no shifts to clean after, and silence is no breach.
const IDLE: [(&str, &str); 2] = [
    ("DU-26", "the enterprise has no shifts"),
    ("DU-28", "its absence condition is not true within 30 days of silence"),
];

#[test]
fn every_rule_binds_to_the_district_and_skips_only_what_a_plant_does_not_have() {
    let registry = Arc::new(district());
    let packs = seeds::rules(&here("../seeds/rules")).unwrap();
    let set = RuleSet::load(&packs, &Vocabulary::of(&registry)).unwrap();
    let keys: Vec<(&str, &str)> =
        registry.enterprises.iter().flat_map(|e| points(e).map(|p| (e.id.as_str(), p.id.as_str()))).collect();
    let numbers: BTreeMap<(&str, &str), PointId> = keys.iter().copied().zip((0u32..).map(PointId)).collect();
    let number = |enterprise: &str, point: &str| numbers.get(&(enterprise, point)).copied();
    let view = View::new(Arc::clone(&registry), "test".to_owned(), &number);
    let binding = bind(&set, &view);
    for skipped in &binding.skipped {
        let plant = registry.enterprises.iter().find(|e| e.id == skipped.point.enterprise).unwrap();
        let why = (skipped.rule.as_str(), skipped.reason.as_str());
        let idle = plant.status != Status::Producing && IDLE.contains(&why);
        assert!(idle || LACKING.contains(&why), "{skipped:?}");
    }
    assert!(binding.weak_limits.is_empty(), "{:?}", binding.weak_limits.first());
    let weakened = set.rules().iter().position(|rule| rule.id == "HC-26").unwrap();
    let asked: Vec<&[f64]> =
        binding.instances.iter().filter(|one| one.rule == weakened).map(|one| one.facts.as_slice()).collect();
    assert!(!asked.is_empty() && asked.iter().all(|facts| *facts == [0.0]), "the district is born without weak limits");
    for (index, rule) in set.rules().iter().enumerate() {
        assert!(binding.instances.iter().any(|i| i.rule == index), "{} binds to nothing", rule.id);
    }
}

#[test]
fn points_are_what_rules_expect_of_their_tag_type() {
    let registry = district();
    let units: BTreeMap<&str, &str> = registry.tag_types.iter().map(|t| (t.id.as_str(), t.unit.as_str())).collect();
    for point in registry.enterprises.iter().flat_map(points) {
        if units[point.tag.as_str()] == "0/1" {
            assert_eq!((point.range_lo, point.range_hi), (0.0, 1.0), "{}", point.id);
        }
        match point.tag.as_str() {
            "flame" => assert_eq!(point.period_s, None, "{}: silence of a flame detector is good news", point.id),
            // GB/T 50493: no weaker limits than these.
            "gas.lel" => assert!(point.limits.h <= Some(25.0) && point.limits.hh <= Some(50.0), "{}", point.id),
            "tank.level" => assert!(point.limits.hh.is_some(), "{}", point.id),
            "gas.toxic" => {
                let substance = point.substance.as_deref().and_then(|id| registry.substance(id)).unwrap();
                let oel = substance.oel.unwrap();
                assert!(point.limits.h <= Some(oel) && point.limits.hh <= Some(2.0 * oel), "{}", point.id);
                assert!(point.range_hi > 2.0 * oel, "{}", point.id);
            }
            _ => {}
        }
    }
}

#[test]
fn each_installation_is_watched_for_one_sector_of_its_enterprise() {
    let registry = district();
    for enterprise in &registry.enterprises {
        for equipment in &enterprise.equipment {
            let sector = equipment.sector.as_ref().unwrap();
            assert!(enterprise.sectors.contains(sector), "{} {}", enterprise.id, equipment.id);
        }
    }
}

#[test]
fn who_is_watched_by_power_has_said_what_he_draws_and_no_more_than_his_contract() {
    let registry = district();
    for enterprise in of_sector(&registry, "electricity") {
        let declared = enterprise.declared.unwrap();
        let incomer = enterprise.equipment.iter().find(|q| q.circuit_role.as_deref() == Some("general")).unwrap();
        let rated = incomer.rated_kw.unwrap();
        let contract = incomer.points.iter().find(|p| p.tag == "pwr.demand").unwrap().limits.h;
        assert_eq!(contract, Some(rated), "{}", enterprise.id);
        assert!(declared.idle_kw * 5.0 < declared.production_kw, "{}", enterprise.id);
        assert!(declared.production_kw < rated * 0.8, "{}", enterprise.id);
    }
    for enterprise in of_sector(&registry, "hazchem") {
        assert_eq!(enterprise.stock, enterprise.status != Status::Producing, "{}", enterprise.id);
    }
}

#[test]
fn nearly_all_enterprises_produce_and_everybody_is_invented() {
    let registry = district();
    let producing = registry.enterprises.iter().filter(|e| e.status == Status::Producing).count();
    assert!(producing * 100 >= registry.enterprises.len() * 90, "{producing} produce");
    for enterprise in &registry.enterprises {
        assert!(enterprise.credit_code.starts_with("91500120MAY"), "{}", enterprise.id);
        assert!(enterprise.people.iter().all(|p| p.phone.starts_with("000-")), "{}", enterprise.id);
    }
    let names: BTreeSet<&str> = registry.enterprises.iter().map(|e| e.name.zh.as_str()).collect();
    assert_eq!(names.len(), registry.enterprises.len(), "two enterprises share a name");
}

#[test]
fn canonical_bytes_give_the_registry_back() {
    let registry = district();
    let bytes = seeds::canonical(&registry);
    assert_eq!(bytes, seeds::canonical(&district()));
    assert_eq!(seeds::from_canonical(&bytes).ok(), Some(registry));
    assert!(seeds::from_canonical(b"").is_err());
    assert!(seeds::from_canonical(b"{\"district\":1}").is_err());
}

/// `base` is a small district without mistakes. Every other folder holds the files that are different in it,
/// `removed.txt` names the ones that are gone, and `expected.txt` says what Davy must say, one line for each mistake.
#[test]
fn every_mistake_is_told() {
    let base = tree(&here("tests/seeds_broken/base"));
    assert!(seeds::assemble(&files(&base)).is_ok(), "the base must be without mistakes");
    let mut cases = 0;
    for entry in fs::read_dir(here("tests/seeds_broken")).unwrap() {
        let case = entry.unwrap().path();
        if case.ends_with("base") {
            continue;
        }
        let mut changed = base.clone();
        let mut own = tree(&case);
        let expected = String::from_utf8(own.remove("expected.txt").unwrap_or_default()).unwrap();
        for gone in String::from_utf8(own.remove("removed.txt").unwrap_or_default()).unwrap().lines() {
            assert!(changed.remove(gone).is_some(), "{}: {gone} is not in the base", case.display());
        }
        changed.extend(own);
        let told: String = match seeds::assemble(&files(&changed)) {
            Ok(_) => "no mistake found\n".to_owned(),
            Err(errors) => errors.iter().map(|e| format!("{e}\n")).collect(),
        };
        assert_eq!(told, expected, "{}: told (left) is not expected.txt (right):\n{told}", case.display());
        cases += 1;
    }
    assert!(cases >= 12, "only {cases} cases found");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for (bytes, problem) in
        [(&b"code = \"5\xff\""[..], "the file is not UTF-8"), (b"a\0", "there is a NUL byte in the file")]
    {
        let mut tree = tree(&here("tests/seeds_broken/base"));
        tree.insert("district.toml".to_owned(), bytes.to_vec());
        let errors = seeds::assemble(&files(&tree)).unwrap_err();
        assert_eq!(errors.iter().map(|e| e.problem.as_str()).collect::<Vec<_>>(), [problem]);
    }
}

#[test]
fn a_wrong_directory_is_told() {
    let errors = seeds::load(&here("tests/nowhere")).unwrap_err();
    assert!(errors.iter().all(|e| e.problem.starts_with("cannot read ")), "{errors:?}");
    assert!(seeds::rules(&here("tests/nowhere")).is_err());
    // A directory that exists but is not a seed directory.
    assert!(seeds::load(&here("src")).is_err());
}

/// Files of a folder and its sub-folders by name relative to it, with `/`.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["", "templates/", "enterprises/"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                found.insert(format!("{folder}{name}"), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn files(tree: &BTreeMap<String, Vec<u8>>) -> Vec<SeedFile> {
    tree.iter().map(|(name, bytes)| SeedFile { name: name.clone(), bytes: bytes.clone() }).collect()
}

#[test]
fn the_task_list_is_whole_and_says_what_is_computed() {
    let tasks = ingest::seeds::tasks(&here("../seeds")).unwrap();
    assert_eq!(tasks.len(), 82);
    let computed: Vec<u16> = tasks.iter().filter(|task| task.computed).map(|task| task.row).collect();
    assert_eq!(computed, [58, 63, 65]);
    let marked = |mark| tasks.iter().filter(|task| task.mark == mark).count();
    use ingest::seeds::tasks::Mark;
    assert_eq!([Mark::Automatic, Mark::Entries, Mark::External].map(marked), [9, 11, 62]);
    assert!(tasks.iter().all(|task| (task.mark == Mark::External) == task.metric.is_empty()));
}
