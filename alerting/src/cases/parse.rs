//! The text of a `.cases` file read strictly: every line means something or is refused by number. Must not know the
//! fold. Pure.

use super::every::{EVENTS_MAX, every};
use super::plant::Plant;
use crate::filings::FilingKind;
use rules::reading::{Quality, SECOND_US, Severity};
use rules::registry::LimitName;
use std::str::FromStr;

/// One file.
#[derive(Debug)]
pub struct Cases {
    pub rule: String,
    pub cases: Vec<Case>,
}

#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub line: usize,
    pub plant: Plant,
    pub events: Vec<Event>,
    /// When the last line began.
    from_us: i64,
    pub expects: Expects,
    pub until_us: Option<i64>,
}

/// A line of the story, at a time after the start.
#[derive(Debug)]
pub struct Event {
    pub line: usize,
    pub at_us: i64,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Reading {
        point: String,
        value: f64,
        quality: Quality,
        device: Device,
    },
    /// On the object named, or on the only one with an open alarm.
    Ack(Option<String>),
    /// The same, for a latched alarm.
    Reset(Option<String>),
    LinkDown,
    LinkUp,
    /// Two people set a limit of a point, or take it back.
    Override {
        point: String,
        limit: LimitName,
        value: Option<f64>,
    },
    /// Work is filed for a point, for equipment or, without a name, for the enterprise.
    File {
        kind: FilingKind,
        object: Option<String>,
        from_us: i64,
        to_us: i64,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Device {
    AsReceived,
    At(i64),
    None,
}

#[derive(Debug)]
pub enum Expects {
    /// Nothing was said yet: an error at the end of the case.
    Unsaid,
    None,
    Unbound,
    These(Vec<Expect>),
}

/// One transition of the rule.
#[derive(Clone, Debug)]
pub struct Expect {
    pub at_us: i64,
    /// As it is told: `raise orange`, `return closed`.
    pub what: String,
    pub object: Option<String>,
    /// What the alarm must show after it: field and value; `since` in microseconds.
    pub shows: Vec<(Field, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Value,
    Worst,
    Limit,
    Count,
    Since,
}

#[derive(Debug)]
pub struct Fault {
    pub line: usize,
    pub problem: String,
}

const TRANSITIONS: &str = "raise, again, severity, return, latch, reset, ack, suppress or release";

pub type Words<'a> = std::str::SplitWhitespace<'a>;

/// # Errors
/// Every line that means nothing, and what is missing at the end of a case.
pub fn parse(text: &str) -> Result<Cases, Vec<Fault>> {
    let mut cases = Cases { rule: String::new(), cases: Vec::new() };
    let mut faults = Vec::new();
    for (line, text) in (1_usize..).zip(text.lines()) {
        let text = text.split_once('#').map_or(text, |(text, _)| text).trim();
        if text.is_empty() {
            continue;
        }
        if let Err(problem) = cases.line(line, text) {
            faults.push(Fault { line, problem });
        }
    }
    if cases.rule.is_empty() {
        faults.push(Fault { line: 1, problem: "no `rule ID` names what the cases are about".to_owned() });
    }
    if cases.cases.is_empty() {
        faults.push(Fault { line: 1, problem: "there is no `case`".to_owned() });
    }
    for case in &cases.cases {
        faults.extend(case.plant.fault());
        if matches!(case.expects, Expects::Unsaid) {
            let problem = "the case expects nothing: say what happens, or `expect none`".to_owned();
            faults.push(Fault { line: case.line, problem });
        }
    }
    for case in &mut cases.cases {
        case.events.sort_by_key(|event| event.at_us);
    }
    faults.sort_by_key(|fault| fault.line);
    if faults.is_empty() { Ok(cases) } else { Err(faults) }
}

impl Cases {
    fn line(&mut self, line: usize, text: &str) -> Result<(), String> {
        let mut words = text.split_whitespace();
        let verb = words.next().unwrap_or_default();
        match verb {
            "rule" if self.rule.is_empty() => self.rule = next(&mut words, "a rule id")?.to_owned(),
            "rule" => return Err("the rule is named already; one file is about one rule".to_owned()),
            "case" => {
                let name = words.by_ref().collect::<Vec<_>>().join(" ");
                if name.is_empty() {
                    return Err("the case has no name".to_owned());
                }
                self.cases.push(Case::new(name, line));
            }
            "point" | "equipment" | "enterprise" | "at" | "every" | "expect" | "until" => {
                let case = self.cases.last_mut().ok_or(format!("`{verb}` stands before the first `case`"))?;
                match verb {
                    "point" => case.plant.point(line, &mut words)?,
                    "equipment" => case.plant.equipment(line, &mut words)?,
                    "enterprise" => case.plant.enterprise(line, &mut words)?,
                    "at" => case.event(line, &mut words)?,
                    "every" => case.every(line, &mut words)?,
                    "expect" => case.expect(&mut words)?,
                    _ => case.until_us = Some(span(next(&mut words, "a time")?)?),
                }
            }
            _ => {
                return Err(format!(
                    "`{verb}` means nothing; a line begins with rule, case, point, equipment, enterprise, at, every, \
                     expect or until"
                ));
            }
        }
        words.next().map_or(Ok(()), |more| Err(format!("`{more}` is too much")))
    }
}

impl Case {
    fn new(name: String, line: usize) -> Case {
        Case {
            name,
            line,
            plant: Plant::default(),
            events: Vec::new(),
            from_us: 0,
            expects: Expects::Unsaid,
            until_us: None,
        }
    }

    fn event(&mut self, line: usize, words: &mut Words) -> Result<(), String> {
        let at_us = span(next(words, "a time")?)?;
        self.goes_on(at_us)?;
        let what = match next(words, "a point, `ack`, `reset`, `link`, `file` or `override`")? {
            "ack" => What::Ack(words.next().map(str::to_owned)),
            "reset" => What::Reset(words.next().map(str::to_owned)),
            "link" => match next(words, "`down` or `up`")? {
                "down" => What::LinkDown,
                "up" => What::LinkUp,
                other => return Err(format!("the link goes `down` or `up`, not `{other}`")),
            },
            "file" => filing(words)?,
            "override" => self.limit(words)?,
            point => self.reading(point, words)?,
        };
        self.events.push(Event { line, at_us, what });
        Ok(())
    }

    fn every(&mut self, line: usize, words: &mut Words) -> Result<(), String> {
        let points = &self.plant.points;
        let events = every(line, words, &|point| points.iter().any(|known| known.id == point))?;
        if let Some(first) = events.first() {
            self.goes_on(first.at_us)?;
        }
        self.events.extend(events);
        if self.events.len() > EVENTS_MAX {
            return Err(format!("the case has more than {EVENTS_MAX} readings by now"));
        }
        Ok(())
    }

    /// Lines stand in the order in which they begin.
    fn goes_on(&mut self, at_us: i64) -> Result<(), String> {
        if at_us < self.from_us {
            return Err("time goes back: lines stand in the order in which they happen".to_owned());
        }
        self.from_us = at_us;
        Ok(())
    }

    /// `override G-1 hh=30`, `override G-1 hh=none`.
    fn limit(&self, words: &mut Words) -> Result<What, String> {
        let point = next(words, "a point")?;
        self.known(point)?;
        let word = next(words, "`hh=`, `h=`, `l=` or `ll=`")?;
        let (name, value) = word.split_once('=').ok_or(format!("`{word}` sets no limit"))?;
        let limit = LimitName::ALL.into_iter().find(|limit| limit.name() == name);
        let limit = limit.ok_or(format!("there is no limit `{name}`"))?;
        let value = if value == "none" { None } else { Some(number(value)?) };
        Ok(What::Override { point: point.to_owned(), limit, value })
    }

    fn known(&self, point: &str) -> Result<(), String> {
        let is_known = self.plant.points.iter().any(|known| known.id == point);
        if is_known { Ok(()) } else { Err(format!("there is no point `{point}` in this case")) }
    }

    fn reading(&self, point: &str, words: &mut Words) -> Result<What, String> {
        self.known(point)?;
        let value = number(next(words, "a value")?)?;
        let (mut quality, mut device) = (Quality::Good, Device::AsReceived);
        for setting in words {
            match setting.split_once('=') {
                Some(("q", "good")) => quality = Quality::Good,
                Some(("q", "uncertain")) => quality = Quality::Uncertain,
                Some(("q", "bad")) => quality = Quality::Bad,
                Some(("device", "none")) => device = Device::None,
                Some(("device", time)) => device = Device::At(span(time)?),
                Some(_) | None => return Err(format!("a reading has no `{setting}`")),
            }
        }
        Ok(What::Reading { point: point.to_owned(), value, quality, device })
    }

    fn expect(&mut self, words: &mut Words) -> Result<(), String> {
        let first = next(words, "a time, `none` or `unbound`")?;
        let whole = match first {
            "none" => Some(Expects::None),
            "unbound" => Some(Expects::Unbound),
            _ => None,
        };
        match (whole, &mut self.expects) {
            (Some(whole), Expects::Unsaid) => self.expects = whole,
            (None, Expects::Unsaid) => self.expects = Expects::These(vec![transition(first, words)?]),
            (None, Expects::These(list)) => list.push(transition(first, words)?),
            (Some(_), _) | (None, Expects::None | Expects::Unbound) => {
                return Err(format!("`expect {first}` and what was expected before exclude each other"));
            }
        }
        Ok(())
    }
}

/// `file maintenance T-101 from=60s to=2h`, or `file limit_order enterprise from=.. to=.. kw=300`.
fn filing(words: &mut Words) -> Result<What, String> {
    let kind = next(words, "a kind of filing")?;
    let object = Some(next(words, "a point, some equipment or `enterprise`")?).filter(|name| *name != "enterprise");
    let mut time = |key: &str| {
        let word = next(words, &format!("`{key}=`"))?;
        word.strip_prefix(key)
            .and_then(|rest| rest.strip_prefix('='))
            .ok_or(format!("`{key}=` is missing"))
            .and_then(span)
    };
    let (from_us, to_us) = (time("from")?, time("to")?);
    let kw = words.next().map(|word| {
        let kw = word.strip_prefix("kw=").and_then(|kw| kw.parse().ok());
        kw.ok_or(format!("`{word}` is not kw= and whole kW"))
    });
    let kind = FilingKind::parse(kind, kw.transpose()?)?;
    Ok(What::File { kind, object: object.map(str::to_owned), from_us, to_us })
}

fn transition(time: &str, words: &mut Words) -> Result<Expect, String> {
    let at_us = span(time)?;
    let mut what = next(words, TRANSITIONS)?.to_owned();
    match what.as_str() {
        "raise" | "again" | "severity" | "suppress" | "release" => {
            let severity = next(words, "a severity")?;
            let severity = Severity::parse(severity).ok_or(format!("`{severity}` is no severity"))?;
            what = format!("{what} {}", severity.name());
        }
        "return" | "ack" | "latch" | "reset" => {}
        other => return Err(format!("`{other}` is no transition: {TRANSITIONS}")),
    }
    let mut expect = Expect { at_us, what, object: None, shows: Vec::new() };
    while let Some(word) = words.next() {
        match word.split_once('=') {
            None if word == "on" => expect.object = Some(next(words, "an object")?.to_owned()),
            None if word == "closed" && matches!(expect.what.as_str(), "return" | "ack") => {
                expect.what.push_str(" closed");
            }
            Some(("value", value)) => expect.shows.push((Field::Value, number(value)?)),
            Some(("worst", value)) => expect.shows.push((Field::Worst, number(value)?)),
            Some(("limit", value)) => expect.shows.push((Field::Limit, number(value)?)),
            Some(("count", value)) => expect.shows.push((Field::Count, number(value)?)),
            Some(("since", time)) => expect.shows.push((Field::Since, span(time)? as f64)),
            None | Some(_) => return Err(format!("`{word}` says nothing of a transition")),
        }
    }
    Ok(expect)
}

pub fn next<'a>(words: &mut Words<'a>, wanted: &str) -> Result<&'a str, String> {
    words.next().ok_or_else(|| format!("{wanted} is missing"))
}

pub fn number(word: &str) -> Result<f64, String> {
    match word {
        "true" => Ok(1.0),
        "false" => Ok(0.0),
        _ => f64::from_str(word).ok().filter(|value| value.is_finite()).ok_or(format!("`{word}` is no number")),
    }
}

pub fn flag(word: &str) -> Result<bool, String> {
    bool::from_str(word).map_err(|_| format!("`{word}` is neither true nor false"))
}

/// `200ms`, `10s`, `-5s`, `2m`, `1.5h`, `1d`, `14d6h15m`, in microseconds.
pub fn span(word: &str) -> Result<i64, String> {
    let wrong = || format!("`{word}` is no time such as 10s, 200ms, 2m, 1.5h or 1d");
    let (sign, mut rest) = word.strip_prefix('-').map_or((1, word), |rest| (-1, rest));
    let mut sum_us = 0_i64;
    loop {
        let unit_at = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
        let (amount, from_unit) = rest.split_at(unit_at);
        let unit_end = from_unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(from_unit.len());
        let (unit, behind) = from_unit.split_at(unit_end);
        sum_us = sum_us.saturating_add(part_us(amount, unit).ok_or_else(wrong)?);
        if behind.is_empty() {
            return Ok(sign * sum_us);
        }
        rest = behind;
    }
}

fn part_us(amount: &str, unit: &str) -> Option<i64> {
    let unit_us = match unit {
        "ms" => 1_000,
        "s" => SECOND_US,
        "m" => 60 * SECOND_US,
        "h" => 3_600 * SECOND_US,
        "d" => 86_400 * SECOND_US,
        _ => return None,
    };
    let amount = f64::from_str(amount).ok().filter(|amount| (0.0..1e9).contains(amount))?;
    Some((amount * unit_us as f64).round() as i64)
}

pub fn whole_seconds(word: &str) -> Result<u32, String> {
    let us = span(word)?;
    let seconds = u32::try_from(us / SECOND_US).ok().filter(|&s| s > 0 && us % SECOND_US == 0);
    seconds.ok_or(format!("a period is whole seconds, which `{word}` is not"))
}
