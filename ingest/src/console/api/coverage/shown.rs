//! How coverage looks in JSON. Must not know where it comes from. Pure.

use super::ask::Looked;
use crate::console::Context;
use crate::console::coverage_past::DayChange;
use crate::console::shown::Stamp;
use alerting::coverage::{CoverageDay, DayCause, Figures, Measures, Minutes, SectorFigures, TownFigures};
use alerting::day::DAY_MINUTES;
use rules::registry::Text;
use serde::Serialize;
use std::collections::BTreeMap;

/// The newest record that made any of it known.
#[derive(Serialize)]
pub(super) struct KnownShown {
    seq: u64,
    at: Option<Stamp>,
}

impl KnownShown {
    pub(super) fn new(looked: &Looked) -> KnownShown {
        KnownShown { seq: looked.seq, at: looked.at.map(Stamp) }
    }
}

/// Figures without units: those have an address of their own.
#[derive(Serialize)]
pub(super) struct FiguresShown {
    as_of: String,
    simulated: bool,
    sectors: Vec<SectorShown>,
}

#[derive(Serialize)]
pub(super) struct SectorShown {
    sector: String,
    #[serde(flatten)]
    measures: Measures,
    towns: Vec<TownFigures>,
}

impl FiguresShown {
    pub(super) fn of(figures: Figures) -> FiguresShown {
        let Figures { as_of, simulated, sectors } = figures;
        let show = |SectorFigures { sector, measures, towns, .. }| SectorShown { sector, measures, towns };
        FiguresShown { as_of: as_of.to_string(), simulated, sectors: sectors.into_iter().map(show).collect() }
    }
}

/// What a later version of a day changed.
#[derive(Serialize)]
pub(super) struct ChangeShown {
    enterprise: String,
    sector: String,
    day: String,
    seq: u64,
    at: Stamp,
    cause: DayCause,
    before: MinutesShown,
    after: MinutesShown,
}

#[derive(Serialize)]
pub(super) struct MinutesShown {
    #[serde(flatten)]
    minutes: Minutes,
    online: Option<f64>,
}

impl MinutesShown {
    pub(super) fn of(minutes: Minutes) -> MinutesShown {
        MinutesShown { minutes, online: minutes.online() }
    }
}

impl ChangeShown {
    pub(super) fn of(change: DayChange) -> ChangeShown {
        let DayChange { unit, day, seq, at, cause, before, after } = change;
        ChangeShown {
            enterprise: unit.enterprise,
            sector: unit.sector,
            day: day.to_string(),
            seq,
            at: Stamp(at),
            cause,
            before: MinutesShown::of(before),
            after: MinutesShown::of(after),
        }
    }
}

/// Names of sectors and towns by the registry in force.
#[derive(Default, Serialize)]
pub(super) struct Names {
    sectors: BTreeMap<String, Text>,
    towns: BTreeMap<String, Text>,
}

impl Names {
    pub(super) fn of(context: &Context) -> Names {
        let view = context.hub().standing().and_then(|standing| standing.view);
        let Some(view) = view else { return Names::default() };
        let registry = view.registry();
        Names {
            sectors: registry.sectors.iter().map(|sector| (sector.id.clone(), sector.name.clone())).collect(),
            towns: registry.towns.iter().map(|town| (town.code.clone(), town.name.clone())).collect(),
        }
    }
}

/// What a minute of a day was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Reported,
    Lost,
    Excused,
    System,
    Outside,
    /// The registry changed on that day: which of the two it was, only the sums say.
    LostOrOutside,
    /// Not judged yet.
    Ahead,
}

/// A day's minutes as spans `[from, to, kind]`, minutes of the local day, `from <= minute < to`.
pub(super) fn spans(day: &CoverageDay) -> Vec<(u16, u16, Kind)> {
    let Minutes { reported, lost, excused, system, outside } = day.minutes;
    let judged = [reported, lost, excused, system, outside].into_iter().fold(0, u16::saturating_add);
    let rest = match (lost, outside) {
        (_, 0) => Kind::Lost,
        (0, _) => Kind::Outside,
        _ => Kind::LostOrOutside,
    };
    let kind = |minute: u16| {
        if has(&day.reported, minute) {
            Kind::Reported
        } else if has(&day.excused, minute) {
            Kind::Excused
        } else if has(&day.system, minute) {
            Kind::System
        } else if minute >= judged {
            Kind::Ahead
        } else {
            rest
        }
    };
    let mut spans: Vec<(u16, u16, Kind)> = Vec::new();
    for minute in 0..DAY_MINUTES {
        let (kind, end) = (kind(minute), minute.saturating_add(1));
        match spans.last_mut() {
            Some((_, to, last)) if *last == kind => *to = end,
            _ => spans.push((minute, end, kind)),
        }
    }
    spans
}

/// Minute 0 is the lowest bit of the first byte; what is not there is not set.
fn has(map: &[u8], minute: u16) -> bool {
    map.get(usize::from(minute / 8)).is_some_and(|byte| byte & 1_u8.rotate_left(u32::from(minute % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::coverage::{Samples, Unit};
    use alerting::day::Day;
    use bytes::Bytes;
    use rules::reading::Micros;

    fn day(minutes: Minutes, reported: &[u8], excused: &[u8]) -> CoverageDay {
        CoverageDay {
            unit: Unit { enterprise: "e".into(), sector: "s".into() },
            town: "t".into(),
            day: Day(1),
            at: Micros(0),
            cause: DayCause::Closed,
            registry: String::new(),
            in_scope: true,
            connected: true,
            simulated: false,
            minutes,
            samples: Samples::default(),
            reported: Bytes::copy_from_slice(reported),
            excused: Bytes::copy_from_slice(excused),
            system: Bytes::new(),
            points: Vec::new(),
        }
    }

    #[test]
    fn minutes_are_told_as_spans() {
        let known = Minutes { reported: 10, lost: 1_428, excused: 2, ..Minutes::default() };
        let closed = day(known, &[0xff, 0b0000_0011], &[0, 0b0001_0100]);
        let expected = [
            (0, 10, Kind::Reported),
            (10, 11, Kind::Excused),
            (11, 12, Kind::Lost),
            (12, 13, Kind::Excused),
            (13, 1_440, Kind::Lost),
        ];
        assert_eq!(spans(&closed), expected);
        let open = Minutes { reported: 8, lost: 4, ..Minutes::default() };
        assert_eq!(
            spans(&day(open, &[0xff], &[])),
            [(0, 8, Kind::Reported), (8, 12, Kind::Lost), (12, 1_440, Kind::Ahead)]
        );
        let outside = Minutes { outside: 1_440, ..Minutes::default() };
        assert_eq!(spans(&day(outside, &[], &[])), [(0, 1_440, Kind::Outside)]);
        let mixed = Minutes { outside: 40, lost: 1_400, ..Minutes::default() };
        assert_eq!(spans(&day(mixed, &[], &[])), [(0, 1_440, Kind::LostOrOutside)]);
    }
}
