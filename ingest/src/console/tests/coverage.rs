//! Coverage from memory and database, strict questions, the same answer for the same question; filings and acceptances.
//! Pure.

use super::{Console, NOW, get, text_of};
use crate::console::coverage_past::{CoveragePast, DayChange, DaysAsk, Known};
use crate::console::history::HistoryError;
use crate::hub::coverage::{Board, Known as Recovered};
use crate::hub::health::{Component, Report};
use alerting::command::{Order, Outcome, Refusal};
use alerting::coverage::{
    AcceptanceChange, CoverageDay, DayCause, DayFigure, Minutes, PointDay, Samples, SealedDay, Unit,
};
use alerting::day::Day;
use alerting::effect::{Business, Effects};
use alerting::filings::{Filing, FilingChange, FilingKind};
use axum::http::StatusCode;
use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use rules::reading::{Micros, SECOND_US};
use serde_json::json;
use std::sync::Mutex;

/// The database's days: what was known first, and a version that came later.
#[derive(Default)]
pub struct FakeKnown {
    pub days: Mutex<Vec<(u64, CoverageDay)>>,
    pub down: Mutex<bool>,
}

impl FakeKnown {
    fn known(&self, known: &Known) -> Result<Vec<(u64, CoverageDay)>, HistoryError> {
        if *self.down.lock().unwrap() {
            return Err(HistoryError::Unavailable("connection refused".into()));
        }
        let is_known = |(seq, day): &&(u64, CoverageDay)| match known {
            Known::Newest => true,
            Known::At(at) => day.at <= *at,
            Known::Seq { seq: until, .. } => seq <= until,
        };
        Ok(self.days.lock().unwrap().iter().filter(is_known).cloned().collect())
    }
}

impl CoveragePast for FakeKnown {
    fn days(&self, ask: DaysAsk) -> BoxFuture<'_, Result<Vec<DayFigure>, HistoryError>> {
        let days = self.known(&ask.known).map(|days| {
            let asked = days.iter().filter(|(_, day)| (ask.from..=ask.to).contains(&day.day));
            asked.map(|(seq, day)| DayFigure::from((*seq, day))).collect()
        });
        Box::pin(ready(days))
    }

    fn day(
        &self,
        unit: Unit,
        day: Day,
        known: Known,
    ) -> BoxFuture<'_, Result<Option<(u64, CoverageDay)>, HistoryError>> {
        let days = self.known(&known);
        Box::pin(ready(days.map(|days| days.into_iter().rfind(|(_, known)| known.unit == unit && known.day == day))))
    }

    fn changes(&self, ask: DaysAsk, _: u32) -> BoxFuture<'_, Result<Vec<DayChange>, HistoryError>> {
        let changes = self.known(&ask.known).map(|days| {
            let pairs =
                days.iter().zip(days.iter().skip(1)).filter(|((_, a), (_, b))| (&a.unit, a.day) == (&b.unit, b.day));
            let change = |((_, before), (seq, after)): (&(u64, CoverageDay), &(u64, CoverageDay))| DayChange {
                unit: after.unit.clone(),
                day: after.day,
                seq: *seq,
                at: after.at,
                cause: after.cause,
                before: before.minutes,
                after: after.minutes,
            };
            pairs.map(change).collect()
        });
        Box::pin(ready(changes))
    }

    /// Who signed before this Davy began.
    fn acceptances(&self) -> BoxFuture<'_, Result<Vec<AcceptanceChange>, HistoryError>> {
        let (by, comment) = ("王五".to_owned(), "before".to_owned());
        let signed = AcceptanceChange { unit: unit(), at: NOW, by, comment, accepted: true, permille: 960 };
        Box::pin(ready(self.known(&Known::Newest).map(|_| vec![signed])))
    }

    fn sealed(&self, day: Day) -> BoxFuture<'_, Result<Option<SealedDay>, HistoryError>> {
        let sealed =
            (day == past()).then(|| SealedDay { day, at: NOW, figures: Bytes::from_static(b"{\"sectors\":[]}") });
        Box::pin(ready(self.known(&Known::Newest).map(|_| sealed)))
    }
}

fn unit() -> Unit {
    Unit { enterprise: "hc-001".into(), sector: "hazchem".into() }
}

