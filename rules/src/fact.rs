//! What the registry says of the object of a rule, as conditions read it: one number for each instance, found when
//! rules are bound. Must not know conditions. Pure.

use crate::registry::{Enterprise, Equipment, Point, Status, Substance};
use crate::rule::Per;
use crate::site::Design;

/// Stands for the hazard level of what is no major hazard source: better than the best of them.
const NO_HAZARD_LEVEL: u8 = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// `hazard_level`: 1 (worst) to 4, 5 where the equipment is no major hazard source.
    HazardLevel,
    /// `highly_toxic`: bool, of the substance that the point looks for.
    HighlyToxic,
    /// `oel`, mg/m³.
    Oel,
    /// `rated_kw`, of the equipment.
    RatedKw,
    /// `rated_a`, `height_m`, `loc` and `mec`: what the equipment was designed for.
    RatedA,
    HeightM,
    Loc,
    Mec,
    /// `site_hazard_level`: of the worst major hazard source of the enterprise.
    SiteHazardLevel,
    /// `idle_kw` and `production_kw`: declared loads of the enterprise.
    IdleKw,
    ProductionKw,
    /// `status("closed")`: bool.
    Status(Status),
    /// `sector("dust")`: bool, the enterprise is in it.
    Sector(String),
    /// `role("production")`: bool, of the circuit.
    Role(String),
    /// `is_tag("reactor.temp")`: bool, of the point.
    IsTag(String),
    /// `weakened`: bool, a limit of the point lets more pass than a ceiling allows, or more than before people set it.
    Weakened,
}

/// Where facts are looked up: the wider the object, the less there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub enterprise: &'a Enterprise,
    pub equipment: Option<&'a Equipment>,
    pub point: Option<&'a Point>,
    pub substance: Option<&'a Substance>,
}

impl Fact {
    /// The facts that are named without a word in quotes.
    const PLAIN: [Fact; 12] = [
        Fact::HazardLevel,
        Fact::HighlyToxic,
        Fact::Oel,
        Fact::RatedKw,
        Fact::RatedA,
        Fact::HeightM,
        Fact::Loc,
        Fact::Mec,
        Fact::SiteHazardLevel,
        Fact::IdleKw,
        Fact::ProductionKw,
        Fact::Weakened,
    ];

