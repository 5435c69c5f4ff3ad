//! Exactly once: lanes, compare-and-set, lost replies, fencing; and what is read back.
//! Against a real PostgreSQL. I/O.

use crate::place::{Place, R, SECOND, T0, alarm, business, change, crc, ours, r, readings};
use alerting::alarm::{AlarmState, Cause};
use alerting::effect::{Business, Quarantined};
use alerting::input::{Reason, Reject};
use bytes::Bytes;
use ingest::store::connection::Purpose;
use ingest::store::error::StoreError;
use ingest::store::lane::{Archive, Counts, Lane};
use ingest::store::quarantine::QuarantineFilter;
use ingest::store::query::{Reader, Span};
use ingest::store::verify::verify;
use rules::reading::Micros;

#[tokio::test]
async fn readings_wait_for_their_points_and_then_show_in_the_view() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let chunk = [readings(2, &[r(0, T0, 1.5), r(1, T0, 0.0)], &[]), readings(3, &[r(0, T0 + SECOND, 1.5)], &[])];
    let early = archive.apply(&position, &chunk).await;
    assert!(matches!(early, Err(StoreError::NotYet(_))), "{early:?}");
    place.with_points(2).await;
    let applied = archive.apply(&position, &chunk).await.unwrap();
    assert_eq!((applied.position.applied_seq, applied.position.record_crc), (3, Some(crc(3))));
    assert_eq!(applied.counts, Counts { fast: 3, ..Counts::default() });
    let rows = place
        .sql("SELECT enterprise, point, extract(epoch FROM device_time), value, quality FROM readings_v ORDER BY 2, 3");
    assert_eq!(rows, "e1|p0|1763900000.000000|1.5|0\ne1|p0|1763900001.000000|1.5|0\ne1|p1|1763900000.000000|0|0");
    let reader = Reader::new(place.connection("davy_read"));
    let span = Span { from: Micros(T0 + 1), to: Micros(T0 + 9 * SECOND), limit: 10 };
    let found = reader.readings(["e1", "p0"], &span, None).await.unwrap().what;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].device_time, found[0].received), (Some(Micros(T0 + SECOND)), Micros(T0 + 2 * SECOND)));
    assert_eq!(reader.readings(["e1", "nothing"], &span, None).await.unwrap().what, []);
    assert!(verify(&mut place.client("davy_read").await).await.unwrap().is_sound());
}

#[tokio::test]
async fn a_chunk_applied_again_after_a_lost_reply_is_applied_once() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let chunk = [readings(2, &[r(0, T0, 1.0)], &[])];
    let first = archive.apply(&position, &chunk).await.unwrap();
    // As if the reply had been lost and the same session tried again.
    let again = archive.apply(&position, &chunk).await.unwrap();
    assert_eq!(again.position, first.position);
    assert_eq!(again.counts, Counts::default());
    assert_eq!(place.count("reading"), 1);
    // As if the session had died with the reply: the claim finds the chunk applied.
    let (_, position) = place.claimed(Lane::Readings).await;
    assert_eq!(position.applied_seq, 2);
    assert!(verify(&mut place.client("davy_read").await).await.unwrap().is_sound());
}

#[tokio::test]
async fn a_former_owner_is_fenced_off() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let (mut former, old) = place.claimed(Lane::Readings).await;
    let (mut owner, new) = place.claimed(Lane::Readings).await;
    assert_eq!(new.owner_epoch, old.owner_epoch + 1);
    let chunk = [readings(2, &[r(0, T0, 1.0)], &[])];
    let refused = former.apply(&old, &chunk).await;
    assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
    assert_eq!(place.count("reading"), 0);
    owner.apply(&new, &chunk).await.unwrap();
    let (mut late, stale) = (former, old);
    let refused = late.apply(&stale, &chunk).await;
    assert!(matches!(refused, Err(StoreError::Wait(_))), "a fenced session is given up: {refused:?}");
    assert_eq!(place.count("reading"), 1);
}

#[tokio::test]
async fn a_refused_claim_changes_nothing() {
    let Some(place) = Place::new().await else { return };
    let (mut owner, position) = place.claimed(Lane::Business).await;
    let mut other = place.archive(Lane::Business);
    let theirs = ingest::store::refusal::Ours { journal_id: "journal-b", ..ours() };
    let refused = other.claim(&theirs).await;
    assert!(matches!(refused, Err(StoreError::Refuse(ref r)) if r.name() == "other_journal"), "{refused:?}");
    let from = AlarmState::Normal;
    let raised = change(from, alarm(1, AlarmState::Unacknowledged), Cause::Raised);
    owner.apply(&position, &[business(1, vec![raised])]).await.unwrap();
}

