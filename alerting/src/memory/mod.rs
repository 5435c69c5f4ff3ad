//! What rules remember of points: windows, switches and events, kept only where a rule in force asks, shared by all that
//! ask the same, updated with every good reading that is judged, in the order of arrival, before any rule looks. Each
//! memory of a point is apart, so that writing a snapshot shares them all and copies only what goes on meanwhile. Must not
//! know rules' conditions or alarms. Pure.
//!
//! A point that nobody asks about costs 16 bytes; one that somebody does 16 more, and for each thing asked, once the window
//! is full, so many bytes by its period (in parentheses: while its value rises or falls all the time):
//!
//! | asked | 1 s | 5 s | 10 s | 60 s |
//! |---|---|---|---|---|
//! | `rate(300)`, `delta(300)` together; `count(300)`, `events` the same | 4240 | 1168 | 656 | 272 |
//! | `mean(300)` | 6288 | 1680 | 912 | 336 |
//! | `stddev(300)` | 8336 | 2192 | 1168 | 400 |
//! | `min(3600)`, `max(3600)` together | 400 (1232) | 400 (1232) | 400 (1232) | 400 (1232) |
//! | `median(3600)` | 6288 | 6288 | 6288 | 1680 |
//! | `median(28800)`, a long one | 3800 (5336) | 3800 | 3800 | 3800 |
//! | `median(604800)` | 3800 (26328) | 3800 (26328) | 3800 (14552) | 3800 |
//! | any of `prev`, `gap`, `rose`, `fell` together; of `on_for`, `off_for`, `since_on`; each `on_time`, `over` | 144 | 144 | 144 | 144 |
//!
//! What a window costs goes by the readings in it, up to 256 cells: `rate(600)` at 10 s is `rate(300)` at 5 s.

mod ask;
mod blocks;
mod counts;
mod ends;
mod extremes;
pub(crate) mod held;
mod kept;
mod sums;
mod switch;
#[cfg(test)]
mod tests;
mod window;

use ask::{Ask, Kind};
use kept::{Kept, Setting};
use rules::bind::{Binding, patience_us};
use rules::past::{Past, What};
use rules::reading::{Micros, PointId, SECOND_US};
use rules::set::RuleSet;
use rules::view::View;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// By point number, each in the order of what is asked.
    #[serde(with = "sparse")]
    points: Vec<Option<Arc<[Kept]>>>,
}

impl Memory {
    /// New rules or points: what nobody asks for any more is forgotten, the rest is kept; what is new begins now.
    pub fn watch(&mut self, binding: &Binding, rules: &RuleSet, (view, now): (&View, Micros)) {
        let mut wanted = wanted(binding, rules);
        self.points.resize(wanted.len().max(self.points.len()), None);
        for (number, place) in (0_u32..).zip(&mut self.points) {
            let asks = wanted.get_mut(PointId(number).index()).map(std::mem::take).unwrap_or_default();
            let Some(setting) = setting(view, PointId(number), now).filter(|_| !asks.is_empty()) else {
                *place = None;
                continue;
            };
            match place {
                Some(list) if list.iter().map(|kept| kept.ask).eq(asks.iter().copied()) => {
                    for kept in Arc::make_mut(list) {
                        if !kept.fits(&setting) {
                            *kept = Kept::new(kept.ask, &setting);
                        }
                    }
                }
                _ => {
                    let known = place.as_deref().unwrap_or_default();
                    let kept = |ask: Ask| {
                        let mut kept = known.iter().find(|kept| kept.ask == ask)?.clone();
                        kept.fits(&setting).then_some(kept)
                    };
                    let of = |ask: Ask| kept(ask).unwrap_or_else(|| Kept::new(ask, &setting));
                    let list: Arc<[Kept]> = asks.into_iter().map(of).collect();
                    *place = Some(list);
                }
            }
        }
        self.points.truncate(wanted.len());
    }

    /// A good reading of this time that is judged.
    pub fn take(&mut self, point: PointId, event: Micros, value: f64) {
        let Some(Some(list)) = self.points.get_mut(point.index()) else { return };
        let mut restarts = false;
        for kept in Arc::make_mut(list) {
            kept.take(event.0, value);
            restarts |= kept.restarts(value).is_some();
        }
        if restarts {
            self.restart(point, event, value);
        }
    }

    /// An event of this point: others whose on-time is counted from it begin again.
    fn restart(&mut self, point: PointId, event: Micros, value: f64) {
        let Some(Some(list)) = self.points.get(point.index()) else { return };
        let others: Vec<u32> = list.iter().filter_map(|kept| kept.restarts(value)).collect();
        let ask = Ask { kind: Kind::OnTime(point.0), window_us: 0 };
        for other in others {
            let Some(Some(list)) = self.points.get_mut(PointId(other).index()) else { continue };
            if let Some(kept) = Arc::make_mut(list).iter_mut().find(|kept| kept.ask == ask) {
                kept.restart(event.0);
            }
        }
    }

