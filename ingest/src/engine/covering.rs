//! Between the turns: looks at days that are open, so that what people see of today is about a minute old. A few units a
//! look, by the number of their points: no look holds the loop for long, however large the district is. Pure.

use crate::hub::Hub;
use alerting::coverage::Unit;
use alerting::day::{Day, MINUTE_US};
use alerting::state::State;
use rules::reading::Micros;
use rules::view::View;
use std::collections::VecDeque;
use std::sync::Arc;

/// A round begins so often.
const ROUND_EVERY_US: i64 = MINUTE_US;
/// Required points whose minutes one look judges, a unit at least: with both cores busy a day of 2,000 points that speak
/// every half hour took up to 17 ms, so this is some 4 ms; and 100,000 points are through after 250 looks, of which there are
/// one a second at least and a hundred under load.
const POINTS_A_LOOK: usize = 400;
/// Yesterday is looked at for so long after it should have been closed: later it comes by itself.
const YESTERDAY_US: i64 = 20 * MINUTE_US;

#[derive(Default)]
pub(super) struct Covering {
    begun_at: Option<Micros>,
    /// Units still to be looked at in this round, with their points.
    units: VecDeque<(Unit, usize)>,
    with_yesterday: bool,
}

impl Covering {
    pub(super) fn look(&mut self, state: &State, hub: &Hub, now: Micros) {
        let due = self.begun_at.is_none_or(|begun| now.since(begun) >= ROUND_EVERY_US);
        if self.units.is_empty() && due {
            self.begin(state, hub, now);
        }
        let today = Day::of(state.now());
        let mut points = 0_usize;
        let mut found = Vec::new();
        while points < POINTS_A_LOOK
            && let Some((unit, of_unit)) = self.units.pop_front()
        {
            points = points.saturating_add(of_unit.max(1));
            found.extend(state.coverage_day(&unit, today));
            if self.with_yesterday {
                points = points.saturating_add(of_unit);
                found.extend(state.coverage_day(&unit, today.plus(-1)));
            }
        }
        if !found.is_empty() {
            hub.coverage_stands(state.seq(), found);
        }
    }

    fn begin(&mut self, state: &State, hub: &Hub, now: Micros) {
        let limits = &state.limits().coverage;
        let closing_us = i64::from(limits.close_after_min).saturating_mul(MINUTE_US).saturating_add(YESTERDAY_US);
        let since_midnight = state.now().since(Day::of(state.now()).start());
        self.with_yesterday = self.begun_at.is_none() || since_midnight < closing_us;
        self.begun_at = Some(now);
        self.units = state.view().map(units).unwrap_or_default();
        hub.coverage_forget(limits, state.now());
    }
}

/// All enterprises in each of their sectors, with the number of points looked at.
fn units(view: &Arc<View>) -> VecDeque<(Unit, usize)> {
    let enterprises = view.registry().enterprises.iter();
    let units = enterprises.flat_map(|enterprise| {
        let points = enterprise.equipment.iter().flat_map(|e| &e.points).filter(|point| point.required).count();
        enterprise
            .sectors
            .iter()
            .map(move |sector| (Unit { enterprise: enterprise.id.clone(), sector: sector.clone() }, points))
    });
    units.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stopwatch;
    use alerting::input::{Batch, Content, Decoded, FoldLimits, Input};
    use bytes::Bytes;
    use rules::reading::{PointId, Quality, Reading};
    use rules::registry::Registry;

    const ENTERPRISES: usize = 1_000;
    const POINTS: usize = 100;
    /// 2026-11-24, noon in Bishan.
    const NOON: Micros = Micros(1_795_492_800_000_000);

    /// A hundred thousand required points.
    fn registry() -> Registry {
        let mut registry = crate::console::tests::registry();
        let mut enterprise = registry.enterprises.pop().unwrap();
        let point = enterprise.equipment[0].points.pop().unwrap();
        let point = |n: usize| rules::registry::Point { id: format!("T-101.p{n}"), ..point.clone() };
        enterprise.equipment[0].points = (0..POINTS).map(point).collect();
        let numbered = |n: usize| rules::registry::Enterprise { id: format!("e{n}"), ..enterprise.clone() };
        registry.enterprises = (0..ENTERPRISES).map(numbered).collect();
        registry
    }

    fn delivery(points: std::ops::Range<u32>, at: Micros) -> Input<Decoded, Content> {
        let reading = |n: u32| Reading { point: PointId(n), device_time: Some(at), value: 1.0, quality: Quality::Good };
        Input::Delivery(Decoded {
            received: at,
            topic: String::new(),
            payload: Bytes::new(),
            redelivered: false,
            gateway: None,
            gateway_seq: None,
            simulated: false,
            status: None,
            readings: points.map(reading).collect(),
            rejects: Vec::new(),
        })
    }

    fn state() -> State {
        let mut state = State::new();
        let registry = Content::Registry { version: "r".into(), registry: Arc::new(registry()) };
        let limits = Content::Limits { version: "l".into(), limits: Arc::new(FoldLimits::default()) };
        let start = Day::of(NOON).start();
        let genesis = Input::Genesis { journal_id: "j".into(), alarm_id_base: 0 };
        let begin = vec![genesis, Input::Activate(limits), Input::Activate(registry)];
        state.step(1, &Batch { now: start, inputs: begin });
        // Each point speaks every half hour: every reading begins a piece of its own.
        let all = u32::try_from(ENTERPRISES * POINTS).unwrap();
        for half_hour in 0..20_i64 {
            let now = start.plus((half_hour + 1) * 30 * MINUTE_US);
            let inputs = (0..all).step_by(5_000).map(|from| delivery(from..from + 5_000, now)).collect();
            state.step(2 + u64::try_from(half_hour).unwrap(), &Batch { now, inputs });
        }
        state
    }

    #[test]
    fn a_large_district_is_looked_at_in_small_pieces() {
        let (state, hub, mut covering) = (state(), Hub::new(), Covering::default());
        let (mut looks, mut longest_s, now) = (0, 0.0_f64, state.now());
        loop {
            let watch = Stopwatch::start();
            covering.look(&state, &hub, now);
            longest_s = longest_s.max(watch.seconds());
            looks += 1;
            if covering.units.is_empty() {
                break;
            }
            assert_eq!(ENTERPRISES - covering.units.len(), looks * POINTS_A_LOOK / (2 * POINTS), "as many points each");
        }
        println!("{looks} looks, the longest {:.2} ms", longest_s * 1e3);
        let today = Day::of(now);
        assert_eq!(hub.coverage(|board| board.between(today, today).len()), ENTERPRISES);
        let begun = covering.begun_at;
        covering.look(&state, &hub, now.plus(ROUND_EVERY_US - 1));
        assert_eq!(covering.begun_at, begun, "once a minute");
        covering.look(&state, &hub, now.plus(ROUND_EVERY_US));
        assert!(covering.begun_at > begun && !covering.units.is_empty());
    }
}
