//! Random tales of the plant: who speaks when, in time, late or not at all; works filed, links cut, Davy away, registries
//! that change; and the same cut into records. Pure.

use super::*;
use alerting::input::Link;
use proptest::prelude::*;
use rules::reading::SECOND_US;
use std::collections::BTreeSet;

/// How long a tale lasts, with all that comes late. Minutes.
pub const LASTS: i64 = 4 * 1_440 + 520;
/// When nothing of it is timely any more.
pub const LASTS_LATE: i64 = LASTS + 1_440;
const MINUTES: std::ops::Range<i64> = -50..2 * 1_440;

/// A point that speaks for a while.
#[derive(Clone, Debug)]
pub struct Talk {
    pub point: u32,
    pub from: i64,
    pub lasts: i64,
    pub every_s: i64,
    pub off_us: i64,
    pub late_s: i64,
    pub simulated: bool,
}

/// Enterprise and equipment; when it is filed, how long ahead and for how long; and whether it is taken back half-way.
pub type Filed = (&'static str, Option<&'static str>, (i64, i64, i64), bool);

#[derive(Clone, Debug)]
pub struct Tale {
    pub talks: Vec<Talk>,
    pub registries: Vec<(i64, &'static str)>,
    pub filings: Vec<Filed>,
    pub links: Vec<(i64, i64)>,
    pub away: Option<(i64, i64)>,
    pub excused_max_h: u16,
}

/// One input, and when it happens.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: Micros,
    pub input: In,
    /// It has no time of its own: it must be a record.
    pub alone: bool,
}

pub fn tale() -> impl Strategy<Value = Tale> {
    let talk = (
        prop::sample::select(vec![A, A, B, B, C, D, M, E]),
        MINUTES,
        1_i64..1_800,
        prop::sample::select(vec![60_i64, 60, 61, 150, 300, 840, 900]),
        prop_oneof![Just(0_i64), Just(1), Just(-1), -30_000_000_i64..30_000_000],
        prop::sample::select(vec![0_i64, 0, 0, 1, -40, 90, 7_200, 93_600]),
        prop::bool::weighted(0.1),
    );
    let talk = talk.prop_map(|(point, from, lasts, every_s, off_us, late_s, simulated)| Talk {
        point,
        from,
        lasts,
        every_s,
        off_us,
        late_s,
        simulated,
    });
    let objects = vec![("e1", None), ("e1", Some("T-1")), ("e1", Some("T-2")), ("e2", None), ("e2", Some("X-1"))];
    let filing = (prop::sample::select(objects), (MINUTES, 0_i64..300, 1_i64..900), any::<bool>());
    let filing = filing.prop_map(|((enterprise, equipment), when, back)| (enterprise, equipment, when, back));
    (
        prop::collection::vec(talk, 1..14),
        prop::collection::vec((MINUTES, prop::sample::select(vec!["r1", "r2", "r3", "r4"])), 0..3),
        prop::collection::vec(filing, 0..4),
        prop::collection::vec((MINUTES, 1_i64..400), 0..3),
        prop::option::of((MINUTES, 1_i64..1_600)),
        prop::sample::select(vec![1_u16, 48]),
    )
        .prop_map(|(talks, registries, filings, links, away, excused_max_h)| Tale {
            talks,
            registries,
            filings,
            links,
            away,
            excused_max_h,
        })
}

impl Tale {
    pub fn limits(&self) -> CoverageLimits {
        CoverageLimits { excused_max_h: self.excused_max_h, ..CoverageLimits::default() }
    }

    /// All that happens, in order. Nothing does while Davy is away.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for talk in &self.talks {
            talk.tell(&mut events);
        }
        let mut put = |minute: i64, input: In, alone| events.push(Event { at: at(minute), input, alone });
        for (minute, name) in &self.registries {
            put(*minute, activate(name), true);
        }
        for (n, (enterprise, equipment, (minute, ahead, lasts), back)) in self.filings.iter().enumerate() {
            let from = minute + ahead;
            put(*minute, command(*minute, filing(enterprise, *equipment, from, from + lasts)), false);
            if *back {
                let (filing, comment) = (n as u64 + 1, String::new());
                let minute = from + lasts / 2;
                put(minute, command(minute, Order::Withdraw { filing, comment }), false);
            }
        }
        for (minute, lasts) in &self.links {
            put(*minute, Input::Link(Link::Down), true);
            put(minute + lasts, Input::Link(Link::Up), true);
        }
        if let Some((minute, lasts)) = self.away {
            let (from, until) = (at(minute), at(minute + lasts));
            events.retain(|event| event.at < from || event.at > until);
            // The last that Davy had written down before.
            let down_since = from;
            events.push(Event { at: from.plus(-1), input: Input::Tick, alone: true });
            events.push(Event { at: until, input: Input::Resumed { down_since }, alone: true });
        }
        events.sort_by_key(|event| event.at);
        events.push(Event { at: at(LASTS), input: Input::Tick, alone: true });
        events
    }
}

impl Talk {
    fn tell(&self, events: &mut Vec<Event>) {
        for n in 0..=(self.lasts * 60 / self.every_s) {
            let event = at(self.from).plus(n * self.every_s * SECOND_US + self.off_us);
            let received = event.plus(self.late_s * SECOND_US).max(at(-55));
            let mut reading = reading(self.point, event, events.len() as f64);
            if n % 11 == 10 {
                reading.quality = Quality::Bad;
            }
            let mut input = message(received, vec![reading]);
            if let Input::Delivery(delivery) = &mut input {
                delivery.simulated = self.simulated;
            }
            events.push(Event { at: received, input, alone: false });
        }
    }
}

fn command(minute: i64, order: Order) -> In {
    let by = Actor { name: "wang".to_owned(), authenticated: true };
    Input::Command(Command { key: format!("{minute}{order:?}"), received: at(minute), by, order })
}

/// A point is numbered only by the registry that names it: before, its readings cannot come in.
pub fn without_unknown(events: Vec<Event>) -> Vec<Event> {
    let mut known: BTreeSet<u32> = (0..E).collect();
    let mut fits = |event: &Event| match &event.input {
        Input::Delivery(delivery) => delivery.readings.iter().all(|reading| known.contains(&reading.point.0)),
        Input::Activate(Content::Registry { version, .. }) => {
            if version == "r2" {
                known.insert(E);
            }
            true
        }
        _ => true,
    };
    events.into_iter().filter(|event| fits(event)).collect()
}

/// Cut into records behind the events that are marked.
pub fn records(events: &[Event], cuts: &[bool]) -> Vec<(Micros, Vec<In>)> {
    let mut records: Vec<(Micros, Vec<In>)> = Vec::new();
    let mut open = false;
    for (n, event) in events.iter().enumerate() {
        match records.last_mut().filter(|_| open && !event.alone) {
            Some((now, inputs)) => {
                *now = event.at;
                inputs.push(event.input.clone());
            }
            None => records.push((event.at, vec![event.input.clone()])),
        }
        open = !event.alone && !cuts[n % cuts.len()];
    }
    records
}

/// A life that all of this happens to.
pub fn live(limits: &CoverageLimits, records: &[(Micros, Vec<In>)]) -> Life {
    let mut life = Life::begun(limits.clone());
    for (now, inputs) in records {
        life.step(*now, inputs.clone());
    }
    life
}
