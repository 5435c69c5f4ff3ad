//! The console from outside, without a socket: a small district, a door and a past that the tests control. Pure.

mod api;
mod clock;
mod coverage;
mod gateways;
mod guard;
mod ledger;
mod registry;
mod rulebook;
mod second_chance;
mod socket;
mod stream;

use super::coverage_past::CoveragePast;
use super::door::{
    Closed, CommandDoor, ImportDoor, RecoveryDoor, ReplayAsk, ReplayDoor, ReplayReport, ReplayState, SeedWord, UnderWay,
};
use super::guard::Hosts;
use super::history::{
    FindingPage, History, HistoryError, Past, PastFinding, PastReading, PastRefused, PointSpan, RefusedPage,
};
use super::{Context, Leans, router};
use crate::hub::{Hub, Recovered, Versions};
use crate::inbox::{Import, Imported};
use crate::pace::Pace;
use crate::telemetry::Telemetry;
use alerting::alarm::{Alarm, AlarmState, Object};
use alerting::command::{Command, Outcome, Refusal};
use alerting::effect::Finding;
use alerting::state::LastValue;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use rules::reading::{Micros, PointId, Quality, SECOND_US, Severity};
use rules::registry::Registry;
use rules::view::View;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::sync::{oneshot, watch};
use tower::ServiceExt;

pub use crate::hub::tests::{alarm, change, refused, tell};
pub use coverage::FakeKnown;

/// 2025-01-01T00:10:00Z.
pub const NOW: Micros = Micros(1_735_690_200_000_000);

/// Answers at once with what the test has prepared, and remembers the orders.
pub struct FakeDoor {
    pub answer: Mutex<Result<Option<Outcome>, Closed>>,
    pub orders: Mutex<Vec<Command>>,
    pub imports: Mutex<Vec<Import>>,
}

impl CommandDoor for FakeDoor {
    fn submit(&self, command: Command) -> Result<oneshot::Receiver<Outcome>, Closed> {
        self.orders.lock().unwrap().push(command);
        let (answer, outcome) = oneshot::channel();
        if let Some(prepared) = self.answer.lock().unwrap().clone()? {
            answer.send(prepared).unwrap();
        }
        Ok(outcome)
    }
}

/// One version is stored: 64 times the digit a.
fn stored_packs(hash: &str) -> Option<Vec<u8>> {
    let packs = r#"{"files":[{"file":"x.toml","text":"no rules yet"}],"registry":"r"}"#;
    (hash == "a".repeat(64)).then(|| packs.as_bytes().to_vec())
}

impl ImportDoor for FakeDoor {
    fn import(&self, import: Import) -> Result<oneshot::Receiver<Imported>, Closed> {
        let (answer, outcome) = oneshot::channel();
        if let Some(prepared) = self.answer.lock().unwrap().clone()? {
            answer.send(Imported::Answered(prepared)).unwrap();
        }
        self.imports.lock().unwrap().push(import);
        Ok(outcome)
    }
}

/// A past of one reading a second, or no database at all.
#[derive(Default)]
pub struct FakePast {
    pub down: Mutex<Option<HistoryError>>,
    pub asked: Mutex<Vec<RefusedPage>>,
}

impl FakePast {
    fn or_down<T>(&self, value: T) -> Result<T, HistoryError> {
        self.down.lock().unwrap().clone().map_or(Ok(value), Err)
    }
}

impl History for FakePast {
    fn readings(&self, ask: PointSpan) -> BoxFuture<'_, Result<Past, HistoryError>> {
        let at = |n: i64| ask.from.plus(n * SECOND_US);
        let reading = |n: i64| PastReading {
            device: Some(at(n)),
            event: at(n),
            received: at(n).plus(1000),
            value: n as f64,
            quality: Quality::Good,
        };
        let readings = (0..).take_while(|n| at(*n) < ask.to).take(ask.limit as usize).map(reading).collect();
        Box::pin(ready(self.or_down(Past { readings, ..Past::default() })))
    }

    /// Entries 1 to 10, one a second; the page of the search is the test's own business.
    fn quarantine(&self, ask: RefusedPage) -> BoxFuture<'_, Result<Vec<PastRefused>, HistoryError>> {
        self.asked.lock().unwrap().push(ask.clone());
        let older = |past: &PastRefused| ask.before.is_none_or(|before| past.mark() < before);
        let past = (1..=10).rev().map(past_refused).filter(older).take(ask.limit as usize).collect();
        Box::pin(ready(self.or_down(past)))
    }

    fn refused(&self, seq: u64, index: u32) -> BoxFuture<'_, Result<Option<PastRefused>, HistoryError>> {
        let past = (1..=10).contains(&seq).then(|| past_refused(seq)).filter(|past| past.index == index);
        Box::pin(ready(self.or_down(past)))
    }

    fn findings(&self, ask: FindingPage) -> BoxFuture<'_, Result<Vec<PastFinding>, HistoryError>> {
        let finding = |seq| {
            let at = NOW.plus(i64::try_from(seq).unwrap() * SECOND_US);
            let object = Object { enterprise: ask.enterprise.clone(), equipment: None, point: Some("p".into()) };
            let (rule, rule_set) = ("HC-11".to_owned(), "v1".to_owned());
            let (severity, worst, readings) = (Severity::Orange, Some(61.0), 3);
            let (first_event, last_event) = (NOW, at);
            let finding = Finding { rule, severity, object, first_event, last_event, worst, readings, rule_set, at };
            PastFinding { seq, index: 0, finding }
        };
        let older = |past: &PastFinding| ask.before.is_none_or(|before| past.seq < before.seq);
        let past = (1..=3).rev().map(finding).filter(older).take(ask.limit as usize).collect();
        Box::pin(ready(self.or_down(past)))
    }
}

