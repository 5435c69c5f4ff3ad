//! The plant of a case: lines that say which points, equipment and enterprise there are, and what they are. Must not
//! know the fold. Pure.

use super::parse::{Fault, Words, flag, next, number, whole_seconds};
use crate::day::Day;
use rules::around::minute_of_day;
use rules::registry::{CIRCUIT_ROLES, LimitName, Limits, Status};
use rules::site::{Calendar, Design, Shift, Site, Target};
use std::str::FromStr;

/// What is not said is as with most plants: one producing enterprise in the rule's own sector, one piece of equipment.
#[derive(Debug, Default)]
pub struct Plant {
    pub points: Vec<CasePoint>,
    pub equipment: Vec<CaseEquipment>,
    pub enterprise: CaseEnterprise,
}

#[derive(Debug)]
pub struct CasePoint {
    pub line: usize,
    pub id: String,
    pub tag: String,
    pub equipment: String,
    pub range: (f64, f64),
    pub period_s: Option<u32>,
    pub dead_band: f64,
    pub limits: Limits,
    /// By default those with a period are.
    pub required: Option<bool>,
    pub substance: Option<String>,
    /// Of its substance.
    pub oel: Option<f64>,
    pub toxic: bool,
}

#[derive(Debug)]
pub struct CaseEquipment {
    pub line: usize,
    pub id: String,
    pub hazard_level: Option<u8>,
    pub role: Option<String>,
    pub rated_kw: Option<f64>,
    pub sector: Option<String>,
    pub design: Design,
}

#[derive(Debug, Default)]
pub struct CaseEnterprise {
    pub line: usize,
    pub status: Option<Status>,
    /// Instead of the rule's own.
    pub sectors: Vec<String>,
    pub idle_kw: Option<f64>,
    pub production_kw: Option<f64>,
    pub site: Site,
    pub calendar: Calendar,
}

impl Plant {
    pub fn point(&mut self, line: usize, words: &mut Words) -> Result<(), String> {
        let id = next(words, "a point id")?.to_owned();
        let tag = next(words, "a tag type")?.to_owned();
        if self.points.iter().any(|point| point.id == id) {
            return Err(format!("there is a point `{id}` already"));
        }
        let mut point = CasePoint::new(line, id, tag);
        for setting in words {
            let (key, value) = pair(setting)?;
            point.set(key, value)?;
        }
        if point.substance.is_none() && (point.oel.is_some() || point.toxic) {
            return Err("`oel` and `toxic` are of a substance: name one by `substance=`".to_owned());
        }
        let other = self.points.iter().find(|other| other.substance.is_some() && other.substance == point.substance);
        if other.is_some_and(|other| (other.oel, other.toxic) != (point.oel, point.toxic)) {
            return Err("another point of this case says something else of its substance".to_owned());
        }
        self.points.push(point);
        Ok(())
    }

    pub fn equipment(&mut self, line: usize, words: &mut Words) -> Result<(), String> {
        let id = next(words, "an equipment id")?.to_owned();
        if self.equipment.iter().any(|equipment| equipment.id == id) {
            return Err(format!("the equipment `{id}` is described already"));
        }
        let mut equipment = CaseEquipment::new(line, id);
        for setting in words {
            let (key, value) = pair(setting)?;
            match key {
                "hazard_level" => {
                    let level = u8::from_str(value).ok().filter(|level| (1..=4).contains(level));
                    equipment.hazard_level = Some(level.ok_or(format!("a hazard level is 1 to 4, not `{value}`"))?);
                }
                "role" if CIRCUIT_ROLES.contains(&value) => equipment.role = Some(value.to_owned()),
                "role" => return Err(format!("`{value}` is no role: {}", CIRCUIT_ROLES.join(", "))),
                "rated_kw" => equipment.rated_kw = Some(number(value)?),
                "sector" => equipment.sector = Some(value.to_owned()),
                "rated_a" => equipment.design.rated_a = Some(number(value)?),
                "height_m" => equipment.design.height_m = Some(number(value)?),
                "loc" => equipment.design.loc = Some(number(value)?),
                "mec" => equipment.design.mec = Some(number(value)?),
                "pair" => equipment.design.pair = Some(value.to_owned()),
                _ => return Err(format!("equipment has no `{key}`")),
            }
        }
        self.equipment.push(equipment);
        Ok(())
    }

