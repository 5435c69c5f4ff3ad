//! Tables taken in: what changes, what is refused and where, and that an export changes nothing. Pure.

use super::{Imported, Kind, enterprises_csv, import, points_csv};
use rules::registry::{Registry, Status};
use serde_json::json;

const CODE: &str = "91500120MA0000001B";

fn registry() -> Registry {
    let text = |text: &str| json!({ "zh": text, "en": text });
    let point = json!({
        "id": "T-101.level", "tag": "tank.level", "range_lo": 0.0, "range_hi": 100.0, "period_s": 1,
        "limits": { "ll": null, "l": null, "h": 80.0, "hh": 0.1 + 0.2 + 90.0 }, "dead_band": 1.0, "required": true,
        "national_code": null });
    let registry = json!({
        "district": { "code": "500120", "name": text("d") },
        "towns": [{ "code": "t1", "name": text("一镇") }, { "code": "t2", "name": text("二镇") }],
        "sectors": [{ "id": "hazchem", "name": text("h") }, { "id": "dust", "name": text("d") }],
        "tag_types": [{ "id": "tank.level", "name": text("液位"), "unit": "%" }],
        "enterprises": [{
            "id": "hc-001", "credit_code": "915001207000000000", "name": text("一厂, \"甲\""), "sectors": ["hazchem"],
            "town": "t1", "industry": "storage", "status": "producing", "people": [], "gateways": [{ "id": "gw-1" }],
            "national_code": null,
            "equipment": [{ "id": "T-101", "name": text("罐"), "kind": "tank-lpg", "hazard_level": 1,
                "circuit_role": null, "national_code": null, "points": [point] }] }],
    });
    serde_json::from_value(registry).unwrap()
}

/// Header, rows, and the mistakes by row and column.
type Case = (&'static str, &'static str, &'static [(u64, &'static str)]);

/// A code whose last character fits.
fn code() -> String {
    let alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let fits = |c: &char| crate::seeds::credit_code::check(&format!("{}{c}", &CODE[..17])).is_ok();
    format!("{}{}", &CODE[..17], alphabet.chars().find(fits).unwrap())
}