    /// As a condition writes it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Fact::HazardLevel => "hazard_level".to_owned(),
            Fact::HighlyToxic => "highly_toxic".to_owned(),
            Fact::Oel => "oel".to_owned(),
            Fact::RatedKw => "rated_kw".to_owned(),
            Fact::RatedA => "rated_a".to_owned(),
            Fact::HeightM => "height_m".to_owned(),
            Fact::Loc => "loc".to_owned(),
            Fact::Mec => "mec".to_owned(),
            Fact::SiteHazardLevel => "site_hazard_level".to_owned(),
            Fact::IdleKw => "idle_kw".to_owned(),
            Fact::ProductionKw => "production_kw".to_owned(),
            Fact::Status(status) => format!("status(\"{}\")", status.name()),
            Fact::Sector(sector) => format!("sector(\"{sector}\")"),
            Fact::Role(role) => format!("role(\"{role}\")"),
            Fact::IsTag(tag) => format!("is_tag(\"{tag}\")"),
            Fact::Weakened => "weakened".to_owned(),
        }
    }

    pub(crate) fn plain(name: &str) -> Option<Fact> {
        Fact::PLAIN.into_iter().find(|fact| fact.name() == name)
    }

    #[must_use]
    pub fn is_bool(&self) -> bool {
        matches!(
            self,
            Fact::HighlyToxic | Fact::Weakened | Fact::Status(_) | Fact::Sector(_) | Fact::Role(_) | Fact::IsTag(_)
        )
    }

    /// Whether an object of this width has it; otherwise what the rule must stand on.
    pub(crate) fn is_of(&self, per: Per) -> Result<(), &'static str> {
        match (self, per) {
            (Fact::IdleKw | Fact::ProductionKw | Fact::Status(_) | Fact::Sector(_) | Fact::SiteHazardLevel, _) => {
                Ok(())
            }
            (Fact::HighlyToxic | Fact::Oel | Fact::IsTag(_) | Fact::Weakened, Per::Equipment | Per::Enterprise) => {
                Err("a point")
            }
            (Fact::HighlyToxic | Fact::Oel | Fact::IsTag(_) | Fact::Weakened, Per::Point) => Ok(()),
            // All others are of equipment.
            (_, Per::Point | Per::Equipment) => Ok(()),
            (_, Per::Enterprise) => Err("equipment"),
        }
    }

    /// The fact as a column has it, or why the object has none.
    pub(crate) fn find(&self, facts: &Facts) -> Result<f64, String> {
        let flag = |is: bool| f64::from(u8::from(is));
        let Facts { enterprise, equipment, substance, .. } = *facts;
        match self {
            Fact::HazardLevel => {
                let level = equipment.and_then(|equipment| equipment.hazard_level);
                Ok(f64::from(level.unwrap_or(NO_HAZARD_LEVEL)))
            }
            Fact::HighlyToxic => Ok(flag(substance.is_some_and(|substance| substance.highly_toxic))),
            Fact::Oel => facts.oel(),
            Fact::RatedKw => facts.rated_kw(),
            Fact::RatedA => facts.rated_a(),
            Fact::HeightM => facts.designed("height_m", |design| design.height_m),
            Fact::Loc => facts.designed("loc", |design| design.loc),
            Fact::Mec => facts.mec(),
            Fact::SiteHazardLevel => {
                let worst = enterprise.equipment.iter().filter_map(|equipment| equipment.hazard_level).min();
                Ok(f64::from(worst.unwrap_or(NO_HAZARD_LEVEL)))
            }
            Fact::IdleKw | Fact::ProductionKw => {
                let declared = enterprise.declared.ok_or("the enterprise has declared no electric loads")?;
                Ok(if *self == Fact::IdleKw { declared.idle_kw } else { declared.production_kw })
            }
            Fact::Status(status) => Ok(flag(enterprise.status == *status)),
            Fact::Sector(sector) => Ok(flag(enterprise.sectors.contains(sector))),
            Fact::Role(role) => {
                let own = equipment.and_then(|equipment| equipment.circuit_role.as_deref());
                Ok(flag(own == Some(role)))
            }
            // Said when all rules are bound: their ceilings decide.
            Fact::Weakened => Ok(0.0),
            Fact::IsTag(tag) => Ok(flag(facts.point.is_some_and(|point| point.tag == *tag))),
        }
    }
}

impl Facts<'_> {
    /// The limit of the substance that the point looks for.
    pub(crate) fn oel(&self) -> Result<f64, String> {
        let named = self.point.and_then(|point| point.substance.as_deref());
        let named = named.ok_or("the point names no substance")?;
        let oel = self.substance.and_then(|substance| substance.oel).filter(|oel| oel.is_finite());
        oel.ok_or_else(|| format!("its substance `{named}` has no occupational exposure limit"))
    }

    fn designed(&self, name: &str, of: impl Fn(&Design) -> Option<f64>) -> Result<f64, String> {
        let known = self.equipment.and_then(|equipment| of(&equipment.design)).filter(|number| number.is_finite());
        known.ok_or_else(|| format!("the equipment has no {name}"))
    }

    pub(crate) fn rated_a(&self) -> Result<f64, String> {
        self.designed("rated_a", |design| design.rated_a)
    }

    pub(crate) fn mec(&self) -> Result<f64, String> {
        self.designed("mec", |design| design.mec)
    }

    pub(crate) fn rated_kw(&self) -> Result<f64, String> {
        let rated = self.equipment.and_then(|equipment| equipment.rated_kw).filter(|rated| rated.is_finite());
        rated.ok_or_else(|| "the equipment has no rated_kw".to_owned())
    }
}