fn past_refused(seq: u64) -> PastRefused {
    PastRefused {
        seq,
        index: 0,
        // Before what the hub's tests refuse.
        received: NOW.plus((i64::try_from(seq).unwrap() - 620) * SECOND_US),
        topic: "davy/v1/hc-001/gw-1/json".into(),
        payload: Bytes::from_static(b"\x00\x01"),
        payload_len: 2,
        reason: "malformed".into(),
        detail: "no".into(),
        reading: None,
        replayed: None,
    }
}

/// Begins what is asked for and stays at it.
#[derive(Default)]
pub struct FakeReplay {
    pub asks: Mutex<Vec<ReplayAsk>>,
    pub state: Mutex<ReplayState>,
}

impl ReplayDoor for FakeReplay {
    fn begin(&self, ask: ReplayAsk) -> Result<(), UnderWay> {
        self.asks.lock().unwrap().push(ask);
        Ok(())
    }

    fn report(&self) -> Option<ReplayReport> {
        let ReplayAsk { key, is_rehearsal: dry_run, .. } = self.asks.lock().unwrap().last()?.clone();
        Some(ReplayReport { key, state: *self.state.lock().unwrap(), dry_run, rows: 7, ..ReplayReport::default() })
    }
}

/// `Ok` while the projection is refused; why not otherwise.
pub struct FakeRecovery(pub Mutex<Result<Value, String>>);

impl RecoveryDoor for FakeRecovery {
    fn survey(&self) -> BoxFuture<'_, Result<Value, String>> {
        Box::pin(ready(Ok(json!({"refused": self.0.lock().unwrap().is_ok()}))))
    }

    fn adopt(&self) -> BoxFuture<'_, Result<Value, String>> {
        let done = std::mem::replace(&mut *self.0.lock().unwrap(), Err("nothing to adopt".into()));
        Box::pin(ready(done))
    }
}

/// One enterprise with a tank and two points.
pub fn registry() -> Registry {
    let text = |zh: &str, en: &str| json!({"zh": zh, "en": en});
    let point = |id: &str, tag: &str, hh: Value| {
        json!({"id": id, "tag": tag, "range_lo": 0.0, "range_hi": 100.0, "period_s": 1,
            "limits": {"ll": null, "l": null, "h": null, "hh": hh}, "dead_band": 5.0, "required": true, "national_code": null})
    };
    let registry = json!({
        "district": {"code": "500120", "name": text("虚构区", "Fictional District")},
        "towns": [{"code": "500120101", "name": text("青杠街道", "Qinggang")}],
        "sectors": [{"id": "hazchem", "name": text("危险化学品", "hazchem")}],
        "tag_types": [
            {"id": "gas.lel", "name": text("可燃气体", "flammable gas"), "unit": "%LEL"},
            {"id": "tank.level", "name": text("液位", "level"), "unit": "%"},
        ],
        "enterprises": [{
            "id": "hc-001", "credit_code": "915001207000000000", "name": text("虚构化工一厂", "Fictional Chemical No. 1"),
            "sectors": ["hazchem"], "town": "500120101", "industry": "storage", "status": "producing", "people": [],
            "gateways": [{"id": "gw-1"}], "national_code": null,
            "equipment": [{
                "id": "T-101", "name": text("液化气储罐", "LPG tank"), "kind": "tank-lpg", "hazard_level": 1,
                "circuit_role": null, "national_code": null,
                "points": [point("T-101.lel", "gas.lel", json!(50.0)), point("T-101.level", "tank.level", json!(null))],
            }],
        }],
    });
    serde_json::from_value(registry).unwrap()
}

pub fn view() -> Arc<View> {
    let number = |_: &str, point: &str| Some(PointId(if point == "T-101.lel" { 0 } else { 1 }));
    Arc::new(View::new(Arc::new(registry()), "reg-1".into(), &number))
}

