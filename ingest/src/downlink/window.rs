//! What one connection has been given to send and the broker has not confirmed yet. Pure.

use super::queue::Message;
use std::collections::VecDeque;

/// Under way at once. A broker answers within a millisecond or so: tens of thousands a second, far more than gateways
/// get; and no more than this is sent twice after a broken connection.
pub const WINDOW: usize = 64;

#[derive(Debug, Default)]
pub struct Window {
    /// In the order given, with the packet id once it is on the wire.
    under_way: VecDeque<(Option<u16>, Message)>,
}

impl Window {
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.under_way.len() < WINDOW
    }

    pub fn gave(&mut self, message: Message) {
        self.under_way.push_back((None, message));
    }

    /// The next message went out under this id.
    pub fn went_out(&mut self, id: u16) {
        if let Some((next, _)) = self.under_way.iter_mut().find(|(id, _)| id.is_none()) {
            *next = Some(id);
        }
    }

    /// The broker has it.
    pub fn confirmed(&mut self, id: u16) -> Option<Message> {
        let at = self.under_way.iter().position(|(own, _)| *own == Some(id))?;
        self.under_way.remove(at).map(|(_, message)| message)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// All that nobody confirmed.
    pub fn drain(&mut self) -> Vec<Message> {
        self.under_way.drain(..).map(|(_, message)| message).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Payload;
    use super::*;

    #[test]
    fn what_is_not_confirmed_is_given_back_in_order() {
        let message = |n: u64| Message { topic: "t".to_owned(), payload: Payload::Receipt(n) };
        let mut window = Window::default();
        for n in 1..=4 {
            window.gave(message(n));
        }
        for id in [11, 12, 13] {
            window.went_out(id);
        }
        assert_eq!(window.confirmed(12), Some(message(2)));
        assert_eq!(window.confirmed(12), None);
        assert_eq!(window.drain(), [message(1), message(3), message(4)]);
        assert!(window.is_empty() && window.has_room());
        (0..WINDOW as u64).for_each(|n| window.gave(message(n)));
        assert!(!window.has_room());
    }
}