#[tokio::test]
async fn alarms_events_and_quarantine_are_kept() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let raised = change(AlarmState::Normal, alarm(7, AlarmState::Unacknowledged), Cause::Raised);
    let again = change(AlarmState::Unacknowledged, alarm(7, AlarmState::Acknowledged), Cause::Acknowledged);
    let other = change(AlarmState::Normal, alarm(8, AlarmState::Unacknowledged), Cause::Raised);
    let reject = Reject { index: Some(3), reason: Reason::UnknownPoint, detail: "no p\0int".to_owned() };
    let payload = Bytes::from_static(b"{\"d\":\0\xff}");
    let message = Quarantined { received: Micros(T0), topic: "davy/v1/e\0".to_owned(), payload, reject };
    let content = Bytes::from_static(b"{}");
    let effects = vec![
        raised,
        Business::Quarantined(message.clone()),
        Business::Registered { version: "r1".to_owned(), at: Micros(T0), content },
        Business::RulesActivated { version: "s1".to_owned(), at: Micros(T0), rules: vec!["HC-11".to_owned()] },
        other,
    ];
    let applied = archive.apply(&position, &[business(1, effects), business(4, vec![again])]).await.unwrap();
    assert_eq!(applied.counts, Counts { effects: 6, ..Counts::default() });
    assert_eq!(
        place.sql("SELECT id, state, seq, idx FROM alarm ORDER BY id"),
        "7|acknowledged|4|0\n8|unacknowledged|1|4"
    );
    assert_eq!(
        place.sql("SELECT seq, idx, cause FROM alarm_event WHERE alarm = 7 ORDER BY seq"),
        "1|0|raised\n4|0|acknowledged"
    );
    let closed = change(AlarmState::Acknowledged, alarm(7, AlarmState::Normal), Cause::Returned);
    archive.apply(&applied.position, &[business(5, vec![closed])]).await.unwrap();
    let reader = Reader::new(place.connection("davy_read"));
    let page = reader.closed_alarms(None, 10).await.unwrap();
    assert_eq!(page, [alarm(7, AlarmState::Normal)], "every field reads back");
    let mark = page.first().and_then(|a| Some((a.closed_at?, a.id)));
    assert_eq!(reader.closed_alarms(mark, 10).await.unwrap(), []);
    let kept = reader.quarantine(&QuarantineFilter::default(), None, (10, 100)).await.unwrap();
    assert_eq!(
        (kept.len(), kept[0].topic.as_str(), kept[0].payload.as_slice()),
        (1, "davy/v1/e\u{2400}", &message.payload[..])
    );
    assert_eq!(reader.quarantine(&QuarantineFilter::default(), Some(kept[0].mark()), (10, 100)).await.unwrap(), []);
    let report = verify(&mut place.client("davy_read").await).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.alarms, report.open_alarms, report.alarm_events, report.quarantined), (2, 1, 4, 1));
    serde_json::to_string(&report).unwrap();
}

#[tokio::test]
async fn verify_finds_what_does_not_add_up() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    archive.apply(&position, &[readings(2, &[r(0, T0, 1.0)], &[])]).await.unwrap();
    place.sql("INSERT INTO reading SELECT * FROM reading");
    place.sql("INSERT INTO alarm_event VALUES ('x', 1, 1, 99, now(), 'normal', 'normal', 'raised', null, null, 'red', 1, 1, 1)");
    let report = verify(&mut place.client("davy_read").await).await.unwrap();
    assert_eq!(report.problems.len(), 3, "{report:?}");
    assert!(report.problems[0].contains("2 readings are stored, but 1 were booked"));
}

#[tokio::test]
async fn a_device_time_before_all_times_is_kept_as_far_as_it_can_be() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let wild = R { device: Some(i64::MIN + 1), event: T0, received: T0, flags: 2, ..r(0, T0, 1.0) };
    let far = R { device: Some(i64::MAX), event: T0 + 1, received: T0 + 1, flags: 2, ..r(0, T0, 1.0) };
    let applied = archive.apply(&position, &[readings(2, &[wild, far], &[])]).await.unwrap();
    assert_eq!(applied.counts.fast, 2);
    assert_eq!(place.sql("SELECT device_time FROM reading ORDER BY event_time LIMIT 1"), "-infinity");
    let reader = Reader::new(place.connection("davy_read"));
    let span = Span { from: Micros::MIN, to: Micros::MAX, limit: 10 };
    assert_eq!(reader.readings(["e1", "p0"], &span, None).await.unwrap().what.len(), 2);
}

#[tokio::test]
async fn a_wrong_password_is_named_without_being_shown() {
    let Some(place) = Place::bare() else { return };
    place.cluster.role_with_password("davy_remote", "richtig").unwrap();
    let mut connection = place.connection("davy_remote");
    for (password, said) in [(Some("geheim"), "password authentication failed"), (None, "password missing")] {
        connection.password = password.map(str::to_owned);
        // The server takes its new rules a moment after it was told to: until then it trusts everybody.
        let mut error = String::new();
        while error.is_empty() {
            error = connection.open(Purpose::Read).await.err().map(|e| e.to_string()).unwrap_or_default();
        }
        assert!(error.contains("user davy_remote at 127.0.0.1:") && error.contains(said), "{error}");
        assert!(!error.contains("geheim") && !format!("{connection:?}").contains("geheim"), "{error}");
    }
    connection.password = Some("richtig".to_owned());
    connection.open(Purpose::Read).await.unwrap();
    connection.host = "127.0.0.1".to_owned();
    connection.port = 1;
    let error = connection.open(Purpose::Read).await.err().unwrap().to_string();
    assert!(error.contains("127.0.0.1:1") && error.contains("refused"), "{error}");
}
