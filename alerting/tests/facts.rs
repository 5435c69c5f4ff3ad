//! What the registry says of an object, in limits and in conditions, told as cases. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;
mod trial;

use trial::hold;

#[test]
fn limits_may_be_multiples_of_what_is_known_of_a_point() {
    let lines = "on = [\"gas.lel\"]\nwhen = \"value >= hh\"\nlimit = \"hh\"\nlimits = { hh = 2.0 }\n\
                 ceiling = { hh = 2.0 }\ntimes = \"oel\"\nseverity = \"orange\"";
    let cases = "
case twice the limit of the substance
  point G-1 gas.lel substance=chlorine oel=1.5
  at 1s G-1 2.9
  at 2s G-1 3.0
  expect 2s raise orange limit=3
case an own limit goes first
  point G-1 gas.lel substance=chlorine oel=1.5 hh=2.5
  at 1s G-1 2.5
  expect 1s raise orange limit=2.5
case but not if it is weaker
  point G-1 gas.lel substance=chlorine oel=1.5 hh=4.0
  at 1s G-1 3.0
  expect 1s raise orange limit=3
case without a substance nothing can be said
  point G-1 gas.lel hh=2.5
  expect unbound
";
    hold(lines, cases);
    let lines = lines.replace("ceiling = { hh = 2.0 }\n", "");
    let cases = "
case without a ceiling its own limit will do
  point G-1 gas.lel hh=2.5
  at 1s G-1 2.5
  expect 1s raise orange limit=2.5
case a substance without a limit is no help
  point G-1 gas.lel substance=unknown
  expect unbound
";
    hold(&lines, cases);
    let lines = lines.replace("oel", "rated_kw");
    let cases = "
case twice its rating
  equipment E-1 rated_kw=40
  point G-1 gas.lel
  at 1s G-1 80
  expect 1s raise orange limit=80
";
    hold(&lines, cases);
}

#[test]
fn conditions_read_what_the_registry_says() {
    let lines = "on = [\"gas.lel\"]\nsector = \"electricity\"\n\
                 when = 'status(\"ordered_to_stop\") && value > max(idle_kw * 1.5, 0.1 * production_kw)'\n\
                 severity = \"orange\"";
    let cases = "
case an enterprise that may not produce, and does
  enterprise status=ordered_to_stop sectors=electricity,dust idle_kw=20 production_kw=500
  point P-1 gas.lel range=0..1000
  at 1s P-1 50
  at 2s P-1 51
  expect 2s raise orange
case one that may
  enterprise status=producing sectors=electricity idle_kw=20 production_kw=500
  point P-1 gas.lel range=0..1000
  at 1s P-1 400
  expect none
case nothing declared, nothing to compare with
  enterprise status=ordered_to_stop sectors=electricity
  point P-1 gas.lel range=0..1000
  expect unbound
case another sector
  enterprise status=ordered_to_stop sectors=dust idle_kw=20 production_kw=500
  point P-1 gas.lel range=0..1000
  expect unbound
case equipment that is watched for another sector
  enterprise status=ordered_to_stop sectors=electricity,dust idle_kw=20 production_kw=500
  equipment E-1 sector=dust
  point P-1 gas.lel range=0..1000
  expect unbound
";
    hold(lines, cases);
    let lines = "on = [\"gas.lel\"]\nseverity = \"orange\"\nseverity_max = \"red\"\nwhen = '''\n\
                 if value >= 2.0 * oel { if hazard_level <= 2 || highly_toxic { \"red\" } else { \"orange\" } }\n\
                 else if sector(\"dust\") && role(\"production\") && value >= 0.5 * rated_kw { \"yellow\" } else { \"\" }'''";
    let cases = "
case no source
  equipment E-1 rated_kw=1000
  point G-1 gas.lel substance=chlorine oel=1.0
  at 1s G-1 2
  expect 1s raise orange
case a level 2 source
  equipment E-1 hazard_level=2 rated_kw=1000
  point G-1 gas.lel substance=chlorine oel=1.0
  at 1s G-1 2
  expect 1s raise red
case a level 3 source
  equipment E-1 hazard_level=3 rated_kw=1000
  point G-1 gas.lel substance=chlorine oel=1.0
  at 1s G-1 2
  expect 1s raise orange
case highly toxic
  equipment E-1 rated_kw=1000
  point G-1 gas.lel substance=phosgene oel=1.0 toxic=true
  at 1s G-1 2
  expect 1s raise red
case a circuit
  enterprise sectors=dust
  equipment E-1 role=production rated_kw=2
  point G-1 gas.lel substance=chlorine oel=1.0
  at 1s G-1 1
  expect 1s raise yellow
case another circuit
  enterprise sectors=dust
  equipment E-1 role=general rated_kw=2
  point G-1 gas.lel substance=chlorine oel=1.0
  at 1s G-1 1
  expect none
";
    hold(lines, cases);
}
