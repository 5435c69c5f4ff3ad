//! One simulated life of a Davy: the six verbs in their order on the real fold, with a disk, a broker, a database and
//! plants that misbehave as the seed says, and a process that may die between any two verbs. Pure: everything follows from the seed.

use crate::auditor::{Auditor, Event, Message, SECOND, Seen};
use crate::broker::{Broker, Delivered};
use crate::database::{Database, Mood};
use crate::dice::Dice;
use crate::district;
use crate::doors::{Lanes, lanes};
use crate::plant::{self, Gateway, Sensor};
use crate::rule_sets::{RULES, activate_with, audited, content, others};
use alerting::alarm::Alarm;
use alerting::command::{Actor, Command, Order};
use alerting::effect::Effects;
use alerting::input::{Batch, Input, Link};
use bytes::Bytes;
use davy_tests::disk::SimDisk;
use ingest::delivery::{ContentRef, Delivery, Record};
use ingest::engine::fold::{Fold, KeepError, SnapshotJob};
use ingest::engine::open::OpenOptions;
use rules::reading::Micros;
use std::collections::BTreeMap;
use std::path::PathBuf;

type Inputs = Vec<Input<Delivery, ContentRef>>;

const BEGUN: i64 = 1_767_225_600 * SECOND;

pub struct World {
    pub dice: Dice,
    pub now: i64,
    pub disk: SimDisk,
    pub fold: Fold<SimDisk>,
    pub broker: Broker,
    pub database: Database,
    pub auditor: Auditor,
    /// Every record that became durable, with its effects.
    pub told: BTreeMap<u64, Effects>,
    /// Broken messages that became durable: their payloads.
    pub garbage: Vec<Vec<u8>>,
    pub sensors: Vec<Sensor>,
    gateways: BTreeMap<&'static str, Gateway>,
    lanes: Lanes,
    snapshot: Option<SnapshotJob<SimDisk>>,
    link_down: bool,
    pub crashes: u32,
    commands: u64,
    /// The rules that are in force at first, and the other ones.
    sets: [ContentRef; 2],
    /// How often the other ones came into force, or the first ones again.
    pub changes: u32,
}

/// Where the process dies in a turn.
#[derive(Clone, Copy, PartialEq)]
enum Death {
    /// In the append: written, not synced.
    Append,
    Kept,
    Answered,
    Thought,
    Projected,
}

pub fn open(disk: &SimDisk, now: i64) -> Fold<SimDisk> {
    let options = OpenOptions {
        dir: PathBuf::from("/davy"),
        segment_bytes: 20_000,
        quota_bytes: 1 << 40,
        new_journal_id: "world".into(),
        wall: Micros(now),
        accept_clock: false,
        refold: false,
    };
    Fold::open(disk.clone(), &options).unwrap_or_else(|e| panic!("start-up: {e}")).0
}

impl World {
    pub fn new(seed: u64) -> World {
        let disk = SimDisk::default();
        let mut fold = open(&disk, BEGUN);
        let sets = [audited, others].map(|taken| content(&mut fold, &district::registry(), &taken));
        activate_with(&mut fold, &district::registry(), &audited, Micros(BEGUN));
        let facts = district::facts();
        let points: Vec<_> = facts.iter().map(|(_, fact)| fact.clone()).collect();
        let sensors = facts.into_iter().map(|(enterprise, fact)| Sensor::new(enterprise, fact, BEGUN)).collect();
        let database = Database::new();
        let lanes = lanes(&fold, &disk, &database);
        let mut broker = Broker::new(40);
        broker.connect();
        World {
            dice: Dice::new(seed),
            now: BEGUN,
            disk,
            fold,
            broker,
            database,
            auditor: Auditor::new(&points, BEGUN, 600 * SECOND),
            told: BTreeMap::new(),
            garbage: Vec::new(),
            sensors,
            gateways: BTreeMap::new(),
            lanes,
            snapshot: None,
            link_down: false,
            crashes: 0,
            commands: 0,
            sets,
            changes: 0,
        }
    }

    /// Some seconds of the world.
    pub fn step(&mut self) {
        let until = self.now + self.dice.between(1, 25) * SECOND;
        for message in plant::messages(&mut self.sensors, &mut self.gateways, until, &mut self.dice) {
            self.broker.publish(message);
        }
        while let Some(due) = self.fold.state().next_deadline().filter(|due| due.0 <= until) {
            self.now = self.now.max(due.0);
            self.turn(vec![Input::Tick], &[]);
        }
        self.now = self.now.max(until);
        self.weather();
        for _ in 0..self.dice.between(1, 3) {
            let most = usize::try_from(self.dice.between(1, 6)).expect("fits");
            let mix = self.dice.one_in(3);
            let delivered = self.broker.deliver(most, mix);
            if !delivered.is_empty() {
                self.now += self.dice.between(0, 2_000);
                let inputs = delivered.iter().map(|d| Input::Delivery(self.delivery(d))).collect();
                self.turn(inputs, &delivered);
            }
        }
        self.officer();
        self.author();
        self.housekeeping();
        self.lanes.advance(usize::try_from(self.dice.between(0, 3)).expect("fits"));
    }