/// Long before what memory holds.
fn past() -> Day {
    Day::of(NOW).plus(-60)
}

fn day(day: Day, reported: u16, at: Micros) -> CoverageDay {
    let mut map = vec![0_u8; 180];
    (0..usize::from(reported)).for_each(|minute| map[minute / 8] |= 1 << (minute % 8));
    let point = PointDay {
        point: "T-101.lel".into(),
        required: 1_440,
        reported,
        lost: 1_440 - reported,
        good: 9,
        received: 9,
        timely: 9,
        expected: 1_440,
    };
    CoverageDay {
        unit: unit(),
        town: "500120101".into(),
        day,
        at,
        cause: DayCause::Closed,
        registry: "reg-1".into(),
        in_scope: true,
        connected: true,
        simulated: true,
        minutes: Minutes { reported, lost: 1_440 - reported, ..Minutes::default() },
        samples: Samples { good: 9, received: 9, timely: 9, expected: 1_440, counted: 9 },
        reported: Bytes::from(map),
        excused: Bytes::new(),
        system: Bytes::new(),
        points: vec![point],
    }
}

/// One that knows 35 days of one unit, and of a day long past two versions in the database.
fn covered() -> Console {
    let console = Console::running();
    let today = Day::of(NOW);
    let days = (-33..=-1).map(|n| day(today.plus(n), 1_440, NOW));
    console.hub.load_coverage(Board::begin(Recovered {
        seq: 10,
        now: NOW,
        figures: days.map(|day| DayFigure::from((9, &day))).collect(),
        ..Recovered::default()
    }));
    console.hub.coverage_stands(10, vec![day(today, 60, NOW)]);
    let versions = [(3, day(past(), 0, NOW.plus(-9 * SECOND_US))), (6, day(past(), 1_440, NOW.plus(-5 * SECOND_US)))];
    *console.known.days.lock().unwrap() = versions.into();
    console.hub.report(Component::DatabaseBusiness, Report { done_seq: Some(10), ..Report::up() }, NOW);
    console
}

