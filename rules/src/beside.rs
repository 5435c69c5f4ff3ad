//! The points beside an object that functions over the past and what lies around are made of. Must not know state. Pure.

use crate::around::Around;
use crate::fact::Facts;
use crate::past::{Past, What};
use crate::reading::PointId;
use crate::registry::{Equipment, Point};
use crate::rule::Rule;
use crate::view::View;

/// What a meter says of the load of its circuit, kW, and a weather station of the wind.
const LOAD: &str = "pwr.p";
const WIND: &str = "wind.dir";

/// A point and its number.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub id: PointId,
    pub point: &'a Point,
}

/// What a rule asks of other points and of their past.
pub(crate) struct Beside<'a> {
    pasts: Vec<Past>,
    /// Parallel to them: whether something else stands in where there is no such point.
    may_lack: Vec<bool>,
    arounds: Vec<Around>,
    /// Parallel to them.
    needs_around: Vec<bool>,
    view: &'a View,
}

impl<'a> Beside<'a> {
    pub fn new(rule: &Rule, view: &'a View) -> Beside<'a> {
        let pasts = rule.pasts();
        let may_lack = pasts.iter().map(|past| !rule.needs_past(past)).collect();
        let arounds = rule.arounds();
        let needs_around = arounds.iter().map(|around| rule.needs_around(around)).collect();
        Beside { pasts, may_lack, arounds, needs_around, view }
    }

    /// The functions over the past that it calls.
    pub fn asked(&self) -> &[Past] {
        &self.pasts
    }

    /// The points whose past each function of the rule asks for: `own` is the point it stands on, if it is one.
    pub fn pasts(&self, own: Option<PointId>, triggers: &[Site], sites: &[Site]) -> Result<Vec<Vec<PointId>>, String> {
        let is_there = |past: &Past| past.tags().all(|tag| sites.iter().any(|site| site.point.tag == *tag));
        let points = |(past, may_lack): (&Past, &bool)| match past.what {
            What::Over(_) => Ok(triggers.iter().map(|site| site.id).collect()),
            _ if past.of.is_none() => Ok(own.into_iter().collect()),
            _ if *may_lack && !is_there(past) => Ok(Vec::new()),
            _ => past.tags().map(|tag| only_one(tag, sites)).collect(),
        };
        self.pasts.iter().zip(&self.may_lack).map(points).collect()
    }

    /// The points that lie around, for those inputs that have any.
    pub fn arounds(&self, facts: &Facts, sites: &[Site]) -> Result<Vec<Vec<(PointId, f64)>>, String> {
        let points = |(around, needed): (&Around, &bool)| {
            let found = match around {
                Around::TagAge(tag) => only_one(tag, sites).map(|point| vec![(point, 1.0)]),
                _ => around_sites(around, facts, self.view),
            };
            if *needed { found } else { Ok(found.unwrap_or_default()) }
        };
        self.arounds.iter().zip(&self.needs_around).map(points).collect()
    }
}

/// The only point of a tag type among some.
fn only_one(tag: &str, sites: &[Site]) -> Result<PointId, String> {
    let mut found = sites.iter().filter(|site| site.point.tag == tag);
    match (found.next(), found.next()) {
        (Some(site), None) => Ok(site.id),
        (None, _) => Err(format!("there is no point of tag type `{tag}` beside it")),
        (Some(one), Some(other)) => {
            Err(format!("`{}` and `{}` are both of tag type `{tag}`", one.point.id, other.point.id))
        }
    }
}

/// The points elsewhere in the enterprise that an input is made of, each with what its value is divided by, or what the
/// registry does not say of it.
fn around_sites(around: &Around, facts: &Facts, view: &View) -> Result<Vec<(PointId, f64)>, String> {
    let Facts { enterprise, equipment, .. } = *facts;
    let points = |equipment: &'_ Equipment, tag: &str| {
        let of_tag = equipment.points.iter().filter(|point| point.tag == tag);
        of_tag.filter_map(|point| view.find(&enterprise.id, &point.id)).collect::<Vec<_>>()
    };
    let site = |tag: &str| {
        let all: Vec<PointId> = enterprise.equipment.iter().flat_map(|equipment| points(equipment, tag)).collect();
        match all.as_slice() {
            [point] => Ok(vec![(*point, 1.0)]),
            [] => Err(format!("the enterprise has no point of tag type `{tag}`")),
            _ => Err(format!("the enterprise has {} points of tag type `{tag}`, and not one", all.len())),
        }
    };
    let known = |is: bool, what: &str| if is { Ok(Vec::new()) } else { Err(format!("the enterprise has no {what}")) };
    match around {
        Around::Site(tag) => site(tag),
        Around::LeeTargets(_) => {
            known(
                !enterprise.site.targets.is_empty() && enterprise.site.plan_radius_m.is_some(),
                "targets within a plan_radius_m",
            )?;
            site(WIND)
        }
        Around::InShift | Around::SinceShiftEnd => known(!enterprise.site.shifts.is_empty(), "shifts"),
        Around::Other(tag) => {
            let equipment = equipment.ok_or("the rule stands on no equipment")?;
            let pair = equipment.design.pair.as_ref().ok_or("the equipment has no pair")?;
            let other = enterprise.equipment.iter().find(|other| other.id == *pair);
            match other.map(|other| points(other, tag)).unwrap_or_default().as_slice() {
                [point] => Ok(vec![(*point, 1.0)]),
                _ => Err(format!("its pair `{pair}` has not one point of tag type `{tag}`")),
            }
        }
        Around::SiteLoad(role) => {
            let is_it = |equipment: &&Equipment| equipment.circuit_role.as_ref() == Some(role);
            let metered = enterprise.equipment.iter().filter(is_it).filter_map(|equipment| {
                let rated_kw = equipment.rated_kw.filter(|rated| *rated > 0.0)?;
                Some((rated_kw, *points(equipment, LOAD).first()?))
            });
            let metered: Vec<(f64, PointId)> = metered.collect();
            let rated_kw: f64 = metered.iter().map(|(rated_kw, _)| rated_kw).sum();
            match metered.as_slice() {
                [] => Err(format!("the enterprise has no metered circuit of role `{role}` with a rated_kw")),
                _ => Ok(metered.iter().map(|(_, point)| (*point, rated_kw)).collect()),
            }
        }
        _ => Ok(Vec::new()),
    }
}
