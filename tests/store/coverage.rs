//! Days of units in every version, acceptances, filings and sealed figures: written by the business lane, asked for as
//! they were known. I/O.

use crate::place::{JOURNAL, Place, SECOND, T0, business};
use alerting::alarm::Object;
use alerting::coverage::{
    AcceptanceChange, CoverageDay, DayCause, DayFigure, Minutes, PointDay, Samples, SealedDay, Unit,
};
use alerting::day::Day;
use alerting::effect::Business;
use alerting::filings::{Filing, FilingChange, FilingKind, Planned};
use alerting::input::AdoptedLedger;
use bytes::Bytes;
use ingest::store::coverage_past::{Known, adopt_coverage};
use ingest::store::lane::{Archive, Lane};
use ingest::store::query::Reader;
use rules::reading::Micros;

fn unit(enterprise: &str) -> Unit {
    Unit { enterprise: enterprise.to_owned(), sector: "hazchem".to_owned() }
}

/// A day of which `reported` minutes were reported and the rest lost, known `s` seconds after T0.
fn day(enterprise: &str, day: i32, reported: u16, s: i64) -> CoverageDay {
    let point = PointDay {
        point: "T-101.lel".to_owned(),
        required: 1_440,
        reported,
        lost: 1_440 - reported,
        good: 5,
        received: 6,
        timely: 4,
        expected: 1_440,
    };
    CoverageDay {
        unit: unit(enterprise),
        town: "500120101".to_owned(),
        day: Day(day),
        at: Micros(T0 + s * SECOND),
        cause: if reported < 1_000 { DayCause::Closed } else { DayCause::LateReadings },
        registry: "r1".to_owned(),
        in_scope: true,
        connected: enterprise == "e1",
        simulated: false,
        minutes: Minutes { reported, lost: 1_440 - reported, ..Minutes::default() },
        samples: Samples { good: 5, received: 6, timely: 4, expected: 1_440, counted: 5 },
        reported: Bytes::from(vec![0xff; usize::from(reported / 8)]),
        excused: Bytes::from(vec![0; 180]),
        system: Bytes::new(),
        points: vec![point],
    }
}

fn said(day: CoverageDay) -> Business {
    Business::CoverageDay(Box::new(day))
}

#[tokio::test]
async fn a_past_day_is_told_as_it_was_known() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let records = [
        business(1, vec![said(day("e1", 20_000, 700, 1)), said(day("e2", 20_000, 800, 1))]),
        business(5, vec![said(day("e1", 20_001, 900, 2))]),
        business(9, vec![said(day("e1", 20_000, 1_400, 3))]),
    ];
    let applied = archive.apply(&position, &records).await.unwrap();
    assert_eq!(applied.counts.rejected, 0);
    let reader = Reader::new(place.connection("davy_read"));
    let seq = |seq| Known::Seq { journal_id: JOURNAL.to_owned(), seq };
    let both = (Day(20_000), Day(20_001));
    let all: &[(i32, &str, u16)] = &[(20_000, "e1", 1_400), (20_000, "e2", 800), (20_001, "e1", 900)];
    let first: &[(i32, &str, u16)] = &[(20_000, "e1", 700), (20_000, "e2", 800)];
    let before: &[(i32, &str, u16)] = &[(20_000, "e1", 700), (20_000, "e2", 800), (20_001, "e1", 900)];
    let cases = [
        (Known::Newest, all),
        (seq(9), all),
        (seq(8), before),
        (seq(4), first),
        (seq(0), &[]),
        (Known::At(Micros(T0 + 3 * SECOND)), all),
        (Known::At(Micros(T0 + 3 * SECOND - 1)), before),
        (Known::At(Micros(T0)), &[]),
        (Known::Seq { journal_id: "a later journal".to_owned(), seq: 0 }, all),
    ];
    for (known, expected) in cases {
        let days = reader.days_known(both, None, &known).await.unwrap();
        let found: Vec<(i32, &str, u16)> =
            days.iter().map(|d| (d.day.0, d.unit.enterprise.as_str(), d.minutes.reported)).collect();
        assert_eq!(found, expected, "{known:?}");
    }
    let one = reader.days_known((Day(20_001), Day(20_001)), Some("hazchem"), &Known::Newest).await.unwrap();
    assert_eq!(one, [DayFigure::from((5, &day("e1", 20_001, 900, 2)))], "every field reads back");
    assert_eq!(reader.days_known(both, Some("dust"), &Known::Newest).await.unwrap(), []);
    let whole = reader.day_known(&unit("e1"), Day(20_000), &seq(8)).await.unwrap();
    assert_eq!(whole, Some((1, day("e1", 20_000, 700, 1))), "every field reads back");
    assert_eq!(reader.day_known(&unit("e1"), Day(20_000), &Known::Newest).await.unwrap().unwrap().0, 9);
    assert_eq!(reader.day_known(&unit("e3"), Day(20_000), &Known::Newest).await.unwrap(), None);
}