#[tokio::test]
async fn today_is_answered_without_the_database() {
    let console = covered();
    *console.known.down.lock().unwrap() = true;
    let (status, body) = console.get("/api/v1/coverage").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(
        (&body["source"], &body["simulated"], &body["as_of"]),
        (&json!("memory"), &json!(true), &json!("2025-01-01"))
    );
    let sector = &body["figures"]["sectors"][0];
    assert_eq!((&sector["C03"], &sector["C01"]), (&json!({"num": 1, "den": 1}), &json!({"num": 1, "den": 1})));
    assert_eq!(sector["towns"][0]["C03"]["num"], 1);
    assert_eq!((&sector["units"], &body["changes"]), (&json!(null), &json!(null)));
    assert!(body["sealed_unknown"].as_str().unwrap().contains("connection refused"));
    let (_, units) = console.get("/api/v1/coverage/units?sector=hazchem&town=500120101").await;
    assert_eq!(
        (&units["units"][0]["effective"], &units["units"][0]["name"]["en"]),
        (&json!(true), &json!("Fictional Chemical No. 1"))
    );
    let (_, unit) = console.get("/api/v1/coverage/units/hc-001/hazchem").await;
    assert_eq!(unit["spans"], json!([[0, 60, "reported"], [60, 1440, "lost"]]));
    assert_eq!((&unit["points"][0]["lost"], &unit["points"][0]["equipment"]), (&json!(1380), &json!("T-101")));
    assert_eq!((unit["days"].as_array().unwrap().len(), &unit["known"]["cause"]), (30, &json!(null)));
    let (_, days) = console.get("/api/v1/coverage/days").await;
    assert!(days["older_missing"].as_str().unwrap().contains("connection refused"));
    assert_eq!(days["days"].as_array().unwrap().last().unwrap()["day"], "2025-01-01");
    let (status, problem) = console.get(&format!("/api/v1/coverage?as_of={}", past())).await;
    assert_eq!((status, &problem["type"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("urn:davy:problem:database-down")));
}

#[tokio::test]
async fn a_past_day_is_the_same_when_asked_again_and_lists_what_changed_it() {
    let console = covered();
    let ask = |known: &str| format!("/api/v1/coverage?as_of={}&known_at={known}", past());
    let first = text_of(console.ask(get(&ask("3"))).await).await;
    assert_eq!(first, text_of(console.ask(get(&ask("3"))).await).await);
    assert!(first.contains("\"C03\":{\"num\":0,\"den\":1}") && first.contains("\"changes\":[]"), "{first}");
    let (_, later) = console.get(&ask("10")).await;
    assert_eq!(later["figures"]["sectors"][0]["C03"], json!({"num": 1, "den": 1}));
    assert_eq!(later["known"]["seq"], 6);
    let change = &later["changes"][0];
    assert_eq!(
        (&change["seq"], &change["before"]["lost"], &change["after"]["online"]),
        (&json!(6), &json!(1440), &json!(1.0))
    );
    let (_, by_time) = console.get(&ask("2025-01-01T00:09:53Z")).await;
    assert_eq!(by_time["figures"]["sectors"][0]["C03"]["num"], 0);
    let (_, now) = console.get(&format!("/api/v1/coverage?as_of={}", past())).await;
    assert_eq!((&now["source"], &now["sealed"]["differs"]), (&json!("database"), &json!(true)));
    let (_, unit) = console.get(&format!("/api/v1/coverage/units/hc-001/hazchem?as_of={}&known_at=4", past())).await;
    assert_eq!((&unit["minutes"]["lost"], &unit["known"]["cause"]), (&json!(1440), &json!("closed")));
}

#[tokio::test]
async fn what_cannot_be_known_yet_is_not_said() {
    let console = covered();
    let late = day(Day::of(NOW).plus(-2), 7, NOW);
    let effects = Effects { business: vec![Business::CoverageDay(Box::new(late))], ..Effects::default() };
    console.hub.publish(12, NOW, &effects, &[]);
    let ask = |query: &str| format!("/api/v1/coverage?{query}");
    let cases = [
        ("as_of=2025-02-30", StatusCode::BAD_REQUEST, "as_of"),
        ("as_of=2025-01-02", StatusCode::BAD_REQUEST, "has not begun"),
        ("as_of=2024-06-01", StatusCode::NOT_FOUND, "nothing was known of 2024-06-01"),
        ("as_of=2024-12-31&known_at=2", StatusCode::NOT_FOUND, "at that time"),
        ("known_at=13", StatusCode::BAD_REQUEST, "not written yet"),
        ("known_at=12", StatusCode::SERVICE_UNAVAILABLE, "record 12"),
        ("known_at=soon", StatusCode::BAD_REQUEST, "known_at"),
        ("known_at=2025-01-01T00:10:01Z", StatusCode::BAD_REQUEST, "leave it out"),
        ("day=2025-01-01", StatusCode::BAD_REQUEST, "day"),
    ];
    for (query, expected, word) in cases {
        let (status, problem) = console.get(&ask(query)).await;
        assert_eq!(status, expected, "{query}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{query}: {problem}");
    }
    let paths = [
        ("units?sector=dast", "no-such-sector"),
        ("units?town=9", "no-such-town"),
        ("units/nobody/hazchem", "no-such-enterprise"),
        ("units/hc-001/dust", "no-such-unit"),
    ];
    for (path, kind) in paths {
        let (status, problem) = console.get(&format!("/api/v1/coverage/{path}")).await;
        assert_eq!(
            (status, &problem["type"]),
            (StatusCode::NOT_FOUND, &json!(format!("urn:davy:problem:{kind}"))),
            "{path}"
        );
    }
    for span in ["from=2024-01-01&to=2024-12-31", "from=2025-01-01&to=2024-12-31", "from=x"] {
        let (status, _) = console.get(&format!("/api/v1/coverage/days?{span}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{span}");
    }
    assert_eq!(Console::starting().get("/api/v1/coverage").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn filings_are_ordered_and_listed() {
    let console = covered();
    console.prepare(Ok(Some(Outcome::Filed { filing: 4 })));
    let ask = json!({"kind": "stop", "enterprise": "hc-001", "equipment": "T-101", "from": "2025-01-02T08:00",
        "to": "2025-01-02T12:00:00+08:00", "reason": "检修", "idle_check": "王五", "by": "张三"});
    let (status, body) = console.post("/api/v1/filings", &ask.to_string()).await;
    assert_eq!((status, &body["filing"]), (StatusCode::OK, &json!(4)));
    let Order::File(planned) = console.door.orders.lock().unwrap().pop().unwrap().order else { panic!() };
    assert_eq!((planned.kind, planned.to.since(planned.from)), (FilingKind::Stop, 4 * 3_600 * SECOND_US));
    for wrong in [json!({"kind": "holiday"}), json!({"by": ""}), json!({"reason": " "}), json!({"from": "soon"})] {
        let mut ask = ask.clone();
        ask.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!(console.post("/api/v1/filings", &ask.to_string()).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let filing = Filing { id: 4, planned, filed_by: "张三".into(), filed_at: NOW, withdrawn_at: None };
    let change = FilingChange { at: NOW, by: "张三".into(), comment: String::new(), filing };
    let effects = Effects { business: vec![Business::Filing(Box::new(change))], ..Effects::default() };
    console.hub.publish(11, NOW, &effects, &[]);
    let (_, list) = console.get("/api/v1/filings?enterprise=hc-001&open=true").await;
    assert_eq!((&list["filings"][0]["id"], &list["filings"][0]["kind"]), (&json!(4), &json!("stop")));
    assert_eq!(console.get("/api/v1/filings?enterprise=hc-002").await.1["filings"], json!([]));
    console.prepare(Ok(Some(Outcome::Refused(Refusal::NoSuchFiling))));
    let (status, problem) = console.post("/api/v1/filings/9/withdraw", "{\"by\":\"a\"}").await;
    assert_eq!((status, &problem["type"]), (StatusCode::NOT_FOUND, &json!("urn:davy:problem:no-such-filing")));
}

#[tokio::test]
async fn acceptances_are_signed_and_listed() {
    let console = covered();
    let loaded = AcceptanceChange {
        unit: unit(),
        at: NOW,
        by: String::new(),
        comment: String::new(),
        accepted: true,
        permille: 0,
    };
    console.hub.load_coverage(Board::begin(Recovered { now: NOW, acceptances: vec![loaded], ..Recovered::default() }));
    let (_, list) = console.get("/api/v1/acceptances").await;
    assert_eq!((&list["acceptances"][0]["by"], &list["acceptances"][0]["permille"]), (&json!("王五"), &json!(960)));
    *console.known.down.lock().unwrap() = true;
    let (_, list) = console.get("/api/v1/acceptances").await;
    assert_eq!((&list["acceptances"][0]["accepted"], &list["acceptances"][0]["by"]), (&json!(true), &json!(null)));
    console.prepare(Ok(Some(Outcome::Noted)));
    let change = |accepted| AcceptanceChange {
        unit: unit(),
        at: NOW,
        by: "李四".into(),
        comment: String::new(),
        accepted,
        permille: 987,
    };
    let effects = Effects { business: vec![Business::Acceptance(Box::new(change(true)))], ..Effects::default() };
    console.hub.publish(11, NOW, &effects, &[]);
    let ask = "{\"enterprise\":\"hc-001\",\"sector\":\"hazchem\",\"by\":\"李四\",\"comment\":\"72 h\"}";
    let (status, body) = console.post("/api/v1/acceptances", ask).await;
    assert_eq!((status, &body["acceptance"]["permille"]), (StatusCode::OK, &json!(987)));
    let order = console.door.orders.lock().unwrap().pop().unwrap().order;
    assert!(matches!(order, Order::Accept { .. }), "{order:?}");
    assert_eq!(console.post("/api/v1/acceptances/revoke", ask).await.0, StatusCode::OK);
    let order = console.door.orders.lock().unwrap().pop().unwrap().order;
    assert!(matches!(order, Order::Revoke { .. }), "{order:?}");
    let (_, list) = console.get("/api/v1/acceptances?sector=hazchem").await;
    assert_eq!(list["acceptances"][0]["accepted"], true);
    console.prepare(Ok(Some(Outcome::Refused(Refusal::NotReporting { permille: 501 }))));
    let (status, problem) = console.post("/api/v1/acceptances", ask).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(problem["detail"].as_str().unwrap().contains("50.1 %"), "{problem}");
}
