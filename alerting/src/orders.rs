//! What people order. An order is answered once for each key, whatever becomes of it. Must not know how an alarm
//! changes its state. Pure.

use crate::alarm::{Alarm, AlarmId, Signature};
use crate::book::Seat;
use crate::command::{Command, Order, Outcome, Refusal};
use crate::state::State;

impl State {
    /// Carries out a command, or says why not. A key that was answered before gets the same answer.
    pub(crate) fn obey(&mut self, command: &Command) -> Outcome {
        if let Some(given) = self.answers.find(&command.key, &command.order) {
            return given;
        }
        let outcome = match &command.order {
            Order::Acknowledge { alarm, comment } => {
                self.acknowledge(*alarm, Signature { by: &command.by.name, comment })
            }
            Order::ReplayQuarantine(_) | Order::AcceptClock { .. } => Outcome::Noted,
        };
        self.answers.keep(&command.key, self.now, (&command.order, &outcome));
        outcome
    }

    fn acknowledge(&mut self, id: AlarmId, signature: Signature<'_>) -> Outcome {
        let Some(seat) = self.book.find(id).cloned() else {
            return Outcome::Refused(Refusal::NoSuchAlarm);
        };
        let (now, book) = (self.now, &mut self.book);
        let sign = |alarm: &mut Alarm| alarm.acknowledge(signature, now);
        let is_done = match &seat {
            Seat::Slot(number) => self.slots.touch(*number, book, sign),
            Seat::System(_) | Seat::RuleError(_) => self.systems.touch(&seat, book, sign),
        };
        if is_done { Outcome::Done { alarm: id } } else { Outcome::Refused(Refusal::NothingToAcknowledge) }
    }

    /// Says every open alarm again as it stands, so that what another engine version made of it reaches the database.
    pub(crate) fn restate_open(&mut self) {
        let open: Vec<(AlarmId, Seat)> = self.book.open().map(|(id, seat)| (id, seat.clone())).collect();
        for (_, seat) in open {
            if let Some(change) = self.at_seat(&seat).map(|alarm| alarm.restate(self.now)) {
                self.book.enter(change, seat);
            }
        }
    }
}
