//! Rows of quarantine on their way to a second chance, and findings: written by the business lane, asked for by the
//! read-only role. I/O.

use crate::place::{JOURNAL, Place, SECOND, T0, business};
use alerting::alarm::Object;
use alerting::effect::{Business, Finding, Quarantined};
use alerting::input::{Reason, Reject};
use bytes::Bytes;
use ingest::store::findings::{FindingFilter, FindingMark};
use ingest::store::lane::{Archive, Lane};
use ingest::store::quarantine::QuarantineFilter;
use ingest::store::query::Reader;
use rules::reading::{Micros, Severity};

fn refused(topic: &str, s: i64, (index, reason): (Option<u32>, Reason), payload: &'static [u8]) -> Business {
    let reject = Reject { index, reason, detail: format!("Point 50%_{s} is not registered") };
    let received = Micros(T0 + s * SECOND);
    Business::Quarantined(Quarantined {
        received,
        topic: topic.to_owned(),
        payload: Bytes::from_static(payload),
        reject,
    })
}

fn replayed(seq: u64, index: u32) -> Business {
    Business::Replayed { journal_id: JOURNAL.to_owned(), seq, index, readings: 1 }
}

/// Three messages: two readings of one, one whole, one of another gateway.
fn messages() -> Vec<Business> {
    vec![
        refused("davy/v1/e1/g1/json", 1, (Some(0), Reason::UnknownPoint), b"{1}"),
        refused("davy/v1/e1/g1/json", 1, (Some(4), Reason::WrongType), b""),
        refused("davy/v1/e1/g1/json", 2, (None, Reason::Malformed), b"{"),
        refused("davy/v1/e2/g1/json", 3, (Some(1), Reason::UnknownPoint), b"{3}"),
    ]
}

#[tokio::test]
async fn what_was_refused_is_found_by_every_word() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    archive.apply(&position, &[business(1, messages())]).await.unwrap();
    let reader = Reader::new(place.connection("davy_read"));
    let text = |text: &str| Some(text.to_owned());
    let all = QuarantineFilter::default;
    let cases: [(QuarantineFilter, &[u64]); 8] = [
        (all(), &[3, 2, 1, 0]),
        (QuarantineFilter { reason: text("unknown_point"), ..all() }, &[3, 0]),
        (QuarantineFilter { topic: text("davy/v1/e1/"), ..all() }, &[2, 1, 0]),
        (QuarantineFilter { enterprise: text("e2"), gateway: text("g1"), ..all() }, &[3]),
        (QuarantineFilter { gateway: text("g"), ..all() }, &[]),
        (QuarantineFilter { from: Some(Micros(T0 + 2 * SECOND)), to: Some(Micros(T0 + 3 * SECOND)), ..all() }, &[2]),
        (QuarantineFilter { text: text("POINT 50%_3"), ..all() }, &[3]),
        (QuarantineFilter { text: text("%"), reason: text("malformed"), ..all() }, &[2]),
    ];
    for (filter, expected) in cases {
        let found = reader.quarantine(&filter, None, (10, 2)).await.unwrap();
        assert_eq!(found.iter().map(|row| row.index).collect::<Vec<_>>(), expected, "{filter:?}");
        assert!(found.iter().all(|row| row.payload.len() <= 2 && row.payload_len <= 3), "only the beginning");
    }
    let page = reader.quarantine(&all(), None, (2, 100)).await.unwrap();
    let next = reader.quarantine(&all(), page.last().map(|row| row.mark()), (2, 100)).await.unwrap();
    assert_eq!(next.iter().map(|row| row.index).collect::<Vec<_>>(), [1, 0]);
    let whole = reader.quarantined(1, 3).await.unwrap().unwrap();
    assert_eq!((whole.payload.as_slice(), whole.reading_index), (b"{3}".as_slice(), Some(1)));
    let part = reader.quarantined(1, 1).await.unwrap().unwrap();
    assert_eq!(part.payload, b"{1}", "the row that carries the bytes of its message is found");
    assert_eq!(reader.quarantined(9, 9).await.unwrap(), None);
}

