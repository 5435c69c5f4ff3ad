//! History out of the database: readings in the order in which they were received, put together into messages, with what
//! people did and what Davy could not hear in between. Read by a thread of its own, a bounded number of readings ahead.
//! Must not know the fold. I/O.

use super::messages::{Gathering, Message};
use super::{Course, Named, Portion, Source, Thing};
use crate::clock::Stopwatch;
use crate::store::connection::{Connection, Purpose};
use crate::store::happened::{self, Deaf};
use crate::store::received::{self, Received, Window};
use alerting::day::DAY_US;
use alerting::input::Link;
use anyhow::Context;
use rules::reading::{Micros, SECOND_US};
use rules::registry::Registry;
use rules::view::PointKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// So many readings a portion: some milliseconds of judging.
const PORTION_ROWS: usize = 8_192;
/// And so many portions ahead: the reader works on while a portion is judged, and holds a few megabytes.
const PORTIONS_AHEAD: usize = 4;

/// All that must be known before the first reading.
pub struct Prelude {
    /// In the order in which they came into force.
    pub registries: Vec<Arc<Named<Registry>>>,
    pub registered_at: Vec<Micros>,
    pub rule_sets: Vec<(String, Micros)>,
    pub catalog: Catalog,
    /// Readings refused by the database for ever, and gaps on record.
    pub incomplete: [i64; 2],
}

/// A start puts registry and rules into force within so long.
const START_US: i64 = 5 * SECOND_US;

impl Prelude {
    /// A registry that came with rules came with a start: Davy had been away, however shortly.
    fn was_start(&self, registered: Micros) -> bool {
        self.rule_sets.iter().any(|(_, at)| (0..START_US).contains(&at.since(registered)))
    }
}

/// The database's points.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By the database's number.
    pub points: BTreeMap<i32, (u32, PointKey)>,
    pub enterprises: Vec<String>,
}

impl Catalog {
    #[must_use]
    pub fn of(points: Vec<(i32, PointKey)>) -> Catalog {
        let mut catalog = Catalog::default();
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        for (id, key) in points {
            let next = u32::try_from(catalog.enterprises.len()).unwrap_or(u32::MAX);
            let number = *numbers.entry(key.enterprise.clone()).or_insert_with(|| {
                catalog.enterprises.push(key.enterprise.clone());
                next
            });
            catalog.points.insert(id, (number, key));
        }
        catalog
    }
}

pub async fn prelude(connection: &Connection) -> anyhow::Result<Prelude> {
    let client = connection.open(Purpose::Inspect).await?;
    let mut registries = Vec::new();
    let mut registered_at = Vec::new();
    for registered in happened::registries(&client).await? {
        let version = registered.version;
        let content: Registry = serde_json::from_slice(&registered.content)
            .with_context(|| format!("registry {version} in the database does not load"))?;
        registries.push(Arc::new(Named { version, content }));
        registered_at.push(registered.at);
    }
    let [_, rejected, gaps] = happened::completeness(&client).await?;
    Ok(Prelude {
        registries,
        registered_at,
        rule_sets: happened::rule_sets(&client).await?,
        catalog: Catalog::of(happened::points(&client).await?),
        incomplete: [rejected, gaps],
    })
}

/// What happened beside readings from `course.begin` on, in the order of its times; what was filed before and still
/// matters stands at the beginning.
pub async fn orders(
    connection: &Connection,
    course: &Course,
    prelude: &Prelude,
) -> anyhow::Result<Vec<(Micros, Thing)>> {
    let client = connection.open(Purpose::Inspect).await?;
    let span = [course.begin, course.to];
    let mut orders = Vec::new();
    for (at, registry) in prelude.registered_at.iter().zip(&prelude.registries) {
        let is_within = *at > course.begin && *at < course.to;
        // A span that ends with a start ends with what nobody heard before it.
        if prelude.was_start(*at) && (is_within || *at == course.to) {
            orders.push((*at, Thing::Back { down_since: None }));
        }
        if is_within {
            orders.push((*at, Thing::Registry(Arc::clone(registry))));
        }
    }
    for (at, deaf) in happened::outages(&client, span).await? {
        orders.push((
            at,
            match deaf {
                Deaf::LinkDown => Thing::Link(Link::Down),
                Deaf::LinkUp => Thing::Link(Link::Up),
                Deaf::WasAway => Thing::Back { down_since: None },
            },
        ));
    }
    for mut filing in happened::filings(&client, span).await? {
        let withdrawn = filing.withdrawn_at.filter(|at| *at > course.begin);
        if let Some(at) = withdrawn.filter(|at| *at < course.to) {
            orders.push((at, Thing::Withdrawn { filing: filing.id, by: filing.filed_by.clone() }));
        }
        if withdrawn.is_some() {
            filing.withdrawn_at = None;
        }
        orders.push((filing.filed_at.max(course.begin), Thing::Filed(Box::new(filing))));
    }
    for signed in happened::signatures(&client, span).await? {
        orders.push((signed.at, Thing::Signed(Box::new(signed))));
    }
    // Of equals as they stand here: what comes into force, what could not be heard, what was filed, what was signed.
    orders.sort_by_key(|(at, _)| *at);
    Ok(orders)
}

