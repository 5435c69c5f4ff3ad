//! What the inbox promises the engine and the world: order, bounds, pace, and nothing stale. Pure but for one thread.

use super::*;
use alerting::command::{Actor, Order};
use alerting::input::Link;
use rules::reading::Severity;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

struct Line {
    up: AtomicBool,
    acked: Mutex<Vec<u16>>,
}

impl Line {
    fn new() -> Arc<Line> {
        Arc::new(Line { up: AtomicBool::new(true), acked: Mutex::new(Vec::new()) })
    }

    fn token(self: &Arc<Line>, id: u16) -> AckToken {
        AckToken::new(Arc::clone(self) as Arc<dyn Origin>, id)
    }
}

impl Origin for Line {
    fn is_current(&self) -> bool {
        self.up.load(Ordering::SeqCst)
    }

    fn acknowledge(&self, id: u16) {
        self.acked.lock().unwrap().push(id);
    }
}

fn delivery(n: u16, bytes: usize) -> Delivery {
    Delivery {
        received: Micros(i64::from(n)),
        topic: "davy/v1/a/b/json".to_owned(),
        payload: vec![b' '; bytes].into(),
        redelivered: false,
    }
}

fn command(key: &str) -> Command {
    Command {
        key: key.to_owned(),
        received: Micros(1),
        by: Actor { name: "officer".to_owned(), authenticated: false },
        order: Order::Acknowledge { alarm: alerting::alarm::AlarmId(1), comment: String::new() },
    }
}

fn fault(code: &str, active: bool) -> SystemFault {
    SystemFault { code: code.to_owned(), severity: Severity::Red, active, detail: String::new() }
}

fn limits() -> InboxLimits {
    InboxLimits { deliveries_max: 4, batch_items_max: 3, commands_max: 2, ..InboxLimits::default() }
}

fn words(items: &[Item]) -> Vec<String> {
    let word = |item: &Item| match item {
        Item::Link(link) => format!("{link:?}"),
        Item::Fault(fault) => format!("{} {}", fault.code, fault.active),
        Item::Adopt { .. } => "adopt".to_owned(),
        Item::Command { command, .. } => command.key.clone(),
        Item::Delivery { delivery, .. } => delivery.received.0.to_string(),
        Item::Replay { .. } => "replay".to_owned(),
        Item::Import { .. } => "import".to_owned(),
        Item::Stop => "stop".to_owned(),
    };
    items.iter().map(word).collect()
}

#[tokio::test]
async fn a_batch_holds_what_is_urgent_then_deliveries_then_the_stop() {
    let (sender, mut inbox) = inbox(limits());
    let line = Line::new();
    for n in 1..=3 {
        sender.deliver(delivery(n, 10), line.token(n)).await.unwrap();
    }
    let _answer = sender.command(command("k")).unwrap();
    sender.link(Link::Up);
    sender.stop();
    let items = inbox.next(None, &|| Micros(0));
    assert_eq!(words(&items), ["Up", "k", "1", "stop"]);
    assert_eq!(words(&inbox.next(None, &|| Micros(20_000))), ["2", "3"]);
}

#[tokio::test]
async fn commands_find_room_when_deliveries_have_none_and_have_their_own_bound() {
    let (sender, inbox) = inbox(limits());
    let line = Line::new();
    for n in 1..=4 {
        sender.deliver(delivery(n, 10), line.token(n)).await.unwrap();
    }
    assert_eq!(sender.try_deliver(delivery(5, 10)), Err(InboxError::Full));
    assert!(sender.command(command("a")).is_ok());
    assert!(sender.command(command("b")).is_ok());
    assert_eq!(sender.command(command("c")).unwrap_err(), InboxError::Full);
    assert_eq!(inbox.waiting(), 6);
    drop(inbox);
    assert_eq!(sender.try_deliver(delivery(5, 10)), Err(InboxError::Closed));
    assert_eq!(sender.command(command("d")).unwrap_err(), InboxError::Closed);
}

#[tokio::test]
async fn a_delivery_waits_for_room_and_gets_it() {
    let (sender, mut inbox) = inbox(InboxLimits { delivery_bytes_max: 1_000, ..limits() });
    let line = Line::new();
    sender.deliver(delivery(1, 5_000), line.token(1)).await.unwrap();
    let second = tokio::spawn({
        let (sender, token) = (sender.clone(), line.token(2));
        async move { sender.deliver(delivery(2, 5_000), token).await }
    });
    assert_eq!(words(&inbox.next(None, &|| Micros(0))), ["1"]);
    second.await.unwrap().unwrap();
    assert_eq!(words(&inbox.next(None, &|| Micros(20_000))), ["2"]);
}

