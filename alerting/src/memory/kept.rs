//! One memory of one point: what is asked, what is kept for it, and its clock. A reading a little older than the newest
//! one counts as if it were of the same time; one that is much older says that the clock was set back, and everything
//! begins anew with it: no stream of readings keeps a memory from going on. Pure.

use super::ask::{Ask, Kind, Side};
use super::blocks::{Blocks, EXACT_MAX_US};
use super::counts::{Events, Tally, count};
use super::ends::Ends;
use super::extremes::{Extremes, Which};
use super::sums::{self, Spread, Sum};
use super::switch::{OnTime, Over, Pair, Switch, is_on};
use super::window::Window;
use rules::past::What;
use rules::reading::SECOND_US;
use serde::{Deserialize, Serialize};

/// As far as devices may be ahead of the clock, twice: what has been judged on both sides of that is not out of order by
/// more.
pub(super) const BACK_MAX_US: i64 = 120 * SECOND_US;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub ask: Ask,
    /// The time of the newest reading taken.
    newest: Option<i64>,
    kind: Memory,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Memory {
    Ends(Ends),
    Mean(Window<Sum>),
    Spread(Window<Spread>),
    Median(Window<Sum>),
    Blocks(Box<Blocks>),
    Extremes(Extremes),
    Count(Window<Tally>),
    Pair(Pair),
    Switch(Switch),
    Events(Events),
    OnTime(OnTime),
    Restarts,
    Over(Over),
}

/// What the registry says of a point that matters to its memory, and when it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub range: (f64, f64),
    pub has_period: bool,
    pub patience_us: i64,
    pub begin: i64,
}

impl Kept {
    pub fn new(ask: Ask, setting: &Setting) -> Kept {
        let kind = match ask.kind {
            Kind::Ends => Memory::Ends(Ends::default()),
            Kind::Mean => Memory::Mean(Window::default()),
            Kind::Spread => Memory::Spread(Window::default()),
            Kind::Median if ask.window_us <= EXACT_MAX_US => Memory::Median(Window::default()),
            Kind::Median => Memory::Blocks(Box::new(Blocks::of(setting.range))),
            Kind::Extremes => Memory::Extremes(Extremes::default()),
            Kind::Count => Memory::Count(Window::default()),
            Kind::Pair => Memory::Pair(Pair::default()),
            Kind::Switch => Memory::Switch(Switch::of(setting.begin)),
            Kind::Events => Memory::Events(Events::of(setting.has_period)),
            Kind::OnTime(_) => Memory::OnTime(OnTime::default()),
            Kind::Restarts(_) => Memory::Restarts,
            Kind::Over(..) => Memory::Over(Over::of(setting.patience_us)),
        };
        Kept { ask, newest: None, kind }
    }

    /// The same under what the registry says now; `false` where it means something else from now on.
    pub fn fits(&mut self, setting: &Setting) -> bool {
        match &mut self.kind {
            Memory::Blocks(blocks) => blocks.range() == setting.range,
            Memory::Events(events) => events.edges == setting.has_period,
            Memory::Over(over) => {
                over.patience_us = setting.patience_us;
                true
            }
            _ => true,
        }
    }

    pub fn take(&mut self, event: i64, value: f64) {
        let at = match self.newest {
            Some(newest) if newest.saturating_sub(event) > BACK_MAX_US => {
                self.begin_anew(event);
                event
            }
            Some(newest) => newest.max(event),
            None => event,
        };
        self.newest = Some(at);
        let window_us = self.ask.window_us;
        match &mut self.kind {
            Memory::Ends(ends) => ends.take(at, value, window_us),
            Memory::Mean(window) | Memory::Median(window) => window.take(at, value, window_us),
            Memory::Spread(window) => window.take(at, value, window_us),
            Memory::Blocks(blocks) => blocks.take(at, value, window_us),
            Memory::Extremes(extremes) => extremes.take(at, value, window_us),
            Memory::Count(window) => window.take(at, value, window_us),
            Memory::Pair(pair) => pair.take(at, value),
            Memory::Switch(switch) => switch.take(at, value),
            Memory::Events(events) => events.take(at, value, window_us),
            Memory::OnTime(time) => time.take(at, value),
            Memory::Restarts => {}
            Memory::Over(over) => over.take(at, is_beyond(self.ask.kind, value)),
        }
    }

    /// Of the point whose on-time begins anew with this reading, if there is one.
    pub fn restarts(&self, value: f64) -> Option<u32> {
        match self.ask.kind {
            Kind::Restarts(point) if is_on(value) => Some(point),
            _ => None,
        }
    }

    pub fn restart(&mut self, at: i64) {
        if let Memory::OnTime(time) = &mut self.kind {
            time.restart(at);
        }
    }