#[tokio::test]
async fn what_changed_a_day_is_listed() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let versions = [(1, 700), (2, 1_100), (3, 1_400)];
    let mut records: Vec<_> = versions
        .into_iter()
        .map(|(seq, reported)| business(seq, vec![said(day("e1", 20_000, reported, i64::try_from(seq).unwrap()))]))
        .collect();
    records.push(business(4, vec![said(day("e2", 20_000, 900, 4))]));
    archive.apply(&position, &records).await.unwrap();
    let reader = Reader::new(place.connection("davy_read"));
    let days = (Day(19_990), Day(20_000));
    let changes = reader.day_changes(days, &Known::Newest, 10).await.unwrap();
    let found: Vec<_> = changes.iter().map(|c| (c.seq, c.before.reported, c.after.reported, c.cause)).collect();
    assert_eq!(found, [(3, 1_100, 1_400, DayCause::LateReadings), (2, 700, 1_100, DayCause::LateReadings)]);
    let known = Known::Seq { journal_id: JOURNAL.to_owned(), seq: 2 };
    assert_eq!(reader.day_changes(days, &known, 10).await.unwrap().len(), 1);
    assert_eq!(reader.day_changes(days, &Known::Newest, 1).await.unwrap().len(), 1);
    assert_eq!(reader.day_changes((Day(1), Day(2)), &Known::Newest, 9).await.unwrap(), []);
}

fn filing(id: u64, withdrawn_at: Option<Micros>) -> Filing {
    let object = Object { enterprise: Some("e1".to_owned()), equipment: Some("T-101".to_owned()), point: None };
    let planned = Planned {
        kind: FilingKind::Stop,
        object,
        from: Micros(T0),
        to: Micros(T0 + 60 * SECOND),
        reason: "停产\0检修".to_owned(),
        idle_check: Some("王五, 电表为零".to_owned()),
    };
    Filing { id, planned, filed_by: "张三".to_owned(), filed_at: Micros(T0 - SECOND), withdrawn_at }
}

/// An order that limits the load of the whole enterprise.
fn order(id: u64, kw: u32) -> Filing {
    let object = Object { enterprise: Some("e1".to_owned()), ..Object::default() };
    let plain = filing(id, None);
    let planned = Planned { kind: FilingKind::LimitOrder(kw), object, idle_check: None, ..plain.planned };
    Filing { planned, ..plain }
}

fn filed(filing: Filing) -> Business {
    let change = FilingChange { at: filing.filed_at, by: "张三".to_owned(), comment: "c".to_owned(), filing };
    Business::Filing(Box::new(change))
}

fn accepted(enterprise: &str, s: i64, accepted: bool) -> AcceptanceChange {
    let (by, comment) = ("李四".to_owned(), "ok".to_owned());
    AcceptanceChange { unit: unit(enterprise), at: Micros(T0 + s * SECOND), by, comment, accepted, permille: 987 }
}

#[tokio::test]
async fn a_recovery_reads_what_stands() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let signed = |change: &AcceptanceChange| Business::Acceptance(Box::new(change.clone()));
    let standing = [accepted("e1", 5, false), accepted("e2", 3, true)];
    let records = [
        business(
            1,
            vec![
                filed(filing(1, None)),
                filed(filing(2, None)),
                filed(order(3, 300)),
                filed(order(4, 0)),
                signed(&accepted("e1", 1, true)),
            ],
        ),
        business(2, vec![filed(filing(1, Some(Micros(T0 + SECOND)))), signed(&standing[0]), signed(&standing[1])]),
        business(3, vec![said(day("e1", 20_000, 700, 1)), said(day("e1", 19_000, 700, 1))]),
        business(4, vec![said(day("e1", 20_000, 1_400, 2))]),
    ];
    let applied = archive.apply(&position, &records).await.unwrap();
    assert_eq!(applied.counts.rejected, 0);
    let mut ledger = AdoptedLedger::default();
    adopt_coverage(&place.client("davy_writer").await, Day(19_500), &mut ledger).await.unwrap();
    let mut first = filing(1, Some(Micros(T0 + SECOND)));
    first.planned.reason = "停产\u{2400}检修".to_owned();
    assert_eq!(ledger.filings.first(), Some(&first), "as it stands, every field");
    assert_eq!(ledger.filings.len(), 4);
    let orders: Vec<FilingKind> = ledger.filings.iter().skip(2).map(|filing| filing.planned.kind).collect();
    assert_eq!(orders, [FilingKind::LimitOrder(300), FilingKind::LimitOrder(0)], "with the load, none at all included");
    assert_eq!(
        ledger.acceptances,
        [accepted("e1", 1, true), standing[1].clone(), standing[0].clone()],
        "in their order"
    );
    assert_eq!(Reader::new(place.connection("davy_read")).acceptances().await.unwrap(), standing);
    assert_eq!(ledger.days, [day("e1", 20_000, 1_400, 2)]);
    assert_eq!(place.count("filing_event"), 5);
    let writer = place.client("davy_writer").await;
    for forbidden in
        ["UPDATE coverage_day SET lost = 0", "DELETE FROM acceptance", "UPDATE coverage_sealed SET seq = 1"]
    {
        assert!(writer.batch_execute(forbidden).await.is_err(), "the writer could: {forbidden}");
    }
}

#[tokio::test]
async fn a_day_is_sealed_once() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let sealed = |figures: &'static str| SealedDay {
        day: Day(20_453),
        at: Micros(T0),
        figures: Bytes::from_static(figures.as_bytes()),
    };
    let said = |figures| Business::Sealed(Box::new(sealed(figures)));
    archive.apply(&position, &[business(1, vec![said("{\"a\":1}")]), business(2, vec![said("{}")])]).await.unwrap();
    let reader = Reader::new(place.connection("davy_read"));
    assert_eq!(reader.sealed(Day(20_453)).await.unwrap(), Some(sealed("{\"a\":1}")), "the first word stands");
    assert_eq!(reader.sealed(Day(20_452)).await.unwrap(), None);
}
