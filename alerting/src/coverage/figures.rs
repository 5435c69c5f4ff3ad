//! The figures of a day out of what is known of the days up to it: connected (C-01), online (C-02), effective (C-03) and
//! complete (C-04), by sector, by town and down to each enterprise. The same days give the same figures, byte for byte:
//! percentages are compared as they are summed, in the order of days and units. Must not know where days are kept. Pure.

use crate::coverage::{CoverageDay, Minutes, Samples, Unit};
use crate::day::Day;
use crate::input::CoverageLimits;
use rules::reading::Micros;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

/// As far below the limit a mean may lie and still meet it: sums of floats are not exact.
const MEAN_SLACK: f64 = 1e-12;

/// In so many minutes that count, something is expected of everybody who has required points. Minutes.
const TELLING_MIN: u32 = 60;

/// What is known of one unit's day, as far as figures need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayFigure {
    pub unit: Unit,
    pub town: String,
    pub day: Day,
    /// The record that made it known.
    pub seq: u64,
    /// Known since.
    pub at: Micros,
    pub in_scope: bool,
    pub connected: bool,
    pub simulated: bool,
    pub minutes: Minutes,
    pub samples: Samples,
}

/// The whole of coverage on one day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    #[serde(serialize_with = "as_text")]
    pub as_of: Day,
    /// Some of it rests on simulated readings.
    pub simulated: bool,
    /// In the order of their ids.
    pub sectors: Vec<SectorFigures>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SectorFigures {
    pub sector: String,
    /// Its towns', added up.
    #[serde(flatten)]
    pub measures: Measures,
    pub towns: Vec<TownFigures>,
    /// Everybody of whom the day is known, in scope or not.
    pub units: Vec<UnitFigure>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TownFigures {
    pub town: String,
    /// Its units', added up.
    #[serde(flatten)]
    pub measures: Measures,
}

/// Over the units in scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Measures {
    /// 接入: connected, of those in scope.
    #[serde(rename = "C01")]
    pub connected: Ratio,
    /// 在线: the mean of the day's online rates, of those that have one.
    #[serde(rename = "C02")]
    pub online: Mean,
    /// 有效覆盖: effectively covered, of those in scope.
    #[serde(rename = "C03")]
    pub effective: Ratio,
    /// 完整: readings counted, of those expected.
    #[serde(rename = "C04")]
    pub complete: Ratio,
    /// 及时: readings received in time, of those received.
    pub timely: Ratio,
    /// 有效: good readings, of those received.
    pub valid: Ratio,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ratio {
    pub num: u64,
    pub den: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Mean {
    pub sum_of_online: f64,
    pub n: u64,
    /// `None` of nothing.
    pub mean: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitFigure {
    #[serde(flatten)]
    pub unit: Unit,
    pub town: String,
    pub in_scope: bool,
    pub connected: bool,
    /// The day's online rate; `None` where no minute of it counts.
    pub online: Option<f64>,
    /// The mean of the last days in scope that have one.
    pub mean_online: Option<f64>,
    pub effective: bool,
    /// Why it is not, where it should be.
    pub reason: Option<Reason>,
}

/// Why an enterprise in scope is not effectively covered: the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The registry requires no point of it.
    NothingRequired,
    /// Its connection was not accepted.
    NotConnected,
    /// No minute of the last days counts.
    NoData,
    OnlineTooLow,
}

impl Minutes {
    /// The online rate; `None` where no minute counts.
    #[must_use]
    pub fn online(&self) -> Option<f64> {
        let counted = self.counted();
        (counted > 0).then(|| f64::from(self.reported) / f64::from(counted))
    }

    /// What the online rate is of: neither excused nor ours nor outside.
    #[must_use]
    pub fn counted(&self) -> u32 {
        u32::from(self.reported).saturating_add(u32::from(self.lost))
    }
}

/// What the record of this number made known.
impl From<(u64, &CoverageDay)> for DayFigure {
    fn from((seq, known): (u64, &CoverageDay)) -> DayFigure {
        let CoverageDay { unit, town, day, at, in_scope, connected, simulated, minutes, samples, .. } = known;
        DayFigure {
            unit: unit.clone(),
            town: town.clone(),
            day: *day,
            seq,
            at: *at,
            in_scope: *in_scope,
            connected: *connected,
            simulated: *simulated,
            minutes: *minutes,
            samples: *samples,
        }
    }
}

/// The figures of `as_of`. Wants the days from `mean_days` before on; where one is named twice, the later in the list
/// stands.
#[must_use]
pub fn figures(days: &[DayFigure], as_of: Day, limits: &CoverageLimits) -> Figures {
    let first = as_of.plus(1_i32.saturating_sub(i32::from(limits.mean_days.max(1))));
    let mut known: BTreeMap<&Unit, BTreeMap<Day, &DayFigure>> = BTreeMap::new();
    for figure in days.iter().filter(|figure| (first..=as_of).contains(&figure.day)) {
        known.entry(&figure.unit).or_default().insert(figure.day, figure);
    }
    let mut sectors: BTreeMap<&str, Vec<(&DayFigure, UnitFigure)>> = BTreeMap::new();
    let mut simulated = false;
    for (unit, history) in &known {
        let Some(today) = history.get(&as_of) else { continue };
        simulated |= history.values().any(|figure| figure.simulated);
        sectors.entry(&unit.sector).or_default().push((today, unit_figure(today, history, limits)));
    }
    let sectors = sectors.into_iter().map(|(sector, units)| sector_figures(sector, units)).collect();
    Figures { as_of, simulated, sectors }
}

fn unit_figure(today: &DayFigure, history: &BTreeMap<Day, &DayFigure>, limits: &CoverageLimits) -> UnitFigure {
    let mut mean = Mean::default();
    for figure in history.values().filter(|figure| figure.in_scope) {
        mean.add(figure.minutes.online());
    }
    let DayFigure { unit, town, in_scope, connected, minutes, .. } = today;
    let is_enough = mean.mean.is_some_and(|mean| mean >= f64::from(limits.online_min_pct) / 100.0 - MEAN_SLACK);
    let says = history.values().rev().find(|figure| figure.minutes.counted() >= TELLING_MIN);
    let nothing_required = says.is_some_and(|figure| figure.samples.expected == 0 && figure.minutes.reported == 0);
    let reason = match (in_scope, connected) {
        (false, _) => None,
        _ if nothing_required => Some(Reason::NothingRequired),
        (true, false) => Some(Reason::NotConnected),
        (true, true) if mean.mean.is_none() => Some(Reason::NoData),
        (true, true) => (!is_enough).then_some(Reason::OnlineTooLow),
    };
    UnitFigure {
        unit: unit.clone(),
        town: town.clone(),
        in_scope: *in_scope,
        connected: *connected,
        online: minutes.online(),
        mean_online: mean.mean,
        effective: *in_scope && reason.is_none(),
        reason,
    }
}

fn sector_figures(sector: &str, units: Vec<(&DayFigure, UnitFigure)>) -> SectorFigures {
    let mut by_town: BTreeMap<&str, Measures> = BTreeMap::new();
    for (day, figure) in &units {
        let measures = by_town.entry(&day.town).or_default();
        if figure.in_scope {
            measures.count(day, figure);
        }
    }
    let mut measures = Measures::default();
    let mut towns = Vec::new();
    for (town, of_town) in by_town {
        measures.add(&of_town);
        towns.push(TownFigures { town: town.to_owned(), measures: of_town });
    }
    let units = units.into_iter().map(|(_, figure)| figure).collect();
    SectorFigures { sector: sector.to_owned(), measures, towns, units }
}

impl Measures {
    fn count(&mut self, day: &DayFigure, figure: &UnitFigure) {
        let Samples { good, received, timely, expected, counted } = day.samples;
        self.connected.count(u64::from(figure.connected), 1);
        self.online.add(figure.online);
        self.effective.count(u64::from(figure.effective), 1);
        self.complete.count(counted, expected);
        self.timely.count(timely, received);
        self.valid.count(good, received);
    }

    fn add(&mut self, other: &Measures) {
        let Measures { connected, online, effective, complete, timely, valid } = other;
        self.connected.count(connected.num, connected.den);
        self.online.join(online);
        self.effective.count(effective.num, effective.den);
        self.complete.count(complete.num, complete.den);
        self.timely.count(timely.num, timely.den);
        self.valid.count(valid.num, valid.den);
    }
}

impl Ratio {
    fn count(&mut self, num: u64, den: u64) {
        self.num = self.num.saturating_add(num);
        self.den = self.den.saturating_add(den);
    }
}

impl Mean {
    fn add(&mut self, online: Option<f64>) {
        if let Some(online) = online {
            self.join(&Mean { sum_of_online: online, n: 1, mean: None });
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "nobody has 2^52 enterprises or days")]
    fn join(&mut self, other: &Mean) {
        self.sum_of_online += other.sum_of_online;
        self.n = self.n.saturating_add(other.n);
        self.mean = (self.n > 0).then(|| self.sum_of_online / self.n as f64);
    }
}

fn as_text<S: Serializer>(day: &Day, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(enterprise: &str, town: &str, number: i32, (reported, lost): (u16, u16)) -> DayFigure {
        let unit = Unit { enterprise: enterprise.to_owned(), sector: "dust".to_owned() };
        let outside = 1_440 - reported - lost;
        let expected = u64::from(reported + lost);
        DayFigure {
            unit,
            town: town.to_owned(),
            day: Day(number),
            seq: 1,
            at: Micros(0),
            in_scope: true,
            connected: true,
            simulated: false,
            minutes: Minutes { reported, lost, outside, ..Minutes::default() },
            samples: Samples { good: 9, received: 10, timely: 8, expected, counted: 9 },
        }
    }

    fn one(days: &[DayFigure]) -> UnitFigure {
        figures(days, Day(30), &CoverageLimits::default()).sectors[0].units[0].clone()
    }

    #[test]
    fn why_somebody_is_not_covered() {
        let whole = |figure: DayFigure| vec![figure];
        let of_limit: Vec<DayFigure> = (1..=30).map(|number| day("e", "t", number, (1_368, 72))).collect();
        let mut below = of_limit.clone();
        below[3] = day("e", "t", 4, (1_367, 73));
        let mut stopped = of_limit.clone();
        stopped[3] = DayFigure { in_scope: false, ..day("e", "t", 4, (0, 1_440)) };
        let idle = |minutes| {
            let figure = day("e", "t", 30, minutes);
            DayFigure { samples: Samples::default(), connected: false, ..figure }
        };
        for (what, days, reason) in [
            ("exactly 95 % on each of 30 days", of_limit.clone(), None),
            ("a minute less", below, Some(Reason::OnlineTooLow)),
            ("a day out of scope is not asked", stopped, None),
            ("31 days ago", [vec![day("e", "t", 0, (0, 1_440))], of_limit.clone()].concat(), None),
            ("nothing counts", whole(day("e", "t", 30, (0, 0))), Some(Reason::NoData)),
            ("no signature", whole(DayFigure { connected: false, ..of_limit[29].clone() }), Some(Reason::NotConnected)),
            ("nothing required", whole(idle((0, 1_440))), Some(Reason::NothingRequired)),
            ("too early to say", whole(idle((0, 59))), Some(Reason::NotConnected)),
            ("out of scope", whole(DayFigure { in_scope: false, ..of_limit[29].clone() }), None),
        ] {
            let figure = one(&days);
            assert_eq!((figure.reason, figure.effective), (reason, figure.in_scope && reason.is_none()), "{what}");
        }
        let twice = [of_limit[29].clone(), day("e", "t", 30, (720, 720))];
        assert_eq!(one(&twice).online, Some(0.5), "what is known later stands");
        assert_eq!(figures(&of_limit, Day(31), &CoverageLimits::default()).sectors, []);
    }

    #[test]
    fn the_json_is_this() {
        let days = [day("a", "t", 30, (720, 720)), day("b", "u", 30, (1_440, 0))];
        let text = serde_json::to_string(&figures(&days, Day(30), &CoverageLimits::default())).unwrap();
        let ratio = |name: &str, num: u64, den: u64| format!(r#""{name}":{{"num":{num},"den":{den}}}"#);
        let measures = |units: u64, (sum, mean): (&str, &str), effective: u64, expected: u64| {
            let connected = ratio("C01", units, units);
            let online = format!(r#""C02":{{"sum_of_online":{sum},"n":{units},"mean":{mean}}}"#);
            let (effective, complete) = (ratio("C03", effective, units), ratio("C04", units * 9, expected));
            let (timely, valid) = (ratio("timely", units * 8, units * 10), ratio("valid", units * 9, units * 10));
            [connected, online, effective, complete, timely, valid].join(",")
        };
        let unit = |enterprise: &str, town: &str, (rate, effective, reason): (&str, bool, &str)| {
            let name = format!(r#"{{"enterprise":"{enterprise}","sector":"dust","town":"{town}","in_scope":true"#);
            let rates = format!(r#""online":{rate},"mean_online":{rate}"#);
            format!(r#"{name},"connected":true,{rates},"effective":{effective},"reason":{reason}}}"#)
        };
        let expected = [
            r#"{"as_of":"1970-01-31","simulated":false,"sectors":[{"sector":"dust","#.to_owned(),
            measures(2, ("1.5", "0.75"), 1, 2_880),
            r#","towns":[{"town":"t","#.to_owned(),
            measures(1, ("0.5", "0.5"), 0, 1_440),
            r#"},{"town":"u","#.to_owned(),
            measures(1, ("1.0", "1.0"), 1, 1_440),
            r#"}],"units":["#.to_owned(),
            unit("a", "t", ("0.5", false, r#""online_too_low""#)),
            ",".to_owned(),
            unit("b", "u", ("1.0", true, "null")),
            "]}]}".to_owned(),
        ];
        assert_eq!(text, expected.concat());
    }
}
