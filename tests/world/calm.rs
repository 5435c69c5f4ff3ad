//! Worlds in which everything goes well until a test says what does not. Pure: everything follows from the seed.

use crate::auditor::SECOND;
use crate::plant::{self, Sensor};
use crate::run::World;
use alerting::input::{Input, Link};

impl World {
    /// A world in which nothing is wrong with plants, gateways, broker and disk, until somebody says so.
    pub fn calm(seed: u64) -> World {
        let mut world = World::new(seed);
        world.sensors.iter_mut().for_each(Sensor::stay_healthy);
        world
    }

    /// A sensor breaks for good.
    pub fn silence(&mut self, point: &str) {
        self.sensors.retain(|sensor| sensor.facts.name != point);
    }

    /// So long everything goes well.
    pub fn go_well(&mut self, seconds: i64) {
        let until = self.now + seconds * SECOND;
        while self.now < until {
            let next = (self.now + 5 * SECOND).min(until);
            self.publish_until(next);
            self.tick_until(next);
            self.deliver_all();
        }
    }

    /// So long gateways send and nobody hears.
    pub fn publish_until(&mut self, until: i64) {
        for message in plant::healthy_messages(&mut self.sensors, until, &mut self.dice) {
            self.broker.publish(message);
        }
    }

    fn tick_until(&mut self, until: i64) {
        while let Some(due) = self.fold.state().next_deadline().filter(|due| due.0 <= until) {
            self.now = self.now.max(due.0);
            self.calm_turn(vec![Input::Tick], &[]);
        }
        self.now = self.now.max(until);
    }

    pub fn deliver_all(&mut self) {
        loop {
            let delivered = self.broker.deliver(30, false);
            if delivered.is_empty() {
                return;
            }
            self.now += 1_000;
            let inputs = delivered.iter().map(|d| Input::Delivery(self.delivery(d))).collect();
            self.calm_turn(inputs, &delivered);
        }
    }

    /// Davy is off for so long; gateways go on.
    pub fn be_off(&mut self, seconds: i64) {
        self.power_off();
        self.publish_until(self.now + seconds * SECOND);
        self.now += seconds * SECOND;
        self.start();
    }

    /// The link to the broker is cut for so long; gateways and Davy go on.
    pub fn be_cut_off(&mut self, seconds: i64) {
        self.link(Link::Down);
        let until = self.now + seconds * SECOND;
        self.publish_until(until);
        self.tick_until(until);
        self.link(Link::Up);
    }
}
