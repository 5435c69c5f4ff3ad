//! How a gateway sends what it measures: at once and honestly, or with a wrong clock, several times, late, in another
//! order. Pure.

use super::fleet::Message;
use super::plant::Body;
use super::scenario::Order;
use std::collections::VecDeque;

#[derive(Debug, Default)]
pub enum Habit {
    #[default]
    Honest,
    /// Its clock is wrong by so many milliseconds.
    Shifted(i64),
    /// Its clock is wrong for one message.
    ShiftedOnce(i64),
    /// Everything three times: as it was, and under the next number.
    Repeating,
    /// Nothing is sent; what should have been measured, and when.
    Away(Vec<Moment>),
    /// Back, with a buffer that is not empty yet, in the order of measuring.
    Back { order: Order, buffer: VecDeque<Body> },
}

/// Points that are measured together, so long after the beginning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub at_us: i64,
    pub points: Vec<usize>,
}

impl Habit {
    /// What the clock is wrong by, for the message at hand.
    pub fn shift_ms(&mut self) -> i64 {
        match *self {
            Habit::Shifted(ms) => ms,
            Habit::ShiftedOnce(ms) => {
                *self = Habit::Honest;
                ms
            }
            _ => 0,
        }
    }

    /// What goes out now that `body` was measured; `seal` gives it the next number.
    pub fn send(&mut self, body: Body, seal: &mut dyn FnMut(&Body) -> Message) -> Vec<Message> {
        match self {
            Habit::Repeating => {
                let once = seal(&body);
                vec![once.clone(), once, seal(&body)]
            }
            Habit::Back { order: Order::OldestFirst, buffer } if !buffer.is_empty() => {
                buffer.push_back(body);
                Vec::new()
            }
            _ => vec![seal(&body)],
        }
    }

    /// The next of the buffer; `None` once it is empty.
    pub fn release(&mut self) -> Option<Body> {
        let Habit::Back { order, buffer } = self else { return None };
        match order {
            Order::OldestFirst | Order::Mixed => buffer.pop_front(),
            Order::NewestFirst => buffer.pop_back(),
        }
    }
}