    pub fn enterprise(&mut self, line: usize, words: &mut Words) -> Result<(), String> {
        if self.enterprise.line > 0 {
            return Err("the enterprise is described already".to_owned());
        }
        let enterprise = &mut self.enterprise;
        enterprise.line = line;
        for setting in words {
            let (key, value) = pair(setting)?;
            match key {
                "status" => {
                    let known = Status::ALL.map(Status::name).join(", ");
                    let status = Status::parse(value).ok_or(format!("`{value}` is no status: {known}"))?;
                    enterprise.status = Some(status);
                }
                "sectors" => enterprise.sectors = value.split(',').map(str::to_owned).collect(),
                "idle_kw" => enterprise.idle_kw = Some(number(value)?),
                "production_kw" => enterprise.production_kw = Some(number(value)?),
                "shifts" => {
                    for shift in value.split(',') {
                        enterprise.site.shifts.push(shift_of(shift)?);
                    }
                }
                "plan_radius_m" => enterprise.site.plan_radius_m = Some(number(value)?),
                "target" => enterprise.site.targets.push(target_of(value)?),
                "off" => enterprise.calendar.off.extend(days(value)?),
                "worked" => enterprise.calendar.worked.extend(days(value)?),
                _ => return Err(format!("an enterprise has no `{key}`")),
            }
        }
        if enterprise.idle_kw.is_some() != enterprise.production_kw.is_some() {
            return Err("`idle_kw` and `production_kw` are declared together".to_owned());
        }
        Ok(())
    }

    /// What hangs in the air once all lines are read.
    pub fn fault(&self) -> Option<Fault> {
        let is_used = |id: &str| self.points.iter().any(|point| point.equipment == id);
        let unused = self.equipment.iter().find(|equipment| !is_used(&equipment.id))?;
        let problem = format!("no point of this case is on the equipment `{}`", unused.id);
        Some(Fault { line: unused.line, problem })
    }
}

impl CaseEquipment {
    fn new(line: usize, id: String) -> CaseEquipment {
        CaseEquipment {
            line,
            id,
            hazard_level: None,
            role: None,
            rated_kw: None,
            sector: None,
            design: Design::default(),
        }
    }
}

impl CasePoint {
    fn new(line: usize, id: String, tag: String) -> CasePoint {
        CasePoint {
            line,
            id,
            tag,
            equipment: "E-1".to_owned(),
            range: (0.0, 100.0),
            period_s: None,
            dead_band: 0.0,
            limits: Limits::default(),
            required: None,
            substance: None,
            oel: None,
            toxic: false,
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "equipment" => self.equipment = value.to_owned(),
            "dead_band" => self.dead_band = number(value)?,
            "period" => self.period_s = Some(whole_seconds(value)?),
            "range" => {
                let (lo, hi) = value.split_once("..").ok_or(format!("`{value}` is no range such as 0..100"))?;
                self.range = (number(lo)?, number(hi)?);
            }
            "required" => self.required = Some(flag(value)?),
            "substance" => self.substance = Some(value.to_owned()),
            "oel" => self.oel = Some(number(value)?),
            "toxic" => self.toxic = flag(value)?,
            _ => match LimitName::ALL.into_iter().find(|name| name.name() == key) {
                Some(name) => self.limits.set(name, Some(number(value)?)),
                None => return Err(format!("a point has no `{key}`")),
            },
        }
        Ok(())
    }
}

/// `08:00-16:00` on working days, `22:00-06:00+` on every day.
fn shift_of(word: &str) -> Result<Shift, String> {
    let wrong = || format!("`{word}` is no shift such as 08:00-16:00, or 08:00-16:00+ for days off too");
    let hours = word.strip_suffix('+');
    let (from, to) = hours.unwrap_or(word).split_once('-').ok_or_else(wrong)?;
    let minute = |clock| minute_of_day(clock).ok_or_else(wrong);
    Ok(Shift { from: minute(from)?, to: minute(to)?, every_day: hours.is_some() })
}

/// `school:90:400`: its name, bearing in degrees and distance in metres.
fn target_of(word: &str) -> Result<Target, String> {
    let parts: Vec<&str> = word.split(':').collect();
    let [name, bearing, distance] = parts.as_slice() else {
        return Err(format!("`{word}` is no target such as school:90:400"));
    };
    Ok(Target { name: (*name).to_owned(), bearing_deg: number(bearing)?, distance_m: number(distance)? })
}

fn days(list: &str) -> Result<Vec<i32>, String> {
    list.split(',').map(|day| Day::from_str(day).map(|day| day.0)).collect()
}

fn pair(setting: &str) -> Result<(&str, &str), String> {
    setting.split_once('=').ok_or(format!("`{setting}` is no key=value"))
}
