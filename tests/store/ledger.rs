//! The hazard ledger and filed figures: every event on record, each hazard as its last one left it, and all of it read
//! back for a recovery. I/O.

use crate::place::{JOURNAL, Place, SECOND, T0, business};
use alerting::alarm::{AlarmId, Object};
use alerting::effect::Business;
use alerting::figures::FigureFiled;
use alerting::hazard::{Evidence, Hazard, HazardCause, HazardChange, HazardId, HazardState};
use alerting::rulebook::{Decided, How, RuleDecision, Signed};
use ingest::store::lane::{Archive, Lane};
use ingest::store::ledger;
use rules::reading::{Micros, Severity};
use rules::registry::{LimitName, Limits, Text};
use rules::view::PointKey;

fn at(s: i64) -> Micros {
    Micros(T0 + s * SECOND)
}

fn evidence(value: f64) -> Evidence {
    Evidence {
        alarm: AlarmId(7),
        rule: "HC-11".to_owned(),
        rule_set: "v1".to_owned(),
        registry: "r1".to_owned(),
        severity: Severity::Orange,
        object: Object {
            enterprise: Some("e1".to_owned()),
            equipment: Some("G".to_owned()),
            point: Some("G.1".to_owned()),
        },
        value: Some(value),
        worst: Some(0.1 + 0.2),
        limit: Some(50.0),
        limits: Limits { hh: Some(50.0), ..Limits::default() },
        since: at(1),
        raised_at: at(3),
        at: at(1_800),
        points: vec![PointKey { enterprise: "e1".to_owned(), point: "G.1".to_owned() }],
        from: at(-600),
        to: at(1_800),
    }
}

fn hazard(id: u64) -> Hazard {
    Hazard {
        id: HazardId(id),
        no: format!("500120-2025-{id:04}"),
        enterprise: "e1".to_owned(),
        equipment: Some("G".to_owned()),
        ground: "gas-standing".to_owned(),
        title: Text { zh: "气体\0长时间超限".to_owned(), en: "Gas stands".to_owned() },
        state: HazardState::Lead,
        opened_at: at(1_800),
        last_at: at(1_800),
        repeats: 0,
        evidence: vec![evidence(61.5)],
        judged_at: None,
        judged_by: None,
        comment: None,
    }
}

fn change(hazard: &Hazard, cause: HazardCause) -> Business {
    let from = (cause != HazardCause::Opened).then_some(HazardState::Lead);
    let judged = cause == HazardCause::Judged;
    Business::Hazard(Box::new(HazardChange {
        at: hazard.last_at,
        from,
        cause,
        by: judged.then(|| "wang".to_owned()),
        comment: judged.then(|| "on site".to_owned()),
        hazard: hazard.clone(),
    }))
}

#[tokio::test]
async fn hazards_and_figures_are_on_record_and_read_back() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let first = hazard(1);
    let mut repeated = hazard(1);
    repeated.repeats = 1;
    repeated.last_at = at(9_000);
    repeated.evidence.push(evidence(70.0));
    let mut judged = repeated.clone();
    judged.state = HazardState::Major;
    judged.judged_at = Some(at(9_100));
    judged.judged_by = Some("wang".to_owned());
    let mut unfounded = hazard(2);
    unfounded.state = HazardState::NotFounded;
    let figure = |row: u16, figure: &str, s: i64| {
        let (figure, comment, by) = (figure.to_owned(), "c".to_owned(), "li".to_owned());
        FigureFiled { row, figure, as_of: at(0), comment, by, at: at(s) }
    };
    let filed = |row, text, s| Business::Figure(Box::new(figure(row, text, s)));
    let position = archive
        .apply(
            &position,
            &[
                business(1, vec![change(&first, HazardCause::Opened), filed(46, "15 of 16", 1)]),
                business(2, vec![change(&repeated, HazardCause::Repeated), change(&hazard(2), HazardCause::Opened)]),
                business(3, vec![change(&judged, HazardCause::Judged), change(&unfounded, HazardCause::Judged)]),
                business(4, vec![filed(46, "16 of 16", 2), filed(5, "done", 3)]),
            ],
        )
        .await
        .unwrap();
    drop(position);
    assert_eq!(
        place.sql("SELECT id, state, repeats, judged_by FROM hazard ORDER BY id"),
        "1|major|1|wang\n2|not_founded|0|"
    );
    assert_eq!(
        place
            .sql("SELECT seq, hazard, from_state, to_state, cause, by FROM hazard_event WHERE hazard = 1 ORDER BY seq"),
        "1|1||lead|opened|\n2|1|lead|lead|repeated|\n3|1|lead|major|judged|wang"
    );
    assert_eq!(place.sql("SELECT whole #>> '{evidence,1,value}' FROM hazard WHERE id = 1"), "70.0");
    assert_eq!(place.sql(&format!("SELECT count(*) FROM task_figure WHERE journal_id = '{JOURNAL}'")), "3");

    let client = place.connection("davy_read").open(ingest::store::connection::Purpose::Inspect).await.unwrap();
    let known = ledger::hazards(&client).await.unwrap();
    let mut shown = judged.clone();
    shown.title.zh = "气体\u{2400}长时间超限".to_owned();
    let mut last = unfounded.clone();
    last.title.zh = shown.title.zh.clone();
    assert_eq!(known, [shown, last], "every field reads back, and the last number is known");
    let figures = ledger::figures(&client).await.unwrap();
    assert_eq!(figures, [figure(5, "done", 3), figure(46, "16 of 16", 2)], "the newest of each row");
}

#[tokio::test]
async fn what_two_people_decide_about_rules_is_on_record() {
    let Some(place) = Place::new().await else { return };
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let decided = |s: i64, what: Decided| {
        let (by, approved_by, reason) = ("wang".to_owned(), "li".to_owned(), "a\0b".to_owned());
        Business::RuleDecision(Box::new(RuleDecision { at: at(s), signed: Signed { by, approved_by, reason }, what }))
    };
    let point = PointKey { enterprise: "e1".to_owned(), point: "G.1".to_owned() };
    let limit = |from, to| Decided::Limit { point: point.clone(), limit: LimitName::Hh, from, to };
    let version =
        |how, from: Option<&str>| Decided::Version { how, version: "v2".to_owned(), from: from.map(str::to_owned) };
    let records = [
        business(1, vec![decided(1, limit(None, Some(40.5))), decided(1, limit(Some(40.5), None))]),
        business(2, vec![decided(2, version(How::Activated, Some("v1"))), decided(3, version(How::RolledBack, None))]),
    ];
    archive.apply(&position, &records).await.unwrap();
    let rows = place.sql(
        "SELECT seq, idx, by, approved_by, what, enterprise, point, limit_name, from_value, to_value, version, from_version \
         FROM rule_decision ORDER BY seq, idx",
    );
    let expected = [
        "1|0|wang|li|limit|e1|G.1|hh||40.5||",
        "1|1|wang|li|limit|e1|G.1|hh|40.5|||",
        "2|0|wang|li|activated||||||v2|v1",
        "2|1|wang|li|rolled_back||||||v2|",
    ];
    assert_eq!(rows, expected.join("\n"));
    assert_eq!(place.sql("SELECT count(DISTINCT reason) FROM rule_decision WHERE reason LIKE 'a%b'"), "1");
}
