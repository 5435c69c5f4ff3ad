//! What a backtest found, as text for people, CSV for spreadsheets and JSON for programs. Must not know how it was found.
//! Pure.

use super::compare::{Fate, Pair, RuleFigures, what_moved};
use super::spells::Spell;
use alerting::alarm::Object;
use alerting::day::{Day, OFFSET_US};
use rules::reading::{Micros, SECOND_US};
use serde_json::{Value, json};
use std::fmt::Write as _;

pub struct Report {
    /// (origin, version, number of rules): compared with, tried.
    pub sides: [(String, String, usize); 2],
    pub begin: Micros,
    pub from: Micros,
    pub to: Micros,
    pub registry: String,
    pub source: String,
    pub readings: u64,
    pub messages: u64,
    /// Readings a second out of the source, and through each fold.
    pub reading_rate: f64,
    pub judging_rate: [f64; 2],
    pub figures: Vec<RuleFigures>,
    pub pairs: Vec<Pair>,
    /// Leads and findings of each side.
    pub leads: [u64; 2],
    pub findings: [u64; 2],
    pub caveats: Vec<String>,
}

/// Local time to the second.
#[must_use]
pub fn local(at: Micros) -> String {
    let (year, month, day) = Day::of(at).civil();
    let second = at.0.saturating_add(OFFSET_US).div_euclid(SECOND_US).rem_euclid(86_400);
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}")
}

/// RFC 3339 in UTC, to the microsecond.
fn utc(at: Micros) -> Option<String> {
    let time = chrono::DateTime::from_timestamp_micros(at.0)?;
    Some(time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}

/// Enterprise, then equipment and point as far as there are any.
#[must_use]
pub fn object(object: &Object) -> String {
    let Object { enterprise, equipment, point } = object;
    let parts = [enterprise, equipment, point].into_iter().flatten().map(String::as_str);
    parts.collect::<Vec<_>>().join(" ")
}

fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}

fn times(spell: &Spell) -> String {
    let end = spell.returned.map_or_else(|| "(stands)".to_owned(), local);
    let silent = if spell.suppressed { ", suppressed" } else { "" };
    format!("{} .. {end}, {}{silent}", local(spell.raised), spell.severity.name())
}