/// The enterprise of each of the database's points, by its number.
#[must_use]
pub fn enterprises(catalog: &Catalog) -> Vec<u32> {
    let end = catalog.points.keys().next_back().map_or(0, |id| id.saturating_add(1));
    let mut list = vec![u32::MAX; usize::try_from(end).unwrap_or(0)];
    for (id, (enterprise, _)) in &catalog.points {
        if let Some(slot) = usize::try_from(*id).ok().and_then(|place| list.get_mut(place)) {
            *slot = *enterprise;
        }
    }
    list
}

/// The reader's end of it.
pub struct StoreSource {
    portions: Receiver<anyhow::Result<Portion>>,
}

/// How far device times may lie from receive times.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Readings that came later than this after their event are not read.
    pub late_us: i64,
    pub ahead_us: i64,
}

impl StoreSource {
    /// Begins to read. The thread ends with the history, with an error, or when nobody takes its portions any more.
    pub fn start(
        connection: Connection,
        course: Course,
        reach: Reach,
        enterprises: Vec<u32>,
        orders: Vec<(Micros, Thing)>,
    ) -> anyhow::Result<StoreSource> {
        let (sender, portions) = sync_channel(PORTIONS_AHEAD);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("backtest-reader".to_owned());
        thread.spawn(move || {
            let tell = sender.clone();
            let reading = Reading { sender, enterprises, orders: orders.into_iter().peekable() };
            if let Err(error) = runtime.block_on(reading.run(&connection, course, reach)) {
                // Nobody listens any more: then nobody asks why.
                drop(tell.send(Err(error)));
            }
        })?;
        Ok(StoreSource { portions })
    }
}

impl Source for StoreSource {
    fn portion(&mut self) -> anyhow::Result<Option<Portion>> {
        // A closed channel is the end: an error would have come through it.
        self.portions.recv().ok().transpose()
    }
}

/// The reader at work.
struct Reading {
    sender: SyncSender<anyhow::Result<Portion>>,
    /// Of each of the database's points; the last one stands for points unknown when it began.
    enterprises: Vec<u32>,
    orders: std::iter::Peekable<std::vec::IntoIter<(Micros, Thing)>>,
}

impl Reading {
    async fn run(mut self, connection: &Connection, course: Course, reach: Reach) -> anyhow::Result<()> {
        let client = connection.open(Purpose::Inspect).await?;
        received::settle(&client).await?;
        let mut gathering = Gathering::default();
        let mut from = course.begin;
        while from < course.to {
            // Whole days of the database, so that a window and a day have the same partition.
            let to = Micros(from.0.div_euclid(DAY_US).saturating_add(1).saturating_mul(DAY_US)).min(course.to);
            let window = Window { from, to, late_us: reach.late_us, ahead_us: reach.ahead_us };
            let watch = Stopwatch::start();
            let mut stream = received::received(&client, &window).await?;
            let mut before_s = watch.seconds();
            let mut goes_on = true;
            while goes_on {
                let watch = Stopwatch::start();
                let mut rows = Vec::with_capacity(PORTION_ROWS);
                goes_on = stream.take(PORTION_ROWS, &mut rows).await?;
                let messages = self.gather(&rows, &mut gathering);
                let until = rows.last().map_or(to, |row| Micros(row.received_us));
                let things = self.with_orders(messages);
                let seconds = watch.seconds() + std::mem::take(&mut before_s);
                let portion = Portion { things, until, readings: rows.len() as u64, seconds };
                if self.sender.send(Ok(portion)).is_err() {
                    return Ok(());
                }
            }
            from = to;
        }
        let mut messages = Vec::new();
        gathering.finish(&mut messages);
        let mut things = self.with_orders(messages);
        things.extend(self.orders.by_ref());
        drop(self.sender.send(Ok(Portion { things, until: course.to, readings: 0, seconds: 0.0 })));
        Ok(())
    }

    fn gather(&self, rows: &[Received], gathering: &mut Gathering) -> Vec<Message> {
        let mut messages = Vec::new();
        for row in rows {
            let place = usize::try_from(row.point).unwrap_or(usize::MAX);
            let enterprise = self.enterprises.get(place).copied().unwrap_or(u32::MAX);
            gathering.take(enterprise, *row, &mut messages);
        }
        messages
    }

    /// Of equals the order first: what was in force, or filed, when a message came.
    fn with_orders(&mut self, messages: Vec<Message>) -> Vec<(Micros, Thing)> {
        let mut things = Vec::with_capacity(messages.len());
        for message in messages {
            while let Some(order) = self.orders.next_if(|(at, _)| *at <= message.received) {
                things.push(order);
            }
            things.push((message.received, Thing::Message(message)));
        }
        things
    }
}
