//! What a broker loses is said aloud: dropped messages, a forgotten session, a refused subscription. I/O.

use crate::broker;
use crate::desk::{Desk, acknowledge, numbered, payloads, publish, settings};
use alerting::input::Link;
use davy_tests::mosquitto::Settings;
use rules::reading::Severity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn is_open(desk: &Desk, code: &str) -> bool {
    desk.faults.iter().rev().find(|fault| fault.code == code).is_some_and(|fault| fault.active)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_dropped_in_our_absence_raise_a_red_alarm_with_their_span() {
    let Some(broker) = broker(Settings { queued_messages_max: 100, ..Settings::default() }) else { return };
    let memo = std::env::temp_dir().join(format!("davy-broker-memo-{}.json", std::process::id()));
    let mut desk = Desk::start(&settings(broker.port()), Some(memo.clone()));
    desk.until_link(Link::Up);
    publish(broker.port(), numbered(0..1)).await;
    acknowledge(desk.until_deliveries(1));
    desk.until("the broker's count", |desk| desk.faults.iter().all(|fault| !fault.active));
    desk.stop().await;
    publish(broker.port(), numbered(1..301)).await;
    let mut desk = Desk::start(&settings(broker.port()), Some(memo.clone()));
    desk.until("the alarm", |desk| is_open(desk, "DAVY-BROKER-DROPPED"));
    let fault = desk.faults.iter().rev().find(|fault| fault.code == "DAVY-BROKER-DROPPED").unwrap();
    assert_eq!(fault.severity, Severity::Red);
    assert!(fault.detail.starts_with("the broker dropped ") && fault.detail.contains(" between 20"), "{fault:?}");
    assert!(desk.counters.broker_dropped.get() >= 100);
    desk.stop().await;
    std::fs::remove_file(memo).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_forgot_our_session_is_noticed_and_subscribed_again() {
    let Some(mut broker) = broker(Settings::default()) else { return };
    let mut desk = Desk::start(&settings(broker.port()), None);
    desk.until_link(Link::Up);
    broker.stop();
    desk.until_link(Link::Down);
    broker.forget();
    broker.up().unwrap();
    desk.until_link(Link::Up);
    desk.until("the alarm", |desk| is_open(desk, "DAVY-BROKER-SESSION-LOST"));
    publish(broker.port(), numbered(0..3)).await;
    assert_eq!(payloads(&desk.until_deliveries(3)), ["0", "1", "2"]);
    desk.stop().await;
}

/// A broker that lets everybody in, answers the subscription with `codes`, and says nothing more.
async fn curt_broker(codes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0u8; 1024];
                if stream.read(&mut buffer).await.is_err() || stream.write_all(&[0x20, 3, 0, 0, 0]).await.is_err() {
                    return;
                }
                let length = 3 + u8::try_from(codes.len()).unwrap();
                let suback = [&[0x90, length, 0, 1, 0][..], codes].concat();
                if stream.read(&mut buffer).await.is_ok() && stream.write_all(&suback).await.is_ok() {
                    // Reads on, so that nothing breaks but the silence.
                    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_subscription_is_a_red_alarm_and_no_link() {
    let port = curt_broker(&[0x87, 0x00]).await;
    let mut desk = Desk::start(&settings(port), None);
    desk.until("the alarm", |desk| is_open(desk, "DAVY-BROKER-REFUSED"));
    let fault = desk.faults.last().unwrap();
    assert_eq!(fault.detail, "the broker refuses the subscription to davy/#: NotAuthorized");
    desk.until_link(Link::Down);
    assert_eq!(desk.links, [Link::Down]);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_falls_silent_is_left() {
    let port = curt_broker(&[0x01, 0x00]).await;
    let mut desk = Desk::start(&settings(port), None);
    desk.until_link(Link::Up);
    desk.until_link(Link::Down);
    desk.until_link(Link::Up);
    desk.stop().await;
}