/// A console with one open red alarm (7), one closed blue one (3), and a value for one of two points.
pub struct Console {
    pub hub: Arc<Hub>,
    pub door: Arc<FakeDoor>,
    pub past: Arc<FakePast>,
    pub known: Arc<FakeKnown>,
    pub recovery: Arc<FakeRecovery>,
    pub replay: Arc<FakeReplay>,
    /// What the machine's wall clock shows.
    pub wall: Arc<Mutex<Micros>>,
    pub stop: watch::Sender<bool>,
    pub leans: Leans,
    pub app: Router,
}

impl Console {
    pub fn starting() -> Console {
        let hub = Arc::new(Hub::new());
        let done = Outcome::Refused(Refusal::NoSuchAlarm);
        let door = Arc::new(FakeDoor {
            answer: Mutex::new(Ok(Some(done))),
            orders: Mutex::default(),
            imports: Mutex::default(),
        });
        let past = Arc::new(FakePast::default());
        let recovery = Arc::new(FakeRecovery(Mutex::new(Err("nothing to adopt".into()))));
        let replay = Arc::new(FakeReplay::default());
        let known = Arc::new(FakeKnown::default());
        let wall = Arc::new(Mutex::new(NOW));
        let shown = Arc::clone(&wall);
        let leans = Leans {
            hub: Arc::clone(&hub),
            telemetry: Arc::new(Telemetry::new().unwrap()),
            commands: Arc::clone(&door) as Arc<dyn CommandDoor>,
            imports: Arc::clone(&door) as Arc<dyn ImportDoor>,
            seeds: SeedWord { version: "seeds-1".into(), ..SeedWord::default() },
            packs: Arc::new(stored_packs),
            history: Arc::clone(&past) as Arc<dyn History>,
            coverage: Arc::clone(&known) as Arc<dyn CoveragePast>,
            tasks: crate::seeds::tasks(std::path::Path::new("../seeds")).unwrap().into(),
            listed: crate::seeds::catalogue(std::path::Path::new("../seeds")).unwrap().into(),
            recovery: Arc::clone(&recovery) as Arc<dyn RecoveryDoor>,
            replay: Arc::clone(&replay) as Arc<dyn ReplayDoor>,
            archive: Arc::new(|| serde_json::json!({ "database": { "tier": "plain" } })),
            now: Arc::new(|| NOW),
            clock: Arc::new(move || Pace::starting(NOW).standing(*shown.lock().unwrap())),
            hosts: Hosts::new(8420, &[]),
        };
        let (stop, stopping) = watch::channel(false);
        let app = router(Context::new(leans.clone(), stopping));
        Console { hub, door, past, known, recovery, replay, wall, stop, leans, app }
    }

    pub fn running() -> Console {
        let console = Console::starting();
        let value = LastValue {
            event: NOW.plus(-2 * SECOND_US),
            received: NOW.plus(-SECOND_US),
            value: 61.5,
            quality: Quality::Good,
        };
        console.hub.load(Recovered {
            journal_id: "j-1".into(),
            seq: 10,
            now: NOW,
            view: Some(view()),
            versions: Versions { registry: "reg-1".into(), rules: "rules-1".into(), limits: String::new() },
            alarms: alarms(),
            last: vec![(PointId(0), value)],
            gateways: Vec::new(),
        });
        console
    }

    pub async fn ask(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    /// Status and JSON body.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        json_of(self.ask(get(path)).await).await
    }

    pub async fn post(&self, path: &str, body: &str) -> (StatusCode, Value) {
        json_of(self.ask(post(path, body)).await).await
    }

    pub fn prepare(&self, answer: Result<Option<Outcome>, Closed>) {
        *self.door.answer.lock().unwrap() = answer;
    }
}

fn alarms() -> Vec<Alarm> {
    vec![alarm(7, Severity::Red, AlarmState::Unacknowledged), alarm(3, Severity::Blue, AlarmState::Normal)]
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "127.0.0.1:8420").body(Body::empty()).unwrap()
}

pub fn post(path: &str, body: &str) -> Request<Body> {
    let request = Request::post(path).header("host", "127.0.0.1:8420").header("content-type", "application/json");
    request.body(Body::from(body.to_owned())).unwrap()
}

pub async fn text_of(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 64 << 20).await.unwrap().to_vec()).unwrap()
}

/// Checks on the way that every error is a problem of the right shape.
pub async fn json_of(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body: Value = serde_json::from_str(&text_of(response).await).unwrap();
    if content_type == "application/problem+json" {
        assert_eq!(body["status"], status.as_u16());
        assert!(body["type"].as_str().unwrap().starts_with("urn:davy:problem:"), "{body}");
        assert!(!body["detail"].as_str().unwrap().is_empty(), "{body}");
    } else {
        assert!(status.is_success() || body.get("ready").is_some(), "{status} without a problem: {body}");
    }
    (status, body)
}
