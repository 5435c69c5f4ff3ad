//! Rows of enterprises, taken in by their ids: known ones change where a cell says something, others are new. Pure.

use super::cells::{Alphabet, Cells, Report, put};
use super::{Change, Taken};
use crate::seeds::{credit_code, hint};
use rules::registry::{Enterprise, Gateway, Registry, Status, Text};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const COLUMNS: [&str; 11] = [
    "id",
    "name_zh",
    "name_en",
    "credit_code",
    "sectors",
    "town",
    "industry",
    "status",
    "stock",
    "gateways",
    "national_code",
];

/// The gateway of an enterprise that names none.
const GATEWAY: &str = "gw-1";

const STATUSES: [Status; 6] =
    [Status::Producing, Status::Stopped, Status::OrderedToStop, Status::Disused, Status::Closed, Status::Banned];

/// What a row may name.
struct Known {
    sectors: BTreeSet<String>,
    towns: BTreeSet<String>,
    /// Credit code to enterprise.
    codes: BTreeMap<String, String>,
}

pub(super) fn take(registry: &mut Registry, rows: &[Cells<'_>], report: &mut Report) -> Vec<Taken> {
    let mut known = Known {
        sectors: registry.sectors.iter().map(|sector| sector.id.clone()).collect(),
        towns: registry.towns.iter().map(|town| town.code.clone()).collect(),
        codes: registry.enterprises.iter().map(|e| (e.credit_code.clone(), e.id.clone())).collect(),
    };
    let mut places: BTreeMap<String, usize> =
        registry.enterprises.iter().enumerate().map(|(n, enterprise)| (enterprise.id.clone(), n)).collect();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut taken = Vec::new();
    for cells in rows {
        let Some(id) = cells.id("id", Alphabet::Topic, report) else { continue };
        if let Some(first) = seen.insert(id.to_owned(), cells.line) {
            cells.refuse(report, "id", (format!("{id} stands in row {first} too"), "keep one of them"));
            continue;
        }
        match places.get(id).and_then(|place| registry.enterprises.get_mut(*place)) {
            Some(enterprise) => {
                let columns = fill(enterprise, cells, (&mut known, report));
                taken.push(change(cells, id, (false, columns)));
            }
            None => {
                let Some((enterprise, columns)) = new(id, cells, (&mut known, report)) else { continue };
                places.insert(id.to_owned(), registry.enterprises.len());
                registry.enterprises.push(enterprise);
                taken.push(change(cells, id, (true, columns)));
            }
        }
    }
    taken
}

fn change(cells: &Cells<'_>, id: &str, (added, columns): (bool, Vec<String>)) -> Taken {
    if !added && columns.is_empty() {
        return Taken::Unchanged;
    }
    Taken::Changed(Change { line: cells.line, what: id.to_owned(), added, columns })
}

/// One that is not known yet; it has no equipment until points name some.
fn new(id: &str, cells: &Cells<'_>, (known, report): (&mut Known, &mut Report)) -> Option<(Enterprise, Vec<String>)> {
    let needed = ["name_zh", "credit_code", "sectors", "town", "industry", "status"];
    for column in needed.into_iter().filter(|column| cells.get(column).is_none()) {
        let problem = format!("{id} is not in the registry, and a new enterprise needs {column}");
        cells.refuse(report, column, (problem, "write it, or correct the id"));
    }
    if needed.iter().any(|column| cells.get(column).is_none()) {
        return None;
    }
    let zh = cells.get("name_zh").unwrap_or_default().to_owned();
    let mut enterprise = Enterprise {
        id: id.to_owned(),
        credit_code: String::new(),
        name: Text { en: zh.clone(), zh },
        sectors: Vec::new(),
        town: String::new(),
        industry: String::new(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: vec![Gateway { id: GATEWAY.to_owned() }],
        equipment: Vec::new(),
        national_code: None,
        stock: false,
        declared: None,
        site: rules::site::Site::default(),
    };
    fill(&mut enterprise, cells, (known, report));
    let columns = COLUMNS.iter().filter(|column| cells.get(column).is_some());
    Some((enterprise, columns.map(|column| (*column).to_owned()).collect()))
}

/// Puts in what the cells say; returns the columns that were news.
fn fill(enterprise: &mut Enterprise, cells: &Cells<'_>, (known, report): (&mut Known, &mut Report)) -> Vec<String> {
    let mut news = Vec::new();
    let owned = |text: Option<&str>| text.map(str::to_owned);
    put(&mut enterprise.name.zh, owned(cells.text("name_zh", report)), ("name_zh", &mut news));
    put(&mut enterprise.name.en, owned(cells.text("name_en", report)), ("name_en", &mut news));
    let code = credit_code(&enterprise.id, cells, (known, report));
    put(&mut enterprise.credit_code, code, ("credit_code", &mut news));
    let sectors = sectors(enterprise, cells, (known, report));
    put(&mut enterprise.sectors, sectors, ("sectors", &mut news));
    let town = cells.get("town").filter(|town| {
        let is_known = known.towns.contains(*town);
        if !is_known {
            let remedy = hint(town, known.towns.iter().map(String::as_str));
            cells.refuse(report, "town", (format!("there is no town {town:?}"), &remedy));
        }
        is_known
    });
    put(&mut enterprise.town, owned(town), ("town", &mut news));
    put(&mut enterprise.industry, owned(cells.text("industry", report)), ("industry", &mut news));
    let status = cells.get("status").and_then(|word| {
        let status = STATUSES.into_iter().find(|status| status.name() == word);
        if status.is_none() {
            let remedy = hint(word, STATUSES.iter().map(|status| status.name()));
            cells.refuse(report, "status", (format!("there is no status {word:?}"), &remedy));
        }
        status
    });
    put(&mut enterprise.status, status, ("status", &mut news));
    put(&mut enterprise.stock, cells.flag("stock", report), ("stock", &mut news));
    put(&mut enterprise.gateways, gateways(cells, report), ("gateways", &mut news));
    let national_code = cells.text("national_code", report).map(|code| Some(code.to_owned()));
    put(&mut enterprise.national_code, national_code, ("national_code", &mut news));
    news
}

fn credit_code(id: &str, cells: &Cells<'_>, (known, report): (&mut Known, &mut Report)) -> Option<String> {
    let code = cells.get("credit_code")?;
    if let Err(problem) = credit_code::check(code) {
        let remedy = "copy it again from the business licence (GB 32100)";
        cells.refuse(report, "credit_code", (format!("{code:?} {problem}"), remedy));
        return None;
    }
    match known.codes.get(code) {
        Some(owner) if owner != id => {
            cells.refuse(report, "credit_code", (format!("{code} is that of {owner}"), "one of the two is wrong"));
            None
        }
        _ => {
            known.codes.insert(code.to_owned(), id.to_owned());
            Some(code.to_owned())
        }
    }
}

fn sectors(
    enterprise: &Enterprise,
    cells: &Cells<'_>,
    (known, report): (&mut Known, &mut Report),
) -> Option<Vec<String>> {
    let named = cells.list("sectors")?;
    let mut sectors: Vec<String> = Vec::new();
    for sector in &named {
        if !known.sectors.contains(*sector) {
            let remedy = hint(sector, known.sectors.iter().map(String::as_str));
            cells.refuse(report, "sectors", (format!("there is no sector {sector:?}"), &remedy));
            return None;
        }
        if !sectors.iter().any(|other| other == sector) {
            sectors.push((*sector).to_owned());
        }
    }
    if sectors.is_empty() {
        cells.refuse(report, "sectors", ("it names none".to_owned(), "write at least one, several with ; between"));
        return None;
    }
    let mut watched = enterprise.equipment.iter().filter_map(|e| Some((&e.id, e.sector.as_ref()?)));
    if let Some((equipment, sector)) = watched.find(|(_, sector)| !sectors.contains(sector)) {
        let problem = format!("{equipment} is watched for {sector}, which is not among them");
        cells.refuse(report, "sectors", (problem, "keep that sector"));
        return None;
    }
    Some(sectors)
}

fn gateways(cells: &Cells<'_>, report: &mut Report) -> Option<Vec<Gateway>> {
    let ids = cells.list("gateways")?;
    let is_id =
        |id: &&str| id.len() <= 48 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if let Some(bad) = ids.iter().find(|id| !is_id(id)) {
        let remedy = "an id here has only the characters a-z 0-9 - and at most 48 of them";
        cells.refuse(report, "gateways", (format!("{bad:?} is not the id of a gateway"), remedy));
        return None;
    }
    let unique: BTreeSet<&&str> = ids.iter().collect();
    if ids.is_empty() || unique.len() != ids.len() {
        cells.refuse(report, "gateways", ("it names none, or one twice".to_owned(), "write each once, ; between"));
        return None;
    }
    Some(ids.into_iter().map(|id| Gateway { id: id.to_owned() }).collect())
}
