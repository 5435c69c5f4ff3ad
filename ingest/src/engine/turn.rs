//! One turn of the loop on its way from the inbox to at most two records: what people, links and time say, and the
//! deliveries. Apart, so that a disk without room for readings still has room for the rest. Pure but for the answers.

use crate::delivery::{ContentRef, Delivery, Record};
use crate::inbox::{AckToken, Item};
use alerting::alarm::AlarmId;
use alerting::command::Outcome;
use alerting::input::{Batch, Input};
use rules::reading::Micros;
use tokio::sync::oneshot;

/// An input as it is journalled.
pub(super) type Undecoded = Input<Delivery, ContentRef>;

pub(super) struct Turn {
    pub(super) now: Micros,
    pub(super) stop: bool,
    pub(super) orders: Orders,
    pub(super) deliveries: Vec<(Delivery, AckToken)>,
}

/// Everything but deliveries, and whom to answer when it is durable and judged.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) inputs: Vec<Undecoded>,
    answers: Vec<oneshot::Sender<Outcome>>,
    adopted: Vec<oneshot::Sender<u64>>,
    /// The new name of the journal from this record on.
    pub(super) fork: Option<String>,
}

impl Turn {
    /// In the order they came. `waiting` = what found no room before.
    pub(super) fn compose(now: Micros, items: Vec<Item>, waiting: Vec<Undecoded>) -> Turn {
        let orders = Orders { inputs: waiting, ..Orders::default() };
        let mut turn = Turn { now, stop: false, orders, deliveries: Vec::new() };
        for item in items {
            match item {
                Item::Delivery { delivery, ack } => turn.deliveries.push((delivery, ack)),
                Item::Command { command, answer } => {
                    turn.orders.inputs.push(Input::Command(command));
                    turn.orders.answers.push(answer);
                }
                Item::Link(link) => turn.orders.inputs.push(Input::Link(link)),
                Item::Fault(fault) => turn.orders.inputs.push(Input::SystemFault(fault)),
                Item::Adopt { adopted, fork, answer } => {
                    if let Some(journal_id) = &fork {
                        let alarm_id_base = AlarmId::base_at(now);
                        turn.orders.inputs.push(Input::Genesis { journal_id: journal_id.clone(), alarm_id_base });
                    }
                    turn.orders.fork = fork;
                    turn.orders.inputs.push(Input::Adopted(*adopted));
                    turn.orders.adopted.push(answer);
                }
                Item::Stop => turn.stop = true,
            }
        }
        turn
    }
}

impl Orders {
    pub(super) fn record(&mut self, now: Micros) -> Record {
        Batch { now, inputs: std::mem::take(&mut self.inputs) }
    }

    /// Tells those who ordered something what came of it. Somebody who no longer waits loses nothing but the answer.
    pub(super) fn answer(self, seq: u64, outcomes: &[Outcome]) {
        for (answer, outcome) in self.answers.into_iter().zip(outcomes) {
            answer.send(outcome.clone()).ok();
        }
        for answer in self.adopted {
            answer.send(seq).ok();
        }
    }

    /// What of a record without room must be said later. People hear at once that their order was not taken (their
    /// answer is dropped), a recovery is tried again by who asked for it, and time passes anyway.
    pub(super) fn to_say_again(record: Record) -> Vec<Undecoded> {
        let stays = |input: &Undecoded| matches!(input, Input::Link(_) | Input::SystemFault(_));
        record.inputs.into_iter().filter(stays).collect()
    }
}