impl Report {
    /// Whether both say the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.pairs.iter().all(|pair| pair.fate == Fate::Same)
    }

    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let [(before, before_version, before_rules), (after, after_version, after_rules)] = &self.sides;
        let mut line = |text: String| {
            out.push_str(text.trim_end());
            out.push('\n');
        };
        line(format!("tried:         {after} ({}, {after_rules} rules)", short(after_version)));
        line(format!("compared with: {before} ({}, {before_rules} rules)", short(before_version)));
        line(format!("from {} to {} (+08:00), judged since {}", local(self.from), local(self.to), local(self.begin)));
        line(format!("history: {}; registry {}", self.source, self.registry));
        line(String::new());
        line(format!(
            "{:<8} {:>16} {:>23}  {:>5} {:>5} {:>5} {:>5}",
            "rule", "alarms", "minutes", "new", "gone", "moved", "same"
        ));
        for f in self.figures.iter().filter(|f| f.same + f.new + f.gone + f.moved > 0) {
            let alarms = format!("{} -> {}", f.raised[0], f.raised[1]);
            let minutes = format!("{:.1} -> {:.1}", f.minutes[0], f.minutes[1]);
            let RuleFigures { rule, new, gone, moved, same, .. } = f;
            line(format!("{rule:<8} {alarms:>16} {minutes:>23}  {new:>5} {gone:>5} {moved:>5} {same:>5}"));
        }
        let quiet: Vec<&str> = self.quiet().collect();
        line(format!("{} rules without any alarm on either side: {}", quiet.len(), quiet.join(" ")));
        line(String::new());
        self.pairs.iter().filter_map(told).for_each(&mut line);
        if self.is_same() {
            line("no alarm differs".to_owned());
        }
        line(String::new());
        let [leads, findings] = [self.leads, self.findings].map(|[before, after]| format!("{before} -> {after}"));
        line(format!("leads opened or changed: {leads}; findings in late readings: {findings}"));
        line(self.rates());
        line("not reproduced:".to_owned());
        self.caveats.iter().for_each(|caveat| line(format!("  * {caveat}")));
        out
    }

    /// Reading and judging apart.
    #[must_use]
    pub fn rates(&self) -> String {
        format!(
            "{} readings in {} messages; reading {:.0} readings/s, judging {:.0} readings/s (tried) and {:.0} readings/s \
             (compared with)",
            self.readings, self.messages, self.reading_rate, self.judging_rate[1], self.judging_rate[0]
        )
    }

    fn quiet(&self) -> impl Iterator<Item = &str> + '_ {
        self.figures.iter().filter(|f| f.same + f.new + f.gone + f.moved == 0).map(|f| f.rule.as_str())
    }

    /// Every spell of either side, one a line.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record([
            "fate",
            "rule",
            "enterprise",
            "equipment",
            "point",
            "before_since",
            "before_raised",
            "before_returned",
            "before_severity",
            "before_suppressed",
            "after_since",
            "after_raised",
            "after_returned",
            "after_severity",
            "after_suppressed",
        ])?;
        for pair in &self.pairs {
            let Some(spell) = pair.spell() else { continue };
            let mut row = vec![pair.fate.name().to_owned(), spell.rule.clone()];
            let Object { enterprise, equipment, point } = spell.object.clone();
            row.extend([enterprise, equipment, point].map(Option::unwrap_or_default));
            for side in [&pair.before, &pair.after] {
                let cells = side.as_ref().map(|s| {
                    let times = [s.since, Some(s.raised), s.returned].map(|at| at.and_then(utc).unwrap_or_default());
                    let [since, raised, returned] = times;
                    [since, raised, returned, s.severity.name().to_owned(), s.suppressed.to_string()]
                });
                row.extend(cells.unwrap_or_default());
            }
            table.write_record(&row)?;
        }
        table.into_inner().map_err(|e| e.into_error().into())
    }

    #[must_use]
    pub fn json(&self) -> Value {
        let side = |(origin, version, rules): &(String, String, usize)| json!({ "origin": origin, "version": version, "rules": rules });
        let [before, after] = &self.sides;
        json!({
            "tried": side(after), "compared_with": side(before),
            "judged_since": utc(self.begin), "from": utc(self.from), "to": utc(self.to),
            "history": self.source, "registry": self.registry,
            "readings": self.readings, "messages": self.messages,
            "reading_rate": self.reading_rate,
            "judging_rate": { "compared_with": self.judging_rate[0], "tried": self.judging_rate[1] },
            "rules": self.figures,
            "alarms": self.pairs.iter().map(pair_json).collect::<Vec<_>>(),
            "leads": { "before": self.leads[0], "after": self.leads[1] },
            "findings": { "before": self.findings[0], "after": self.findings[1] },
            "not_reproduced": self.caveats,
        })
    }
}

/// One line for what differs.
fn told(pair: &Pair) -> Option<String> {
    let spell = pair.spell()?;
    let mut text = format!("{:<5}  {:<8} {}: ", pair.fate.name(), spell.rule, object(&spell.object));
    match (&pair.before, &pair.after) {
        _ if pair.fate == Fate::Same => return None,
        (Some(before), Some(after)) => {
            let parts = what_moved(before, after).join(", ");
            // Writing to a string does not fail.
            write!(text, "{} => {} ({parts})", times(before), times(after)).ok()?;
        }
        _ => text.push_str(&times(spell)),
    }
    Some(text)
}

fn pair_json(pair: &Pair) -> Value {
    let side = |spell: &Option<Spell>| match spell {
        None => Value::Null,
        Some(spell) => json!({
            "since": spell.since.and_then(utc), "raised": utc(spell.raised), "returned": spell.returned.and_then(utc),
            "severity": spell.severity, "suppressed": spell.suppressed,
        }),
    };
    let empty = Object::default();
    let (rule, object) = pair.spell().map_or(("", &empty), |spell| (&spell.rule, &spell.object));
    json!({
        "fate": pair.fate, "rule": rule,
        "enterprise": object.enterprise, "equipment": object.equipment, "point": object.point,
        "before": side(&pair.before), "after": side(&pair.after),
    })
}
