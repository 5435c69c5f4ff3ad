//! Who reports badly, when, and what people do about it: the same for the same registry and span. Pure.

use crate::simulate::plant::{Act, Plant, Shape};
use alerting::alarm::Object;
use alerting::command::{Actor, Command, Order};
use alerting::day::Day;
use alerting::filings::{FilingKind, Planned};
use rules::reading::{Micros, SECOND_US};
use rules::registry::{Enterprise, Registry, Status};
use std::collections::{BTreeMap, VecDeque};

const HOUR_US: i64 = 3_600 * SECOND_US;
const DAY_US: i64 = 24 * HOUR_US;
/// Who signs in the play.
pub const SIGNER: &str = "模拟值班员";

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
    Late(Micros),
}

/// A span of one enterprise in which nothing arrives.
#[derive(Clone, Copy, Debug)]
struct Silence {
    from: Micros,
    until: Micros,
    /// Everything comes when it is over.
    buffered: bool,
}

/// The first point of a tag type, for a while.
#[derive(Clone, Debug)]
struct Trouble {
    enterprise: String,
    tag: &'static str,
    from: Micros,
    until: Micros,
    shape: Shape,
}

#[derive(Debug, Default)]
pub struct Story {
    silences: BTreeMap<String, Vec<Silence>>,
    troubles: Vec<Trouble>,
    /// In the order of their times.
    commands: VecDeque<Command>,
}

impl Story {
    pub fn of(registry: &Registry, (begun, end): (Micros, Micros)) -> Story {
        // Hours are those of the local day, whenever the play begins.
        let begun = Day::of(begun).end();
        let mut story = Story::default();
        let mut commands = Vec::new();
        for (n, enterprise) in (0_i64..).zip(&registry.enterprises) {
            let produces = enterprise.status == Status::Producing;
            if !produces {
                continue;
            }
            // Acceptance comes in over the first fortnight; every twentieth has not got so far.
            if n % 20 != 19 {
                let at = begun.plus((n * 7 % 12 + 4) * DAY_US + 10 * HOUR_US + n * 20 * SECOND_US);
                for sector in &enterprise.sectors {
                    commands.push((at, accept(&enterprise.id, sector)));
                }
            }
            story.silences.insert(enterprise.id.clone(), silences(n, (begun, end)));
            if n % 11 == 4 {
                let from = begun.plus((n % 20 + 6) * DAY_US + 8 * HOUR_US);
                commands.push((from.plus(-DAY_US), maintenance(enterprise, from)));
                let work = Silence { from, until: from.plus(6 * HOUR_US), buffered: false };
                story.silences.entry(enterprise.id.clone()).or_default().push(work);
            }
        }
        story.troubles = troubles(registry, (begun, end));
        commands.retain(|(at, _)| *at < end);
        commands.sort_by_key(|(at, _)| *at);
        story.commands = commands.into_iter().enumerate().map(|(n, (at, order))| command(n, at, order)).collect();
        story
    }

    pub fn fate(&self, topic: &str, at: Micros) -> Fate {
        let enterprise = topic.split('/').nth(2).unwrap_or_default();
        let silence = self.silences.get(enterprise).and_then(|all| all.iter().find(|s| s.from <= at && at < s.until));
        match silence {
            None => Fate::Arrives,
            Some(Silence { buffered: true, until, .. }) => Fate::Late(*until),
            Some(_) => Fate::Lost,
        }
    }

    pub fn next_command(&self) -> Option<Micros> {
        self.commands.front().map(|command| command.received)
    }

    pub fn take_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// What goes wrong at a gateway's points.
    pub fn acts(&self, plant: &Plant, begun: Micros) -> Vec<Act> {
        let ours = self.troubles.iter().filter(|trouble| trouble.enterprise == plant.enterprise);
        let act = |trouble: &Trouble| {
            let point = plant.points.iter().position(|point| point.tag == trouble.tag)?;
            let (from_us, until_us) = (trouble.from.since(begun), trouble.until.since(begun));
            Some(Act { point, from_us, until_us, shape: trouble.shape })
        };
        ours.filter_map(act).collect()
    }
}

/// Some gateways are cut off now and then, some every day; some keep what they could not send.
fn silences(n: i64, (begun, end): (Micros, Micros)) -> Vec<Silence> {
    let days = end.since(begun) / DAY_US;
    let mut silences = Vec::new();
    let mut silence = |day: i64, hour: i64, hours: i64, buffered: bool| {
        let from = begun.plus(day * DAY_US + hour * HOUR_US);
        silences.push(Silence { from, until: from.plus(hours * HOUR_US), buffered });
    };
    match n % 15 {
        // Too little, every day: connected, and not effective.
        7 => (0..days).for_each(|day| silence(day, 13, 3, false)),
        // One long cut, and everything comes after midnight.
        3 => silence(n % 17 + 8, 20, 7, true),
        // One cut that nobody mends.
        11 => silence(n % 19 + 7, 9, 4, false),
        _ => {}
    }
    silences
}

fn troubles(registry: &Registry, (begun, end): (Micros, Micros)) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut add = |sector: &str, nth: usize, tag: &'static str, span: (Micros, Micros), shape: Shape| {
        let has = |e: &&Enterprise| {
            let points = || e.equipment.iter().flat_map(|equipment| &equipment.points);
            e.status == Status::Producing && e.sectors.iter().any(|s| s == sector) && points().any(|p| p.tag == tag)
        };
        let enterprise = registry.enterprises.iter().filter(has).nth(nth);
        troubles.extend(enterprise.map(|e| Trouble {
            enterprise: e.id.clone(),
            tag,
            from: span.0,
            until: span.1,
            shape,
        }));
    };
    let day = |n: i64| begun.plus(n * DAY_US);
    // A sensor that is gone for good takes its plant out of effective coverage; another is mended after three days.
    add("dust", 5, "dust.hopper_temp", (end.plus(-10 * DAY_US), end), Shape::Silent);
    add("hazchem", 4, "tank.level", (day(14), day(17)), Shape::Silent);
    // Gas that stands over its limit long enough for a lead, and a hopper that grows hot.
    let gas = day(20).plus(9 * HOUR_US);
    add("hazchem", 2, "gas.lel", (gas, gas.plus(HOUR_US)), Shape::Level(62.0));
    let hopper = day(25).plus(15 * HOUR_US);
    add("dust", 2, "dust.hopper_temp", (hopper, hopper.plus(HOUR_US)), Shape::Level(66.0));
    troubles
}

fn accept(enterprise: &str, sector: &str) -> Order {
    Order::Accept { enterprise: enterprise.to_owned(), sector: sector.to_owned(), comment: "模拟验收".to_owned() }
}

fn maintenance(enterprise: &Enterprise, from: Micros) -> Order {
    let object = Object { enterprise: Some(enterprise.id.clone()), ..Object::default() };
    let to = from.plus(6 * HOUR_US);
    let reason = "模拟检修".to_owned();
    Order::File(Planned { kind: FilingKind::Maintenance, object, from, to, reason, idle_check: None })
}

fn command(n: usize, received: Micros, order: Order) -> Command {
    let by = Actor { name: SIGNER.to_owned(), authenticated: false };
    Command { key: format!("history-{}-{n}", received.0), received, by, order }
}