#[tokio::test]
async fn a_row_that_was_read_after_all_does_not_wait_any_more() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let applied = archive.apply(&position, &[business(1, messages())]).await.unwrap();
    let reader = Reader::new(place.connection("davy_read"));
    let all = QuarantineFilter::default();
    let waiting = async |after, until, limit| {
        let rows = reader.waiting(&all, after, (JOURNAL, until, limit)).await.unwrap();
        (rows.iter().map(|row| row.index).collect::<Vec<_>>(), rows.last().map(|row| row.mark()))
    };
    let (first, mark) = waiting(None, 1, 3).await;
    assert_eq!(first, [0, 1, 2], "oldest first");
    assert_eq!(waiting(mark, 1, 3).await.0, [3]);
    assert_eq!(waiting(None, 0, 3).await.0, [0_u64; 0], "later records are left for the next time");
    let again = [business(2, vec![replayed(1, 0), replayed(1, 3)]), business(3, vec![replayed(1, 0)])];
    archive.apply(&applied.position, &again).await.unwrap();
    assert_eq!(waiting(None, 3, 9).await.0, [1, 2]);
    let rest = reader.waiting(&all, None, (JOURNAL, 3, 1)).await.unwrap();
    assert_eq!(rest[0].payload, b"", "its bytes stand in another row");
    assert_eq!(reader.bytes_of(&rest[0]).await.unwrap(), b"{1}");
    let shown = reader.quarantine(&all, None, (9, 9)).await.unwrap();
    assert_eq!(shown.iter().map(|row| row.replayed).collect::<Vec<_>>(), [Some(1), None, None, Some(1)]);
    let by = place.sql("SELECT by_journal, by_seq, by_idx FROM quarantine_replay ORDER BY idx");
    assert_eq!(by, format!("{JOURNAL}|2|0\n{JOURNAL}|2|1"), "the first word stands");
}

#[tokio::test]
async fn findings_read_back_in_pages() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let finding = |enterprise: &str, s: i64, worst| Finding {
        rule: "HC-11".to_owned(),
        severity: Severity::Orange,
        object: Object { enterprise: Some(enterprise.to_owned()), equipment: None, point: Some("p1".to_owned()) },
        first_event: Micros(T0),
        last_event: Micros(T0 + s * SECOND),
        worst,
        readings: 3,
        rule_set: "v1".to_owned(),
        at: Micros(T0 + s * SECOND),
    };
    let all = [finding("e1", 1, Some(0.1 + 0.2)), finding("e2", 2, None), finding("e1", 3, Some(-1.0))];
    let effects = all.iter().map(|f| Business::Finding(Box::new(f.clone()))).collect();
    archive.apply(&position, &[business(1, effects)]).await.unwrap();
    let reader = Reader::new(place.connection("davy_read"));
    let none = FindingFilter::default();
    let page = reader.findings(&none, None, 2).await.unwrap();
    assert_eq!(page.iter().map(|f| &f.finding).collect::<Vec<_>>(), [&all[2], &all[1]], "every field reads back");
    assert_eq!((page[0].journal_id.as_str(), page[0].seq, page[0].index), (JOURNAL, 1, 2));
    let mark = FindingMark { at: page[1].finding.at, seq: page[1].seq, index: page[1].index };
    let rest = reader.findings(&none, Some(mark), 2).await.unwrap();
    assert_eq!(rest.iter().map(|f| &f.finding).collect::<Vec<_>>(), [&all[0]]);
    let e2 = FindingFilter { enterprise: Some("e2".to_owned()), rule: Some("HC-11".to_owned()) };
    assert_eq!(reader.findings(&e2, None, 9).await.unwrap().len(), 1);
    let other = FindingFilter { rule: Some("HC-29".to_owned()), ..FindingFilter::default() };
    assert_eq!(reader.findings(&other, None, 9).await.unwrap().len(), 0);
}