    /// Ends well: everything connected, everything delivered, everything projected.
    pub fn drain(&mut self) {
        self.database.with(|tables| tables.mood = Mood::Well);
        if self.link_down {
            self.link(Link::Up);
        }
        self.deliver_all();
        assert!(self.broker.is_drained(), "a message that nobody can take");
        self.lanes.advance(10_000);
    }

    pub fn delivery(&self, delivered: &Delivered) -> Delivery {
        Delivery {
            received: Micros(self.now),
            topic: delivered.message.topic.clone(),
            payload: Bytes::from(delivered.message.payload.clone()),
            redelivered: delivered.redelivered,
        }
    }

    /// Broker and database change their moods.
    fn weather(&mut self) {
        if self.dice.one_in(40) {
            self.link(if self.link_down { Link::Up } else { Link::Down });
        }
        if self.dice.one_in(12) {
            let mood = match self.dice.between(0, 5) {
                0 => Mood::Away,
                1 => Mood::FailsBefore,
                2 => Mood::LosesReply,
                _ => Mood::Well,
            };
            self.database.with(|tables| tables.mood = mood);
        }
    }

    pub fn link(&mut self, link: Link) {
        self.link_down = link == Link::Down;
        match link {
            Link::Down => self.broker.disconnect(),
            Link::Up => self.broker.connect(),
        }
        self.now += 1;
        self.turn(vec![Input::Link(link)], &[]);
    }

    /// Now and then somebody acknowledges something.
    fn officer(&mut self) {
        if !self.dice.one_in(10) {
            return;
        }
        let open: Vec<Alarm> = self.fold.state().open_alarms().cloned().collect();
        let chosen = open.get(usize::try_from(self.dice.next() % 7).expect("fits"));
        let Some(alarm) = chosen
            .filter(|alarm| alarm.acked_at.is_none() && !alarm.rule.starts_with("DAVY-") && alarm.rule != "SY-02")
        else {
            return;
        };
        self.commands += 1;
        self.now += 1;
        let command = Command {
            key: format!("key-{}", self.commands),
            received: Micros(self.now),
            by: Actor { name: "officer".into(), authenticated: false },
            order: Order::Acknowledge { alarm: alarm.id, comment: String::new() },
        };
        self.turn(vec![Input::Command(command)], &[]);
    }

    /// Now and then two people put other rules into force, or take them back.
    fn author(&mut self) {
        if !self.dice.one_in(60) {
            return;
        }
        let [first, other] = &self.sets;
        let is_other = self.fold.state().versions().rules.as_ref() == Some(&other.hash);
        let content = if is_other { first.clone() } else { other.clone() };
        let (version, approved_by, reason) = (content.hash.clone(), "approver".to_owned(), "load".to_owned());
        self.commands += 1;
        self.now += 1;
        let command = Command {
            key: format!("key-{}", self.commands),
            received: Micros(self.now),
            by: Actor { name: "author".into(), authenticated: false },
            order: if is_other {
                Order::RollbackRules { version, approved_by, reason }
            } else {
                Order::ActivateRules { version, approved_by, reason }
            },
        };
        self.turn(vec![Input::Command(command), Input::Activate(content)], &[]);
    }

    fn housekeeping(&mut self) {
        if let Some(job) = self.snapshot.take() {
            if self.dice.one_in(2) {
                job.run().expect("a sound disk");
            } else {
                self.snapshot = Some(job);
            }
        } else if self.dice.one_in(15) {
            self.snapshot = Some(self.fold.snapshot().expect("a sound disk"));
        }
    }

    fn turn(&mut self, inputs: Inputs, delivered: &[Delivered]) {
        let death = match self.dice.between(0, 400) {
            0 => Some(Death::Append),
            1 => Some(Death::Kept),
            2 => Some(Death::Answered),
            3 => Some(Death::Thought),
            4 => Some(Death::Projected),
            _ => None,
        };
        self.dying_turn(inputs, delivered, death);
    }

    pub fn calm_turn(&mut self, inputs: Inputs, delivered: &[Delivered]) {
        self.dying_turn(inputs, delivered, None);
    }

