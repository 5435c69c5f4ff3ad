//! `over("h", 60)`: the limit that each point is compared with, found when rules are bound. Must not know state. Pure.

use crate::beside::Site;
use crate::past::{Past, What};
use crate::reading::PointId;
use crate::registry::{LimitName, Limits};

/// The points that do not count, and why.
type LeftOut<'a> = Vec<(Site<'a>, String)>;

/// The limit that a function compares with.
pub(crate) fn limit(past: &Past) -> Option<LimitName> {
    match past.what {
        What::Over(name) => Some(name),
        _ => None,
    }
}

pub(crate) fn is_asked(pasts: &[Past]) -> bool {
    pasts.iter().any(|past| limit(past).is_some())
}

/// By function: the limits of its points, which are brought down to those that have one. `limits` are those of `triggers`,
/// or why there are none. Fails where no point is left to compare.
pub(crate) fn fit<'a>(
    asked: &[Past],
    triggers: &[Site<'a>],
    limits: &[Result<Limits, String>],
    pasts: &mut [Vec<PointId>],
) -> Result<(Vec<Vec<f64>>, LeftOut<'a>), String> {
    let mut left_out = LeftOut::new();
    let mut found = Vec::new();
    for (past, points) in asked.iter().zip(pasts) {
        let mut of_points = Vec::new();
        if let Some(name) = limit(past) {
            points.clear();
            for (site, limits) in triggers.iter().zip(limits) {
                let none = || format!("the point has no limit {}, and the rule gives no default", name.name());
                match limits.clone().and_then(|limits| limits.get(name).ok_or_else(none)) {
                    Ok(limit) => {
                        points.push(site.id);
                        of_points.push(limit);
                    }
                    Err(reason) => left_out.push((*site, reason)),
                }
            }
            if points.is_empty() {
                return Err(left_out.into_iter().next().map_or_else(String::new, |(_, reason)| reason));
            }
        }
        found.push(of_points);
    }
    left_out.dedup_by(|(a, _), (b, _)| a.id == b.id);
    Ok((found, left_out))
}
