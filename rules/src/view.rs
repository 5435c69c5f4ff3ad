//! The registry resolved to numbers: what a decoder and a rule need to find a point without a string.
//! Built by the fold at each activation and shared read-only. Must not know state. Pure.

use crate::reading::PointId;
use crate::registry::{Enterprise, Equipment, Gateway, LimitName, Limits, Point, Registry};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The name of a point: enterprise id and point id. The numbers of points are given to these, once and for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct PointKey {
    pub enterprise: String,
    pub point: String,
}

/// Where a numbered point sits in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub enterprise: u32,
    pub equipment: u32,
    pub point: u32,
}

/// A registry version with its points numbered.
#[derive(Debug)]
pub struct View {
    registry: Arc<Registry>,
    /// Content hash of the registry, hex.
    pub version: String,
    places: Vec<Option<Place>>,
    enterprises: BTreeMap<String, EnterpriseIndex>,
    /// Every point name in use anywhere; few, because they come from templates.
    names: BTreeSet<String>,
    /// Limits that people set instead of the registry's, by point.
    overrides: BTreeMap<PointId, Limits>,
}

#[derive(Debug, Default)]
struct EnterpriseIndex {
    number: u32,
    gateways: BTreeMap<String, u32>,
    points: BTreeMap<String, PointId>,
}

impl View {
    /// `number` gives the number of every point of the registry (the fold has interned them before).
    /// A point without a number is left out: the fold asserts that there is none.
    #[must_use]
    pub fn new(registry: Arc<Registry>, version: String, number: &dyn Fn(&str, &str) -> Option<PointId>) -> View {
        let mut places: Vec<Option<Place>> = Vec::new();
        let mut enterprises = BTreeMap::new();
        let mut names = BTreeSet::new();
        for (e, enterprise) in (0u32..).zip(&registry.enterprises) {
            let mut index = EnterpriseIndex { number: e, ..EnterpriseIndex::default() };
            for (g, gateway) in (0u32..).zip(&enterprise.gateways) {
                index.gateways.insert(gateway.id.clone(), g);
            }
            for (q, equipment) in (0u32..).zip(&enterprise.equipment) {
                for (p, point) in (0u32..).zip(&equipment.points) {
                    let Some(id) = number(&enterprise.id, &point.id) else { continue };
                    index.points.insert(point.id.clone(), id);
                    if !names.contains(&point.id) {
                        names.insert(point.id.clone());
                    }
                    if places.len() <= id.index() {
                        places.resize(id.index().saturating_add(1), None);
                    }
                    if let Some(slot) = places.get_mut(id.index()) {
                        *slot = Some(Place { enterprise: e, equipment: q, point: p });
                    }
                }
            }
            enterprises.insert(enterprise.id.clone(), index);
        }
        View { registry, version, places, enterprises, names, overrides: BTreeMap::new() }
    }

    /// The same registry with limits that people set for single points. Those of points that are not there are left out.
    #[must_use]
    pub fn with_overrides<'a>(mut self, overrides: impl IntoIterator<Item = (&'a PointKey, LimitName, f64)>) -> View {
        self.overrides.clear();
        for (key, name, value) in overrides {
            if let Some(id) = self.find(&key.enterprise, &key.point) {
                self.overrides.entry(id).or_default().set(name, Some(value));
            }
        }
        self
    }

    /// What people set for a point, instead of what the registry says.
    #[must_use]
    pub fn override_of(&self, point: PointId) -> Limits {
        self.overrides.get(&point).copied().unwrap_or_default()
    }

    /// A point's own limits: what people set, else what the registry says.
    #[must_use]
    pub fn own_limits(&self, id: PointId, point: &Point) -> Limits {
        let set = self.override_of(id);
        let mut own = Limits::default();
        for name in LimitName::ALL {
            own.set(name, set.get(name).or(point.limits.get(name)));
        }
        own
    }

    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// One more than the highest point number in this registry version.
    #[must_use]
    pub fn point_end(&self) -> usize {
        self.places.len()
    }

    /// Every point in service, in the order of its number.
    pub fn points(&self) -> impl Iterator<Item = (PointId, Place)> + '_ {
        (0u32..).zip(&self.places).filter_map(|(n, place)| place.map(|p| (PointId(n), p)))
    }

    #[must_use]
    pub fn place(&self, point: PointId) -> Option<Place> {
        self.places.get(point.index()).copied().flatten()
    }

    #[must_use]
    pub fn enterprise_at(&self, place: Place) -> Option<&Enterprise> {
        self.registry.enterprises.get(place.enterprise as usize)
    }

    #[must_use]
    pub fn equipment_at(&self, place: Place) -> Option<&Equipment> {
        self.enterprise_at(place)?.equipment.get(place.equipment as usize)
    }

    #[must_use]
    pub fn point_at(&self, place: Place) -> Option<&Point> {
        self.equipment_at(place)?.points.get(place.point as usize)
    }

    #[must_use]
    pub fn point(&self, id: PointId) -> Option<&Point> {
        self.point_at(self.place(id)?)
    }

    #[must_use]
    pub fn enterprise(&self, id: &str) -> Option<&Enterprise> {
        let index = self.enterprises.get(id)?;
        self.registry.enterprises.get(index.number as usize)
    }

    #[must_use]
    pub fn gateway(&self, enterprise: &str, gateway: &str) -> Option<&Gateway> {
        let index = self.enterprises.get(enterprise)?;
        let number = *index.gateways.get(gateway)?;
        self.registry.enterprises.get(index.number as usize)?.gateways.get(number as usize)
    }

    /// The number of a point by its names, for decoders.
    #[must_use]
    pub fn find(&self, enterprise: &str, point: &str) -> Option<PointId> {
        self.enterprises.get(enterprise)?.points.get(point).copied()
    }

    /// The points of one enterprise by name: one look for a whole message.
    #[must_use]
    pub fn points_of(&self, enterprise: &str) -> Option<&BTreeMap<String, PointId>> {
        self.enterprises.get(enterprise).map(|index| &index.points)
    }

    /// Whether any enterprise at all has a point of that name.
    #[must_use]
    pub fn is_point_name(&self, point: &str) -> bool {
        self.names.contains(point)
    }
}