    fn dying_turn(&mut self, inputs: Inputs, delivered: &[Delivered], death: Option<Death>) {
        let record: Record = Batch { now: Micros(self.now), inputs };
        if death == Some(Death::Append) {
            let seq = self.fold.journal().head() + 1;
            self.disk.fail_syncs(true);
            assert!(matches!(self.fold.keep(&record), Err(KeepError::Log(_))), "a failed sync is told");
            return self.die_in_append(seq, &record, delivered);
        }
        let kept = self.fold.keep(&record).unwrap_or_else(|e| panic!("keep: {e}"));
        self.audit(&record, delivered);
        if death == Some(Death::Kept) {
            return self.die();
        }
        for message in delivered {
            self.broker.acknowledge(message.id);
        }
        if death == Some(Death::Answered) {
            return self.die();
        }
        let effects = self.fold.think(kept, &record).unwrap_or_else(|e| panic!("think: {e}"));
        self.told.insert(kept.seq, effects.clone());
        if death == Some(Death::Thought) {
            return self.die();
        }
        self.fold.project(kept, &effects).expect("a sound disk");
        if death == Some(Death::Projected) {
            self.die();
        }
    }

    /// The record was written and never synced: whether it survives is up to the disk; nobody was told that it did.
    fn die_in_append(&mut self, seq: u64, record: &Record, delivered: &[Delivered]) {
        self.power_off();
        let survived = {
            let journal = ingest::journal::Reader::new(self.disk.clone(), "/davy/journal".into(), seq);
            journal.take_while(Result::is_ok).flatten().any(|(found, _, _)| found == seq)
        };
        if survived {
            self.audit(record, delivered);
        }
        self.power_on();
    }

    fn die(&mut self) {
        self.power_off();
        self.power_on();
    }

    pub fn power_off(&mut self) {
        self.crashes += 1;
        self.snapshot = None;
        let mut chance = Dice::new(self.dice.next());
        self.disk.crash(&mut || chance.one_in(2));
        self.disk.fail_syncs(false);
        self.broker.disconnect();
    }

    fn power_on(&mut self) {
        self.now += self.dice.between(1, 900) * SECOND;
        self.start();
    }

    pub fn start(&mut self) {
        self.fold = open(&self.disk, self.now);
        // Start-up has put its own record behind the others: it says how long Davy was away.
        self.auditor.take(&Event::Resumed { at: self.now });
        self.lanes = lanes(&self.fold, &self.disk, &self.database);
        if !self.link_down {
            self.broker.connect();
        }
    }

    /// Tells the auditor what became durable, in its order.
    fn audit(&mut self, record: &Record, delivered: &[Delivered]) {
        let at = record.now.0;
        let mut messages = delivered.iter();
        for input in &record.inputs {
            match input {
                Input::Delivery(delivery) => {
                    let message = &messages.next().expect("one message for each delivery").message;
                    self.audit_message(delivery, message);
                }
                Input::Activate(content) => {
                    let is_other = content.hash == self.sets[1].hash;
                    self.auditor.take(&Event::Rules { at, is_other });
                    self.changes += 1;
                }
                Input::Command(command) => {
                    let Order::Acknowledge { alarm, .. } = &command.order else { continue };
                    // As the officer saw it: his screen shows the state before this record.
                    let seen = self.fold.state().alarm(*alarm).expect("he chose an open one").clone();
                    let object = seen.object.point.or(seen.object.equipment).expect("an object");
                    let rule = RULES.into_iter().find(|rule| *rule == seen.rule).expect("a rule of ours");
                    self.auditor.take(&Event::Acknowledged { at, rule, object });
                }
                Input::Link(Link::Down) => self.auditor.take(&Event::LinkDown { at }),
                Input::Link(Link::Up) => self.auditor.take(&Event::LinkUp { at }),
                _ => {}
            }
        }
        self.auditor.take(&Event::Now { at });
    }

    fn audit_message(&mut self, delivery: &Delivery, message: &crate::broker::Message) {
        let Some(said) = &message.said else {
            self.garbage.push(message.payload.clone());
            return;
        };
        let seen = |said: &crate::plant::Said| Seen {
            point: said.point.clone(),
            device: said.device,
            value: said.value,
            bad: said.bad,
        };
        let enterprise = message.topic.split('/').nth(2).expect("a topic of ours").to_owned();
        self.auditor.take(&Event::Message(Message {
            received: delivery.received.0,
            enterprise,
            redelivered: delivery.redelivered,
            readings: said.iter().map(seen).collect(),
        }));
    }
}
