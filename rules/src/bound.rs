//! One rule before it is bound, with what is the same for all its objects, and the plants that it may watch. Must not know
//! what an instance is made of. Pure.

use crate::beside::{Beside, Site};
use crate::fact::{Fact, Facts};
use crate::over;
use crate::reading::PointId;
use crate::registry::{Enterprise, Equipment, LimitName, Point};
use crate::rule::{Column, Kind, Rule};
use crate::view::{PointKey, View};
use std::sync::Arc;

/// An enterprise with the numbers of its points, equipment by equipment.
pub(crate) struct Plant<'a> {
    pub enterprise: &'a Enterprise,
    pub equipment: Vec<(&'a Equipment, Vec<Site<'a>>)>,
}

/// A rule with what is the same for all its instances.
pub(crate) struct Bound<'a> {
    pub number: usize,
    pub rule: &'a Rule,
    pub tag_names: Arc<[String]>,
    pub facts: Vec<Fact>,
    pub beside: Beside<'a>,
    pub view: &'a View,
}

/// A point, its name, and all points of its equipment, itself included.
pub(crate) struct Spot<'a> {
    pub key: PointKey,
    pub site: Site<'a>,
    pub beside: &'a [Site<'a>],
    pub facts: Facts<'a>,
}

/// The points of an object that is wider than a point, and those of them that wake the rule.
pub(crate) struct Sites<'a> {
    pub all: &'a [Site<'a>],
    pub triggers: &'a [Site<'a>],
    pub facts: Facts<'a>,
}

pub(crate) fn plant<'a>(enterprise: &'a Enterprise, view: &View) -> Plant<'a> {
    let site = |point: &'a Point| view.find(&enterprise.id, &point.id).map(|id| Site { id, point });
    let equipment = enterprise.equipment.iter();
    let equipment = equipment.map(|each| (each, each.points.iter().filter_map(site).collect())).collect();
    Plant { enterprise, equipment }
}

impl Bound<'_> {
    /// Whether readings of the point wake the rule.
    pub fn watches(&self, equipment: &Equipment, site: &Site) -> bool {
        let Rule { on, only, kind, .. } = self.rule;
        (on.is_empty() || on.contains(&site.point.tag))
            && (!only.required || site.point.required)
            && (!only.hazard_source || equipment.hazard_level.is_some())
            // An event point is silent while all is well.
            && (*kind == Kind::Reading || site.point.period_s.is_some())
    }

    /// Equipment that is watched for one sector of its enterprise is none of the others' business.
    pub fn is_for(&self, equipment: &Equipment) -> bool {
        let other = |(own, of_rule): (&String, &String)| own != of_rule;
        !equipment.sector.as_ref().zip(self.rule.sector.as_ref()).is_some_and(other)
    }

    pub fn found_facts(&self, facts: &Facts) -> Result<Vec<f64>, String> {
        self.facts.iter().map(|fact| fact.find(facts)).collect()
    }

    /// The points behind `tag_names` among `sites`, or which of them is missing or ambiguous.
    pub fn tags(&self, sites: &[Site]) -> Result<Vec<Option<PointId>>, String> {
        let find = |name: &String| {
            let mut found = sites.iter().filter(|site| site.point.tag == *name);
            match (found.next(), found.next()) {
                (Some(site), None) => Ok(Some(site.id)),
                (None, _) if !self.rule.needs_tag(name) => Ok(None),
                (None, _) => Err(format!("there is no point of tag type `{name}` beside it")),
                (Some(one), Some(other)) => {
                    let (one, other) = (&one.point.id, &other.point.id);
                    Err(format!("`{one}` and `{other}` are both of tag type `{name}`"))
                }
            }
        };
        self.tag_names.iter().map(find).collect()
    }

    /// The limits that the rule cannot do without.
    pub fn needed_limits(&self) -> impl Iterator<Item = LimitName> + '_ {
        let read = self.rule.columns().filter_map(|column| match column.inner() {
            Column::Limit(name) => Some(*name),
            Column::Past(past) => over::limit(past),
            _ => None,
        });
        read.chain(self.rule.limit)
    }
}