    fn begin_anew(&mut self, begin: i64) {
        let (range, has_period, patience_us) = match &self.kind {
            Memory::Blocks(blocks) => (blocks.range(), false, 0),
            Memory::Events(events) => ((0.0, 0.0), events.edges, 0),
            Memory::Over(over) => ((0.0, 0.0), false, over.patience_us),
            _ => ((0.0, 0.0), false, 0),
        };
        *self = Kept::new(self.ask, &Setting { range, has_period, patience_us, begin });
    }

    /// A function over it at this time; NaN where there is not enough.
    pub fn look(&self, what: &What, event: i64) -> f64 {
        let window_us = self.ask.window_us;
        let newest = self.newest.unwrap_or(event);
        // Another point's readings may be ahead of the one that asks.
        let now = newest.max(event);
        match &self.kind {
            Memory::Ends(ends) => match (ends.change(newest, now, window_us), what) {
                (Some((change, seconds)), What::Rate) => finite(change / seconds),
                (Some((change, _)), _) => finite(change),
                (None, _) => f64::NAN,
            },
            Memory::Mean(window) => sums::mean(window, newest, now, window_us),
            Memory::Spread(window) => sums::deviation(window, newest, now, window_us),
            Memory::Median(window) => sums::median(window, newest, now, window_us),
            Memory::Blocks(blocks) => blocks.median(newest, now, window_us),
            Memory::Extremes(extremes) => {
                let which = if *what == What::Min { Which::Least } else { Which::Most };
                extremes.look(which, newest, now, window_us)
            }
            Memory::Count(window) => count(window, now, window_us),
            Memory::Pair(pair) => pair_says(pair, what),
            Memory::Switch(switch) => match what {
                What::OnFor => switch.lasts(true, now),
                What::OffFor => switch.lasts(false, now),
                _ => switch.since_on(now),
            },
            Memory::Events(events) => count(&events.window, now, window_us),
            Memory::OnTime(time) => time.look(now),
            Memory::Over(_) | Memory::Restarts => f64::NAN,
        }
    }

    /// Whether the point stood at its limit within so many microseconds.
    pub fn was_over(&self, event: i64, window_us: i64) -> bool {
        let now = self.newest.unwrap_or(event).max(event);
        matches!(&self.kind, Memory::Over(over) if over.was(now.saturating_sub(window_us), now))
    }

    /// What a snapshot must hold.
    pub fn is_whole(&self) -> bool {
        let Ask { kind, window_us } = self.ask;
        let newest = self.newest.unwrap_or(i64::MIN);
        let is_windowed = window_us > 0;
        match (&self.kind, kind) {
            (Memory::Ends(ends), Kind::Ends) => is_windowed && ends.is_whole(newest, window_us),
            (Memory::Mean(window), Kind::Mean) => is_windowed && window.is_whole(newest, window_us),
            (Memory::Spread(window), Kind::Spread) => is_windowed && window.is_whole(newest, window_us),
            (Memory::Median(window), Kind::Median) => {
                is_windowed && window_us <= EXACT_MAX_US && window.is_whole(newest, window_us)
            }
            (Memory::Blocks(blocks), Kind::Median) => window_us > EXACT_MAX_US && blocks.is_whole(newest, window_us),
            (Memory::Extremes(extremes), Kind::Extremes) => is_windowed && extremes.is_whole(newest, window_us),
            (Memory::Count(window), Kind::Count) => is_windowed && window.is_whole(newest, window_us),
            (Memory::Events(events), Kind::Events) => is_windowed && events.window.is_whole(newest, window_us),
            (Memory::Pair(pair), Kind::Pair) => pair.is_whole(),
            (Memory::OnTime(time), Kind::OnTime(_)) => time.is_whole(),
            (Memory::Switch(_), Kind::Switch)
            | (Memory::Over(_), Kind::Over(..))
            | (Memory::Restarts, Kind::Restarts(_)) => true,
            _ => false,
        }
    }

    /// Bytes beside the value itself.
    #[cfg(test)]
    pub fn heap(&self) -> usize {
        match &self.kind {
            Memory::Ends(ends) => ends.heap(),
            Memory::Mean(window) | Memory::Median(window) => window.heap(),
            Memory::Spread(window) => window.heap(),
            Memory::Blocks(blocks) => blocks.heap(),
            Memory::Extremes(extremes) => extremes.heap(),
            Memory::Count(window) => window.heap(),
            Memory::Events(events) => events.window.heap(),
            _ => 0,
        }
    }
}

fn is_beyond(kind: Kind, value: f64) -> bool {
    match kind {
        Kind::Over(bits, Side::High) => value >= f64::from_bits(bits),
        Kind::Over(bits, Side::Low) => value <= f64::from_bits(bits),
        _ => false,
    }
}

fn pair_says(pair: &Pair, what: &What) -> f64 {
    let Some(((before_at, before), (at, value))) = pair.both() else { return f64::NAN };
    let said = |is: bool| f64::from(u8::from(is));
    match what {
        What::Previous => before,
        What::Gap => super::switch::seconds(before_at, at),
        What::Rose => said(is_on(value) && !is_on(before)),
        _ => said(!is_on(value) && is_on(before)),
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}
