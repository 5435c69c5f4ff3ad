//! What people order. An order is answered once for each key, whatever becomes of it. Must not know how an alarm
//! changes its state. Pure.

use crate::alarm::{Alarm, AlarmId, Signature};
use crate::book::Seat;
use crate::command::{Command, Order, Outcome, Refusal};
use crate::coverage::Unit;
use crate::figures::FigureFiled;
use crate::rulebook::{How, Signed, two_people};
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
            Order::ResetAlarm { alarm, comment } => self.reset(*alarm, Signature { by: &command.by.name, comment }),
            Order::OverrideLimit { point, limit, value, approved_by, reason } => {
                self.decide(command, (approved_by, reason), |state, signed| {
                    state.override_limit((point, *limit), *value, signed)
                })
            }
            Order::ActivateRules { version, approved_by, reason } => {
                self.decide(command, (approved_by, reason), |state, signed| {
                    state.order_rules(How::Activated, version, signed)
                })
            }
            Order::RollbackRules { version, approved_by, reason } => {
                self.decide(command, (approved_by, reason), |state, signed| {
                    state.order_rules(How::RolledBack, version, signed)
                })
            }
            Order::File(planned) => self.file(planned, &command.by.name),
            Order::Withdraw { filing, comment } => self.withdraw(*filing, (&command.by.name, comment)),
            Order::Accept { enterprise, sector, comment } => {
                let unit = Unit { enterprise: enterprise.clone(), sector: sector.clone() };
                self.accept(unit, (&command.by.name, comment))
            }
            Order::Revoke { enterprise, sector, comment } => {
                let unit = Unit { enterprise: enterprise.clone(), sector: sector.clone() };
                self.revoke(unit, (&command.by.name, comment))
            }
            Order::Judge { hazard, verdict, comment } => {
                self.judge_lead(*hazard, *verdict, (&command.by.name, comment))
            }
            Order::FileFigure { row, figure, as_of, comment } => self.file_figure(FigureFiled {
                row: *row,
                figure: figure.clone(),
                as_of: *as_of,
                comment: comment.clone(),
                by: command.by.name.clone(),
                at: self.now,
            }),
            Order::ReplayQuarantine(_) | Order::AcceptClock { .. } | Order::ImportRegistry { .. } => Outcome::Noted,
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

    /// What two people must stand under.
    fn decide(
        &mut self,
        command: &Command,
        (approved_by, reason): (&str, &str),
        act: impl FnOnce(&mut State, Signed) -> Result<(), Refusal>,
    ) -> Outcome {
        let signed =
            || Signed { by: command.by.name.clone(), approved_by: approved_by.to_owned(), reason: reason.to_owned() };
        match two_people(&command.by, approved_by).and_then(|()| act(self, signed())) {
            Ok(()) => Outcome::Noted,
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    fn reset(&mut self, id: AlarmId, signature: Signature<'_>) -> Outcome {
        let Some(seat) = self.book.find(id).cloned() else {
            return Outcome::Refused(Refusal::NoSuchAlarm);
        };
        let latches = |number| self.in_force.instance(number).is_some_and(|(_, rule)| rule.latch);
        let Some(number) = seat.slot().filter(|number| latches(*number)) else {
            return Outcome::Refused(Refusal::NotLatched);
        };
        match self.slots.reset(number, &mut self.book, (signature, self.now)) {
            Some(()) => Outcome::Done { alarm: id },
            None => Outcome::Refused(Refusal::StillInBreach),
        }
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
