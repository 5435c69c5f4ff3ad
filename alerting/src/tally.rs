//! What the readings of one message say of their gateway. Must not know rules or gateways. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::classify::{Class, Classified, Clocked};
use rules::reading::{Micros, Reading};

/// What the readings of a message say of their gateway.
#[derive(Default)]
pub(crate) struct Tally {
    pub newest: Option<Micros>,
    pub newest_live: Option<Micros>,
    pub shifted: bool,
    /// Anything of it was judged.
    pub judged: bool,
}

impl Tally {
    pub fn take(&mut self, reading: &Reading, classified: &Classified) {
        self.newest = self.newest.max(reading.device_time);
        self.judged |= matches!(classified.class, Class::Live(_));
        match classified.class {
            Class::Live(Clocked::Device) => self.newest_live = self.newest_live.max(reading.device_time),
            Class::Live(Clocked::Shifted) => self.shifted = true,
            Class::Live(Clocked::Received) | Class::Historical | Class::Duplicate => {}
        }
    }
}