fn taken(text: &str) -> Imported {
    import(&registry(), text.as_bytes()).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

#[test]
fn an_export_changes_nothing() {
    let registry = registry();
    for (kind, table) in [(Kind::Enterprises, enterprises_csv(&registry)), (Kind::Points, points_csv(&registry, None))]
    {
        let text = String::from_utf8(table).unwrap();
        // The check of the code is that of people; the one of this district is not a real one.
        let text = text.replace("915001207000000000", "");
        let imported = taken(&text);
        assert_eq!((imported.kind, imported.unchanged, imported.changes.len()), (kind, 1, 0));
        assert_eq!(imported.registry, registry);
    }
    assert_eq!(String::from_utf8(points_csv(&registry, Some("nobody"))).unwrap().lines().count(), 1);
}

#[test]
fn known_rows_change_where_a_cell_says_something() {
    let imported = taken("\u{feff}id,status,town,stock,name_en\nhc-001,stopped,,是,\n");
    let change = &imported.changes[0];
    assert_eq!((change.what.as_str(), change.added, change.line), ("hc-001", false, 2));
    assert_eq!(change.columns, ["status", "stock"]);
    let enterprise = &imported.registry.enterprises[0];
    assert_eq!((enterprise.status, enterprise.stock, enterprise.town.as_str()), (Status::Stopped, true, "t1"));

    let imported = taken("enterprise,equipment,point,h,ll,required,range_hi\nhc-001,T-101,T-101.level,-,5,,100\n");
    assert_eq!(imported.changes[0].columns, ["ll", "h"]);
    let limits = imported.registry.enterprises[0].equipment[0].points[0].limits;
    assert_eq!((limits.h, limits.ll), (None, Some(5.0)));
}

#[test]
fn unknown_rows_are_added() {
    let table = format!(
        "id,name_zh,credit_code,sectors,town,industry,status\nhc-002,二厂,{},hazchem;dust,t2,storage,producing\n",
        code()
    );
    let imported = taken(&table);
    assert!(imported.changes[0].added);
    let new = &imported.registry.enterprises[1];
    assert_eq!((new.gateways[0].id.as_str(), new.equipment.len(), new.name.en.as_str()), ("gw-1", 0, "二厂"));
    assert_eq!(new.sectors, ["hazchem", "dust"]);

    let imported = taken(
        "enterprise,equipment,point,tag,range_lo,range_hi,period_s,required\n\
         hc-001,T-102,T-102.level,tank.level,0,100,5,true\n\
         hc-001,T-102,T-102.second,tank.level,0,100,,\n\
         hc-001,T-101,T-101.second,tank.level,-5,5,,no\n",
    );
    assert_eq!(imported.changes.iter().filter(|change| change.added).count(), 3);
    let equipment = &imported.registry.enterprises[0].equipment;
    assert_eq!((equipment.len(), equipment[1].kind.as_str(), equipment[1].points.len()), (2, "imported", 2));
    assert_eq!(equipment[0].points.len(), 2);
}

#[test]
fn mistakes_are_named_by_row_and_column() {
    let enterprises = "id,status,town,sectors,credit_code,stock\n";
    let points = "enterprise,equipment,point,tag,range_lo,range_hi,h,hh,period_s,required\n";
    let cases: &[Case] = &[
        ("", "id;name\nx\n", &[(1, "")]),
        ("", "id,point,enterprise,equipment\n", &[(1, "")]),
        ("", "id,name\nhc-001,x\n", &[(1, "name")]),
        ("", "id,town,town\nhc-001,,\n", &[(1, "town")]),
        ("", "id,town\n", &[(1, "")]),
        ("", "id,town\nhc-001\nhc-001,t1,x\n", &[(2, ""), (3, "")]),
        (
            enterprises,
            "hc-001,gone,t9,dast,1,maybe\n",
            &[(2, "credit_code"), (2, "sectors"), (2, "town"), (2, "status"), (2, "stock")],
        ),
        (enterprises, "HC-001,,,,,\n,,,,,\n", &[(2, "id"), (3, "id")]),
        (enterprises, "hc-001,,,,,\nhc-001,,,,,\n", &[(3, "id")]),
        (enterprises, "hc-009,producing,t1,hazchem,,\n", &[(2, "name_zh"), (2, "credit_code"), (2, "industry")]),
        (points, "hc-009,T,T.x,tank.level,0,1,,,,\n", &[(2, "enterprise")]),
        (points, "hc-001,T-9,T-101.level,,,,,,,\n", &[(2, "equipment")]),
        (points, "hc-001,T-101,T-101.level,tank.lvl,x,,,,0,\n", &[(2, "tag"), (2, "range_lo"), (2, "period_s")]),
        (points, "hc-001,T-101,T-101.level,,,50,,,,\n", &[(2, "h"), (2, "hh")]),
        (points, "hc-001,T-101,T-101.level,,200,,,,,\n", &[(2, "range_hi")]),
        (points, "hc-001,T-101,T-101.level,,,,95,,,\n", &[(2, "hh")]),
        (points, "hc-001,T-101,T-101.level,,,,,,-,\n", &[(2, "period_s")]),
        (points, "hc-001,T-101,T-101.new,,,,,,,\n", &[(2, "tag"), (2, "range_lo"), (2, "range_hi")]),
        (points, "hc-001,T-101,T-101.level,,,NaN,,,,\n", &[(2, "range_hi")]),
    ];
    for (header, rows, expected) in cases {
        let errors = import(&registry(), format!("{header}{rows}").as_bytes()).unwrap_err();
        let found: Vec<(u64, &str)> = errors.iter().map(|e| (e.row, e.column.as_str())).collect();
        assert_eq!(&found, expected, "{rows}: {errors:?}");
        assert!(errors.iter().all(|e| !e.problem.is_empty() && !e.remedy.is_empty()));
    }
    let latin = import(&registry(), b"id,name_zh\nhc-001,\xff\n").unwrap_err();
    assert_eq!((latin[0].row, latin.len()), (2, 1));
    let taken_code = format!("id,credit_code\nhc-001,{}\n", code());
    let twice = import(
        &taken(&taken_code).registry,
        format!("id,name_zh,credit_code,sectors,town,industry,status\nhc-002,二厂,{},dust,t2,x,producing\n", code())
            .as_bytes(),
    );
    assert_eq!(twice.unwrap_err()[0].column, "credit_code");
}
