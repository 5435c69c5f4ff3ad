//! An enterprise: who it is, who answers for it, what it runs. Must not know the files it stands in. Pure.

use crate::seeds::district::{District, both_languages};
use crate::seeds::names::{Alphabet, Names, id, text, unknown};
use crate::seeds::page::{Node, Table};
use crate::seeds::template::Templates;
use crate::seeds::{credit_code, equipment, site};
use rules::registry::{DeclaredLoad, Enterprise, Gateway, Person, Status};

const KEYS: [&str; 16] = [
    "id",
    "credit_code",
    "name",
    "sectors",
    "town",
    "industry",
    "status",
    "people",
    "gateways",
    "equipment",
    "national_code",
    "stock",
    "declared",
    site::SITE_KEYS[0],
    site::SITE_KEYS[1],
    site::SITE_KEYS[2],
];

/// 主要负责人, 技术负责人, 操作负责人 (the responsible trio of a major hazard source), 安全管理员, 值班.
const ROLES: [&str; 5] = ["principal", "technical", "operations", "safety", "duty"];

const STATUSES: [(&str, Status); 6] = [
    ("producing", Status::Producing),
    ("stopped", Status::Stopped),
    ("ordered_to_stop", Status::OrderedToStop),
    ("disused", Status::Disused),
    ("closed", Status::Closed),
    ("banned", Status::Banned),
];

/// Longest phone number with its extension.
const PHONE_MAX: usize = 24;

/// What must be unique in the whole district.
pub struct Taken {
    pub ids: Names,
    pub credit_codes: Names,
}

impl Default for Taken {
    fn default() -> Taken {
        Taken { ids: Names::new("enterprise"), credit_codes: Names::new("credit code") }
    }
}

pub fn read(node: Node<'_>, district: &District, templates: &Templates, taken: &mut Taken) -> Option<Enterprise> {
    let table = node.table("an enterprise", &KEYS)?;
    let id = unique(&table, &mut taken.ids);
    let credit_code = table.need("credit_code").and_then(|node| read_credit_code(node, &mut taken.credit_codes));
    let name = table.need("name").and_then(both_languages);
    let sectors: Vec<String> =
        list(&table, "sectors").into_iter().filter_map(|n| district.sector_names.pick(n)).collect();
    let town = table.need("town").and_then(|node| district.town_names.pick(node));
    let industry = table.need("industry").and_then(text);
    let status = table.need("status").and_then(read_status);
    let people = list(&table, "people").into_iter().filter_map(read_person).collect();
    let mut gateway_ids = Names::new("gateway");
    let gateways = list(&table, "gateways").into_iter().filter_map(|n| read_gateway(n, &mut gateway_ids)).collect();
    let mut equipment_ids = Names::new("equipment");
    let rows = list(&table, "equipment");
    let mut pairs = Vec::new();
    let read = |node| equipment::read(node, templates, &sectors, (&mut equipment_ids, &mut pairs));
    let equipment: Vec<_> = rows.into_iter().filter_map(read).collect();
    site::check_pairs(&pairs, &equipment);
    let national_code = table.get("national_code").and_then(text);
    let stock = table.get("stock").and_then(|node| node.flag()).unwrap_or(false);
    let declared = table.get("declared").and_then(read_declared);
    Some(Enterprise {
        id: id?,
        credit_code: credit_code?,
        name: name?,
        sectors,
        town: town?,
        industry: industry?,
        status: status?,
        people,
        gateways,
        equipment,
        national_code,
        stock,
        declared,
        site: site::site(&table),
    })
}

/// A list that must be there and must not be empty.
fn list<'p>(table: &Table<'p>, key: &str) -> Vec<Node<'p>> {
    let Some(node) = table.need(key) else { return Vec::new() };
    let list = node.list();
    if list.as_ref().is_some_and(Vec::is_empty) {
        node.refuse(format!("{key:?} is empty"), "write at least one");
    }
    list.unwrap_or_default()
}

fn unique(table: &Table<'_>, ids: &mut Names) -> Option<String> {
    let node = table.need("id")?;
    let id = id(node, Alphabet::Topic)?;
    ids.add(node, &id).then_some(id)
}

fn read_credit_code(node: Node<'_>, codes: &mut Names) -> Option<String> {
    let code = text(node)?;
    if let Err(problem) = credit_code::check(&code) {
        node.refuse(format!("credit code {code:?} {problem}"), "copy it again from the business licence (GB 32100)");
        return None;
    }
    codes.add(node, &code).then_some(code)
}

fn read_status(node: Node<'_>) -> Option<Status> {
    let word = node.text()?;
    let status = STATUSES.iter().find(|(name, _)| *name == word).map(|(_, status)| *status);
    if status.is_none() {
        unknown(node, "status", STATUSES.iter().map(|(name, _)| *name));
    }
    status
}

fn read_person(node: Node<'_>) -> Option<Person> {
    let table = node.table("a person", &["role", "name", "phone"])?;
    let role = table.need("role").and_then(|node| {
        let role = node.text()?;
        if !ROLES.contains(&role) {
            unknown(node, "role", ROLES.iter().copied());
        }
        Some(role.to_owned())
    });
    let name = table.need("name").and_then(text);
    let phone = table.need("phone").and_then(|node| {
        let phone = text(node)?;
        if phone.chars().count() > PHONE_MAX || !phone.chars().all(|c| matches!(c, '0'..='9' | '+' | '-' | ' ')) {
            node.refuse(format!("{phone:?} is not a phone number"), "write digits, with +, - or blanks between");
        }
        Some(phone)
    });
    Some(Person { role: role?, name: name?, phone: phone? })
}

fn read_declared(node: Node<'_>) -> Option<DeclaredLoad> {
    let table = node.table("declared", &["idle_kw", "production_kw"])?;
    let number = |key| table.need(key).and_then(|node| node.number());
    let (idle_kw, production_kw) = (number("idle_kw"), number("production_kw"));
    let (idle_kw, production_kw) = (idle_kw?, production_kw?);
    if !(0.0 <= idle_kw && idle_kw < production_kw) {
        let problem = format!("declared loads of {idle_kw} kW at rest and {production_kw} kW in production");
        node.refuse(problem, "the load at rest is 0 or more, and less than that in production");
    }
    Some(DeclaredLoad { idle_kw, production_kw })
}

fn read_gateway(node: Node<'_>, ids: &mut Names) -> Option<Gateway> {
    let id = id(node, Alphabet::Topic)?;
    ids.add(node, &id).then_some(Gateway { id })
}
