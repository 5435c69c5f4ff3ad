//! The session: what is not acknowledged comes again, what is acknowledged does not, on whichever connection. I/O.

use crate::broker;
use crate::desk::{Desk, Message, acknowledge, eventually, message, numbered, numbers, payloads, publish, settings};
use alerting::input::Link;
use davy_tests::mosquitto::Settings;
use davy_tests::proxy::Proxy;
use ingest::mqtt::Standing;
use rumqttc::QoS;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_we_are_silent_beyond_the_keep_alive_is_kept() {
    let Some(broker) = broker(Settings::default()) else { return };
    let proxy = Proxy::start(broker.port()).await;
    let mut desk = Desk::start(&settings(proxy.port()), None);
    desk.until_link(Link::Up);
    proxy.freeze();
    eventually("the broker gives us up", || broker.log().iter().any(|line| line.contains("exceeded timeout"))).await;
    publish(broker.port(), numbered(0..100)).await;
    proxy.thaw();
    let got = desk.until_deliveries(100);
    assert_eq!(payloads(&got), numbers(0..100));
    assert_eq!(desk.links, [Link::Up, Link::Down, Link::Up]);
    acknowledge(got);
    desk.stop().await;
    // A stop keeps the session as well.
    publish(broker.port(), numbered(100..200)).await;
    let mut desk = Desk::start(&settings(proxy.port()), None);
    assert_eq!(payloads(&desk.until_deliveries(100)), numbers(100..200));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_before_the_acknowledgement_brings_everything_again_and_a_late_one_hits_nothing() {
    let Some(broker) = broker(Settings::default()) else { return };
    let proxy = Proxy::start(broker.port()).await;
    let mut desk = Desk::start(&settings(proxy.port()), None);
    desk.until_link(Link::Up);
    publish(broker.port(), numbered(0..500)).await;
    let first = desk.until_deliveries(500);
    proxy.cut();
    desk.until_link(Link::Down);
    let second = desk.until_deliveries(500);
    assert_eq!(payloads(&second), numbers(0..500));
    assert!(second.iter().all(|(delivery, _)| delivery.redelivered));
    // Late, on a connection that is gone: the same packet ids are under way again and must not be touched.
    acknowledge(first);
    assert_eq!(desk.counters.acks_late.get(), 500);
    assert_eq!(desk.counters.acks.get(), 0);
    proxy.cut();
    desk.until_link(Link::Down);
    let third = desk.until_deliveries(500);
    assert_eq!(payloads(&third), numbers(0..500));
    drop(second);
    // In time: this time they are gone for good, also for the next process.
    acknowledge(third);
    desk.stop().await;
    publish(broker.port(), numbered(500..501)).await;
    let mut desk = Desk::start(&settings(proxy.port()), None);
    assert_eq!(payloads(&desk.until_deliveries(1)), numbers(500..501));
    desk.expect_silence();
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_broker_loses_nothing() {
    let Some(mut broker) = broker(Settings::default()) else { return };
    let mut desk = Desk::start(&settings(broker.port()), None);
    desk.until_link(Link::Up);
    publish(broker.port(), numbered(0..100)).await;
    let mut before = desk.until_deliveries(100);
    let unanswered = before.split_off(50);
    acknowledge(before);
    eventually("acknowledgements leave", || desk.counters.acks.get() == 50).await;
    // One more, read after the acknowledgements: when the broker has sent it, it has seen them.
    publish(broker.port(), numbered(100..101)).await;
    drop((unanswered, desk.until_deliveries(1)));
    broker.stop();
    desk.until_link(Link::Down);
    assert!(matches!(*desk.running.as_ref().unwrap().standing().borrow(), Standing::Down(_)));
    broker.up().unwrap();
    publish(broker.port(), numbered(101..150)).await;
    let again = desk.until_deliveries(100);
    assert_eq!(payloads(&again), numbers(50..150));
    assert_eq!(desk.links, [Link::Up, Link::Down, Link::Up]);
    assert_eq!(*desk.running.as_ref().unwrap().standing().borrow(), Standing::Up);
    acknowledge(again);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withheld_acknowledgements_hold_the_broker_back_but_not_the_connection() {
    let Some(broker) = broker(Settings { logs_packets: true, ..Settings::default() }) else { return };
    let mut davy = settings(broker.port());
    davy.receive_maximum = 16;
    let mut desk = Desk::start(&davy, None);
    desk.until_link(Link::Up);
    publish(broker.port(), numbered(0..100)).await;
    let window = desk.until_deliveries(16);
    assert_eq!(payloads(&window), numbers(0..16));
    let pings = || broker.log().iter().filter(|line| line.contains("PINGRESP")).count();
    eventually("the connection is kept alive", || pings() >= 2).await;
    desk.expect_silence();
    let mut seen = payloads(&window);
    acknowledge(window);
    while seen.len() < 100 {
        let more = desk.until_deliveries(1);
        seen.extend(payloads(&more));
        acknowledge(more);
    }
    assert_eq!(seen, numbers(0..100));
    assert_eq!(desk.links, [Link::Up]);
    assert_eq!(desk.counters.acks_late.get(), 0);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_every_size_and_kind_arrive_as_they_are() {
    let Some(broker) = broker(Settings::default()) else { return };
    let mut desk = Desk::start(&settings(broker.port()), None);
    desk.until_link(Link::Up);
    let on = |topic: &str, payload: &[u8]| Message { topic: topic.to_owned(), ..message(payload) };
    let sent = vec![
        message(vec![b'x'; 11 << 10]),
        message(vec![b'y'; 2 << 20]),
        message([0, 255, 254, 10]),
        message([]),
        on("davy/nonsense", b"{}"),
        on("davy", b"{}"),
        Message { qos: QoS::ExactlyOnce, ..message("exactly once") },
        Message { qos: QoS::AtMostOnce, ..message("at most once") },
        Message { retain: true, ..message("retained") },
        // Not for us: our own to gateways, and the clearing of a retained message.
        on("davy/v1/hc-001/gw-1/receipt", b"17"),
        Message { retain: true, ..message([]) },
        on("davie/v1/hc-001/gw-1/json", b"{}"),
        message("last"),
    ];
    publish(broker.port(), sent.clone()).await;
    let got = desk.until_deliveries(10);
    let expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12].map(|n| (sent[n].topic.as_str(), sent[n].payload.as_slice()));
    assert_eq!(got.len(), 10);
    for (topic, payload) in expected {
        let found = got.iter().any(|(d, _)| d.topic == topic && d.payload == payload);
        assert!(found, "{topic} with {} bytes", payload.len());
    }
    acknowledge(got);
    eventually("what is not for us is counted", || desk.counters.ignored.get() == 2).await;
    desk.expect_silence();
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_broker_remembers_from_before_us_is_not_a_report_of_now() {
    let Some(broker) = broker(Settings::default()) else { return };
    publish(broker.port(), vec![Message { retain: true, ..message("an old flame") }]).await;
    let mut desk = Desk::start(&settings(broker.port()), None);
    desk.until_link(Link::Up);
    publish(broker.port(), numbered(0..1)).await;
    assert_eq!(payloads(&desk.until_deliveries(1)), numbers(0..1));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_far_beyond_the_window_and_the_packet_ids_is_worked_off_once() {
    // Mosquitto 2.0 sends beyond our receive maximum when it has a backlog: packet ids name two messages by then.
    const BACKLOG: u32 = 150_000;
    let Some(broker) = broker(Settings::default()) else { return };
    let mut desk = Desk::start(&settings(broker.port()), None);
    desk.until_link(Link::Up);
    desk.stop().await;
    publish(broker.port(), numbered(0..BACKLOG)).await;
    let mut desk = Desk::start(&settings(broker.port()), None);
    let mut seen = 0;
    while seen < BACKLOG {
        let some = desk.until_deliveries(1);
        for payload in payloads(&some) {
            assert_eq!(payload, seen.to_string(), "in order, each once");
            seen += 1;
        }
        acknowledge(some);
    }
    eventually("every acknowledgement leaves", || desk.counters.acks.get() == u64::from(BACKLOG)).await;
    assert_eq!(desk.counters.acks_late.get(), 0);
    desk.stop().await;
    publish(broker.port(), vec![message("last")]).await;
    let mut desk = Desk::start(&settings(broker.port()), None);
    assert_eq!(payloads(&desk.until_deliveries(1)), ["last"]);
    desk.expect_silence();
    desk.stop().await;
}
