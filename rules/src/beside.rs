//! The points beside an object that functions over the past and what lies around are made of. Must not know state. Pure.

use crate::around::Around;
use crate::fact::Facts;
use crate::past::{Past, What};
use crate::reading::PointId;
use crate::registry::{Equipment, Point};
use crate::rule::Rule;
use crate::view::View;

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
    view: &'a View,
}

impl<'a> Beside<'a> {
    pub fn new(rule: &Rule, view: &'a View) -> Beside<'a> {
        let pasts = rule.pasts();
        let may_lack = pasts.iter().map(|past| !rule.needs_past(past)).collect();
        Beside { pasts, may_lack, arounds: rule.arounds(), view }
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
        let points = |around: &Around| match around {
            Around::TagAge(tag) => only_one(tag, sites).map(|point| vec![(point, 1.0)]),
            _ => Ok(around_sites(around, facts, self.view)),
        };
        self.arounds.iter().map(points).collect()
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

/// The points elsewhere in the enterprise that an input is made of; none where there are none.
fn around_sites(around: &Around, facts: &Facts, view: &View) -> Vec<(PointId, f64)> {
    let enterprise = facts.enterprise;
    let points = |equipment: &Equipment, tag: &str, divisor: f64| {
        let of_tag = equipment.points.iter().filter(|point| point.tag == tag);
        let numbers = of_tag.filter_map(|point| view.find(&enterprise.id, &point.id));
        numbers.map(|point| (point, divisor)).collect::<Vec<_>>()
    };
    match around {
        Around::Site(tag) => enterprise.equipment.iter().flat_map(|equipment| points(equipment, tag, 1.0)).collect(),
        _ => Vec::new(),
    }
}
