//! Names to numbers: every point the district ever had, numbered once and for ever. A number is never given to
//! another name, so that stored readings and running state mean the same point after any change of the registry. Pure.

use rules::reading::PointId;
use rules::view::PointKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The numbers given so far, dense from 0.
#[derive(Debug, Default)]
pub struct Intern {
    /// By number.
    keys: Arc<Vec<PointKey>>,
    /// By enterprise, then point: looked up by borrowed names. Derived from `keys`.
    numbers: BTreeMap<String, BTreeMap<String, PointId>>,
}

/// What `Intern::number` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbered {
    Known(PointId),
    New(PointId),
}

impl Intern {
    /// From the keys in the order of their numbers, as they were saved. `None` when a name stands there twice.
    #[must_use]
    pub fn from_keys(keys: Vec<PointKey>) -> Option<Intern> {
        let mut intern = Intern::default();
        for key in keys {
            match intern.number(&key.enterprise, &key.point) {
                Some(Numbered::New(_)) => {}
                Some(Numbered::Known(_)) | None => return None,
            }
        }
        Some(intern)
    }

    /// The number of a point, given now if it has none. `None` only when all 2^32 numbers are used.
    pub fn number(&mut self, enterprise: &str, point: &str) -> Option<Numbered> {
        if let Some(id) = self.find(enterprise, point) {
            return Some(Numbered::Known(id));
        }
        let id = PointId(u32::try_from(self.keys.len()).ok()?);
        Arc::make_mut(&mut self.keys).push(PointKey { enterprise: enterprise.to_owned(), point: point.to_owned() });
        self.numbers.entry(enterprise.to_owned()).or_default().insert(point.to_owned(), id);
        Some(Numbered::New(id))
    }

    #[must_use]
    pub fn find(&self, enterprise: &str, point: &str) -> Option<PointId> {
        self.numbers.get(enterprise)?.get(point).copied()
    }

    /// The names in the order of their numbers.
    #[must_use]
    pub fn keys(&self) -> &[PointKey] {
        &self.keys
    }

    /// The same for somebody who keeps them while the fold goes on.
    #[must_use]
    pub fn shared_keys(&self) -> Arc<Vec<PointKey>> {
        Arc::clone(&self.keys)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_stay() {
        let mut intern = Intern::default();
        assert_eq!(intern.number("e1", "a"), Some(Numbered::New(PointId(0))));
        assert_eq!(intern.number("e2", "a"), Some(Numbered::New(PointId(1))));
        assert_eq!(intern.number("e1", "a"), Some(Numbered::Known(PointId(0))));
        let again = Intern::from_keys(intern.keys().to_vec()).unwrap();
        assert_eq!(again.find("e2", "a"), Some(PointId(1)));
        assert_eq!(again.find("e3", "a"), None);
    }

    #[test]
    fn a_name_saved_twice_is_refused() {
        let key = PointKey { enterprise: "e".to_owned(), point: "p".to_owned() };
        assert!(Intern::from_keys(vec![key.clone(), key]).is_none());
    }
}
