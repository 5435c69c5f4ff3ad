//! One turn of the loop on its way from the inbox to at most two records: what people, links and time say, and the
//! deliveries. Apart, so that a disk without room for readings still has room for the rest. Pure but for the answers.

use crate::delivery::{ContentRef, Delivery, Record};
use crate::inbox::{AckToken, Again, Import, Imported, Item};
use alerting::alarm::AlarmId;
use alerting::command::{Order, Outcome};
use alerting::effect::{Business, Effects};
use alerting::input::{Batch, Input, Replayed};
use rules::reading::Micros;
use std::collections::BTreeSet;
use tokio::sync::oneshot;

/// An input as it is journalled.
pub(super) type Undecoded = Input<Delivery, ContentRef>;

pub(super) struct Turn {
    pub(super) now: Micros,
    pub(super) stop: bool,
    pub(super) orders: Orders,
    pub(super) deliveries: Vec<(Delivery, AckToken)>,
    pub(super) replays: Vec<Replay>,
    pub(super) imports: Vec<(Box<Import>, oneshot::Sender<Imported>)>,
}

/// Messages out of quarantine, and whom to tell what came of them.
pub(super) struct Replay {
    pub(super) messages: Vec<Replayed<Delivery>>,
    pub(super) answer: oneshot::Sender<Again>,
}

/// Everything but deliveries, and whom to answer when it is durable and judged.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) inputs: Vec<Undecoded>,
    answers: Vec<oneshot::Sender<Outcome>>,
    adopted: Vec<oneshot::Sender<u64>>,
    /// The new name of the journal from this record on.
    pub(super) fork: Option<String>,
    /// Once the record is durable, the clock follows the wall.
    pub(super) accepts_clock: bool,
}

impl Turn {
    /// In the order they came. `waiting` = what found no room before; `jumps_from` = where the clock stands if a
    /// person's word in `items` makes it jump to `now`: the time in between counts for nobody. Said behind everything else, for
    /// what has no time of its own takes that of a command behind it, and those were stamped before the jump.
    pub(super) fn compose(now: Micros, items: Vec<Item>, waiting: Vec<Undecoded>, jumps_from: Option<Micros>) -> Turn {
        let orders = Orders::of(waiting);
        let mut turn =
            Turn { now, stop: false, orders, deliveries: Vec::new(), replays: Vec::new(), imports: Vec::new() };
        for item in items {
            match item {
                Item::Delivery { delivery, ack } => turn.deliveries.push((delivery, ack)),
                Item::Command { command, answer } => {
                    turn.orders.inputs.push(Input::Command(command));
                    turn.orders.answers.push(answer);
                }
                Item::Link(link) => turn.orders.inputs.push(Input::Link(link)),
                Item::Fault(fault) => turn.orders.inputs.push(Input::SystemFault(fault)),
                Item::Adopt { adopted, ledger, fork, answer } => {
                    if let Some(journal_id) = &fork {
                        let alarm_id_base = AlarmId::base_at(now);
                        turn.orders.inputs.push(Input::Genesis { journal_id: journal_id.clone(), alarm_id_base });
                    }
                    turn.orders.fork = fork;
                    turn.orders.inputs.push(Input::Adopted(*adopted));
                    turn.orders.inputs.push(Input::AdoptedLedger(ledger));
                    turn.orders.adopted.push(answer);
                }
                Item::Replay { messages, answer } => turn.replays.push(Replay { messages, answer }),
                Item::Import { import, answer } => turn.imports.push((import, answer)),
                Item::Stop => turn.stop = true,
            }
        }
        turn.orders.inputs.extend(jumps_from.map(|down_since| Input::Resumed { down_since }));
        turn
    }
}

/// Whether a person's word that the wall is right is among them and counts: one under a key that was answered, or that
/// another command before it used, is answered and changes nothing.
pub(super) fn accept_clock(items: &[Item], answered: &dyn Fn(&str) -> bool) -> bool {
    let mut used = BTreeSet::new();
    items.iter().any(|item| {
        let Item::Command { command, .. } = item else { return false };
        let counts = used.insert(command.key.as_str()) && !answered(&command.key);
        counts && matches!(command.order, Order::AcceptClock { .. })
    })
}

impl Again {
    pub(super) fn of(seq: u64, effects: &Effects) -> Again {
        let replayed = effects.business.iter().filter_map(|business| match business {
            Business::Replayed { readings, .. } => Some(u64::from(*readings)),
            _ => None,
        });
        let (rows, readings) = replayed.fold((0_u64, 0_u64), |(rows, sum), n| (rows + 1, sum.saturating_add(n)));
        Again { seq, rows, readings }
    }
}

impl Orders {
    /// What nobody waits to be answered for.
    pub(super) fn of(inputs: Vec<Undecoded>) -> Orders {
        Orders { inputs, ..Orders::default() }
    }

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
    /// answer is dropped), a recovery is tried again by who asked for it, a clock stays where it was, and time passes
    /// anyway.
    pub(super) fn to_say_again(record: Record) -> Vec<Undecoded> {
        let stays = |input: &Undecoded| matches!(input, Input::Link(_) | Input::SystemFault(_));
        record.inputs.into_iter().filter(stays).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::alarm::AlarmId;
    use alerting::command::{Actor, Command};
    use alerting::input::Link;

    fn command(key: &str, order: Order) -> Item {
        let by = Actor { name: "a".into(), authenticated: false };
        let command = Command { key: key.into(), received: Micros(5), by, order };
        Item::Command { command, answer: oneshot::channel().0 }
    }

    fn acknowledge(key: &str) -> Item {
        command(key, Order::Acknowledge { alarm: AlarmId(1), comment: String::new() })
    }

    fn accept(key: &str) -> Item {
        command(key, Order::AcceptClock { comment: String::new() })
    }

    #[test]
    fn a_jump_of_the_clock_stands_behind_every_command_of_its_turn() {
        let items = vec![acknowledge("a"), accept("b"), accept("c"), acknowledge("d")];
        let waiting = vec![Input::Link(Link::Up)];
        let turn = Turn::compose(Micros(900), items, waiting, Some(Micros(6)));
        let words: Vec<&str> = turn
            .orders
            .inputs
            .iter()
            .map(|input| match input {
                Input::Link(_) => "waiting",
                Input::Command(Command { order: Order::AcceptClock { .. }, .. }) => "accept",
                Input::Command(_) => "acknowledge",
                Input::Resumed { down_since: Micros(6) } => "resumed",
                _ => "else",
            })
            .collect();
        assert_eq!(words, ["waiting", "acknowledge", "accept", "accept", "acknowledge", "resumed"]);
        let mut orders = turn.orders;
        let later = Orders::to_say_again(orders.record(Micros(900)));
        assert!(matches!(later[..], [Input::Link(Link::Up)]), "without room the clock does not jump: {later:?}");
    }

    #[test]
    fn a_word_under_a_used_key_moves_no_clock() {
        let nobody = |_: &str| false;
        assert!(accept_clock(&[acknowledge("a"), accept("b")], &nobody));
        assert!(!accept_clock(&[acknowledge("a")], &nobody));
        assert!(!accept_clock(&[accept("b")], &|key| key == "b"), "answered before");
        assert!(!accept_clock(&[acknowledge("b"), accept("b")], &nobody), "refused: the key is another order's");
        assert!(accept_clock(&[accept("b"), accept("c")], &|key| key == "b"), "the second one counts");
    }
}
