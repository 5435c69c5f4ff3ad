//! A timeline for each rule: above what was compared with, below what was tried; a bar for each alarm while it was in
//! breach, outlined where the two differ. Must not know how the alarms were found. Pure.

use super::compare::{Fate, Pair};
use super::report::{local, object};
use super::spells::Spell;
use alerting::day::{DAY_US, Day};
use rules::reading::{Micros, Severity};
use std::collections::BTreeMap;

const WIDTH: f64 = 1_200.0;
const LABEL: f64 = 90.0;
const TOP: f64 = 40.0;
const LANE: f64 = 11.0;
/// Two lanes and some air.
const RULE: f64 = 2.0 * LANE + 10.0;
/// A short alarm must still be seen.
const BAR_MIN: f64 = 1.5;

/// The whole drawing, as a file.
#[must_use]
pub fn drawing(pairs: &[Pair], [from, to]: [Micros; 2]) -> String {
    let mut by_rule: BTreeMap<&str, Vec<&Pair>> = BTreeMap::new();
    for pair in pairs {
        if let Some(spell) = pair.spell() {
            by_rule.entry(&spell.rule).or_default().push(pair);
        }
    }
    let scale = Scale { from, to: to.max(from.plus(1)) };
    let height = TOP + by_rule.len() as f64 * RULE + 24.0;
    let mut out = String::new();
    put(
        &mut out,
        &format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">
<rect width="{WIDTH}" height="{height}" fill="#fff"/>
<text x="6" y="16">{} .. {} (+08:00). Of each rule: above, what was compared with; below, what was tried; outlined, what differs.</text>"##,
            local(from),
            local(to)
        ),
    );
    days(&mut out, &scale, height);
    for (n, (rule, pairs)) in by_rule.iter().enumerate() {
        let y = TOP + n as f64 * RULE;
        put(&mut out, &format!(r#"<text x="6" y="{:.1}">{}</text>"#, y + LANE + 4.0, escape(rule)));
        put(
            &mut out,
            &format!(r##"<line x1="{LABEL}" x2="{WIDTH}" y1="{0:.1}" y2="{0:.1}" stroke="#eee"/>"##, y + RULE - 4.0),
        );
        for pair in pairs {
            for (spell, lane) in [(&pair.before, y), (&pair.after, y + LANE)] {
                if let Some(spell) = spell {
                    bar(&mut out, &scale, (spell, pair.fate), lane);
                }
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

struct Scale {
    from: Micros,
    to: Micros,
}

impl Scale {
    fn x(&self, at: Micros) -> f64 {
        let part = at.clamp(self.from, self.to).since(self.from) as f64 / self.to.since(self.from) as f64;
        LABEL + part * (WIDTH - LABEL - 6.0)
    }
}

fn put(out: &mut String, element: &str) {
    out.push_str(element);
    out.push('\n');
}

/// A line for each local midnight, a date for as many as there is room for.
fn days(out: &mut String, scale: &Scale, height: f64) {
    let room = scale.to.since(scale.from) / DAY_US / 12 + 1;
    let mut day = Day::of(scale.from).plus(1);
    let mut n: i64 = 0;
    while day.start() < scale.to {
        let x = scale.x(day.start());
        put(out, &format!(r##"<line x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{height}" stroke="#f0f0f0"/>"##));
        if n % room == 0 {
            let text = local(day.start());
            let date = text.get(5..10).unwrap_or_default();
            put(out, &format!(r##"<text x="{x:.1}" y="32" fill="#777">{date}</text>"##));
        }
        day = day.plus(1);
        n = n.saturating_add(1);
    }
}

fn bar(out: &mut String, scale: &Scale, (spell, fate): (&Spell, Fate), y: f64) {
    let (x, end) = (scale.x(spell.raised), scale.x(spell.returned.unwrap_or(scale.to)));
    let width = (end - x).max(BAR_MIN);
    let colour = match spell.severity {
        Severity::Blue => "#4a90d9",
        Severity::Yellow => "#e0b000",
        Severity::Orange => "#e07b00",
        Severity::Red => "#c62828",
    };
    let outline = if fate == Fate::Same { "" } else { r##" stroke="#000" stroke-width="0.8""## };
    let opacity = if spell.suppressed { "0.35" } else { "0.9" };
    let until = spell.returned.map_or_else(|| "stands".to_owned(), local);
    put(
        out,
        &format!(
            r#"<rect class="{}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{:.1}" fill="{colour}" opacity="{opacity}"{outline}><title>{} {}: {} .. {until}</title></rect>"#,
            fate.name(),
            LANE - 2.0,
            escape(&spell.rule),
            escape(&object(&spell.object)),
            local(spell.raised)
        ),
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::alarm::Object;

    fn spell(raised: i64, returned: Option<i64>) -> Spell {
        Spell {
            rule: "R<1>".to_owned(),
            object: Object { point: Some("P&Q".to_owned()), ..Object::default() },
            raised: Micros(raised),
            since: None,
            returned: returned.map(Micros),
            severity: Severity::Red,
            suppressed: false,
        }
    }

    #[test]
    fn each_side_has_its_lane_and_what_differs_its_outline() {
        let both = Some(spell(DAY_US, Some(2 * DAY_US)));
        let pairs = [
            Pair { fate: Fate::Same, before: both.clone(), after: both },
            Pair { fate: Fate::New, before: None, after: Some(spell(9 * DAY_US, None)) },
        ];
        let svg = drawing(&pairs, [Micros(0), Micros(10 * DAY_US)]);
        let bars: Vec<&str> = svg.lines().filter(|line| line.starts_with("<rect class=")).collect();
        assert_eq!(bars.len(), 3);
        assert!(bars[0].contains(r#"class="same" x="200.4" y="40.0" width="110.4""#), "{}", bars[0]);
        assert!(bars[1].contains(r#"class="same" x="200.4" y="51.0""#), "{}", bars[1]);
        assert!(bars[2].contains(r#"class="new""#) && bars[2].contains("stroke="), "{}", bars[2]);
        assert!(!bars[0].contains("stroke="));
        assert!(svg.contains("R&lt;1&gt; P&amp;Q") && svg.contains("01-02"), "{svg}");
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }

    #[test]
    fn a_short_alarm_is_still_seen() {
        let svg = drawing(
            &[Pair { fate: Fate::Gone, before: Some(spell(5, Some(6))), after: None }],
            [Micros(0), Micros(10 * DAY_US)],
        );
        assert!(svg.contains(r#"width="1.5""#), "{svg}");
    }
}