#[tokio::test]
async fn what_cannot_be_acknowledged_is_let_go() {
    let (sender, mut inbox) = inbox(limits());
    let (old, new) = (Line::new(), Line::new());
    for n in 1..=4 {
        sender.deliver(delivery(n, 10), old.token(n)).await.unwrap();
    }
    old.up.store(false, Ordering::SeqCst);
    assert_eq!(sender.forget_stale(), 4);
    sender.deliver(delivery(7, 10), new.token(7)).await.unwrap();
    let items = inbox.next(None, &|| Micros(0));
    assert_eq!(words(&items), ["7"]);
    for item in items {
        if let Item::Delivery { ack, .. } = item {
            ack.ack();
        }
    }
    assert_eq!(*new.acked.lock().unwrap(), [7]);
    // Gone stale unnoticed: skipped at the door, and an empty batch is no batch.
    new.up.store(false, Ordering::SeqCst);
    sender.deliver(delivery(8, 10), new.token(8)).await.unwrap();
    assert!(inbox.next(Some(Micros(30_000)), &|| Micros(30_000)).is_empty());
}

#[tokio::test]
async fn batches_keep_their_pace_under_load_but_a_lone_delivery_does_not_wait() {
    let (sender, mut inbox) = inbox(InboxLimits { batch_pace_us: 10_000, ..limits() });
    let line = Line::new();
    let clock = AtomicI64::new(1_000_000);
    // Every look at the clock takes a millisecond, so that waiting needs no sleep here.
    let now = || Micros(clock.fetch_add(1_000, Ordering::SeqCst));
    sender.deliver(delivery(1, 10), line.token(1)).await.unwrap();
    let before = clock.load(Ordering::SeqCst);
    assert_eq!(inbox.next(None, &now).len(), 1);
    assert!(clock.load(Ordering::SeqCst) - before <= 2_000);
    sender.deliver(delivery(2, 10), line.token(2)).await.unwrap();
    let before = clock.load(Ordering::SeqCst);
    assert_eq!(inbox.next(None, &now).len(), 1);
    assert!(clock.load(Ordering::SeqCst) - before > 2_000);
    // A full batch closes at once.
    for n in 3..=5 {
        sender.deliver(delivery(n, 10), line.token(n)).await.unwrap();
    }
    let before = clock.load(Ordering::SeqCst);
    assert_eq!(inbox.next(None, &now).len(), 3);
    assert!(clock.load(Ordering::SeqCst) - before <= 2_000);
}

#[test]
fn a_flapping_link_is_one_gap_and_the_newest_fault_stands() {
    let (sender, mut inbox) = inbox(limits());
    for link in [Link::Down, Link::Up, Link::Down, Link::Up, Link::Up] {
        sender.link(link);
    }
    for active in [true, false, true] {
        sender.fault(fault("DAVY-A", active));
    }
    sender.fault(fault("DAVY-B", false));
    assert_eq!(words(&inbox.next(None, &|| Micros(0))), ["Down", "Up", "DAVY-A true", "DAVY-B false"]);
    assert!(inbox.next(Some(Micros(0)), &|| Micros(0)).is_empty());
}

#[test]
fn a_fault_that_is_over_before_anybody_looks_is_seen_and_over() {
    let (sender, mut inbox) = inbox(limits());
    let mut said = |words_of: &[bool]| {
        for &active in words_of {
            sender.fault(fault("DAVY-A", active));
        }
        words(&inbox.next(None, &|| Micros(0)))
    };
    let (began, over) = ("DAVY-A true", "DAVY-A false");
    assert_eq!(said(&[true, false]), [began, over]);
    assert_eq!(said(&[true, true, false, false]), [began, over]);
    assert_eq!(said(&[true, false, true, false]), [began, over]);
    assert_eq!(said(&[false, true, false]), [began, over]);
    assert_eq!(said(&[false, false]), [over]);
    assert_eq!(said(&[true, false, true]), [began]);
}

#[test]
fn an_item_from_another_thread_wakes_the_engine() {
    let (sender, mut inbox) = inbox(limits());
    let engine = std::thread::spawn(move || words(&inbox.next(None, &|| Micros(0))));
    sender.stop();
    assert_eq!(engine.join().unwrap(), ["stop"]);
}