    /// A function over the past of some points, at the time of the reading that asks; NaN where there is not enough of it.
    /// `limits` are those of the points, for functions that compare with them.
    #[must_use]
    pub fn look(&self, past: &Past, (points, limits): (&[PointId], &[f64]), event: Micros) -> f64 {
        if let What::Over(name) = past.what {
            let window_us = i64::from(past.window_s).saturating_mul(SECOND_US);
            let of_limit = points.iter().zip(limits);
            let stood = of_limit.filter(|(point, limit)| {
                let kept = self.kept(**point, Ask::over(name, **limit));
                kept.is_some_and(|kept| kept.was_over(event.0, window_us))
            });
            // As many points as equipment has: exact.
            return stood.count() as f64;
        }
        let found = points.first().zip(Ask::of(past, points));
        found.and_then(|(point, ask)| self.kept(*point, ask)).map_or(f64::NAN, |kept| kept.look(&past.what, event.0))
    }

    fn kept(&self, point: PointId, ask: Ask) -> Option<&Kept> {
        self.points.get(point.index())?.as_deref()?.iter().find(|kept| kept.ask == ask)
    }

    /// What a snapshot must hold.
    #[must_use]
    pub fn is_whole(&self, points: usize) -> bool {
        self.points.len() <= points
            && self
                .points
                .iter()
                .flatten()
                .all(|list| list.is_sorted_by(|a, b| a.ask < b.ask) && list.iter().all(Kept::is_whole))
    }
}

/// By point: what rules in force ask of it, sorted and distinct.
fn wanted(binding: &Binding, rules: &RuleSet) -> Vec<Vec<Ask>> {
    let mut wanted: Vec<Vec<Ask>> = vec![Vec::new(); binding.by_point.len()];
    let mut want = |point: PointId, ask: Ask| {
        if let Some(asks) = wanted.get_mut(point.index())
            && let Err(at) = asks.binary_search(&ask)
        {
            asks.insert(at, ask);
        }
    };
    let pasts: Vec<Vec<Past>> = rules.rules().iter().map(rules::rule::Rule::pasts).collect();
    for instance in &binding.instances {
        let asked = pasts.get(instance.rule).map(Vec::as_slice).unwrap_or_default();
        for (n, (past, points)) in asked.iter().zip(&instance.pasts).enumerate() {
            if let What::Over(name) = past.what {
                points
                    .iter()
                    .zip(instance.limits_of(n))
                    .for_each(|(point, limit)| want(*point, Ask::over(name, *limit)));
                continue;
            }
            let Some((point, ask)) = points.first().zip(Ask::of(past, points)) else { continue };
            want(*point, ask);
            if let Kind::OnTime(since) = ask.kind {
                want(PointId(since), Ask { kind: Kind::Restarts(point.0), window_us: 0 });
            }
        }
    }
    wanted
}

fn setting(view: &View, point: PointId, now: Micros) -> Option<Setting> {
    let point = view.point(point)?;
    let period_us = point.period_s.map(|period_s| i64::from(period_s).saturating_mul(SECOND_US));
    Some(Setting {
        range: (point.range_lo, point.range_hi),
        has_period: period_us.is_some(),
        patience_us: patience_us(period_us),
        begin: now.0,
    })
}

/// Most points are not asked for anything: only the others are written down.
mod sparse {
    use super::{Arc, Deserialize, Kept, PointId, Serialize};
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    type Points = Vec<Option<Arc<[Kept]>>>;

    pub fn serialize<S: Serializer>(points: &Points, serializer: S) -> Result<S::Ok, S::Error> {
        let list = (0_u32..).zip(points).filter_map(|(number, list)| Some((number, list.as_deref()?)));
        list.collect::<Vec<(u32, &[Kept])>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Points, D::Error> {
        let list = Vec::<(u32, Vec<Kept>)>::deserialize(deserializer)?;
        let mut points = Points::new();
        for (number, list) in list {
            let at = PointId(number).index();
            if at < points.len() {
                return Err(D::Error::custom("the memories of points are not in their order"));
            }
            // A number that no point can have must not make room for all below it.
            if at > points.len().saturating_add(1 << 24) {
                return Err(D::Error::custom("a point that cannot be is remembered"));
            }
            points.resize(at, None);
            points.push(Some(list.into()));
        }
        Ok(points)
    }
}
