//! What no stream of readings may bring about: a point that is mute, a reading that is lost or stored twice. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;
mod story;

use alerting::effect::{Effects, NO_TIME};
use alerting::input::Input;
use district::*;
use proptest::prelude::*;
use rules::reading::Quality;
use story::*;

/// A reading as it is stored: point, device time as sent, value bits with -0 as 0, quality.
type Identity = (u32, i64, u64, u8);

/// What a store has after these rows: fast ones are copied without a look, late ones only if they are not there yet.
fn store_of(effects: &[Effects]) -> Vec<Identity> {
    let mut table: Vec<Identity> = Vec::new();
    for effects in effects {
        for (columns, is_fast) in [(&effects.readings.fast, true), (&effects.readings.late, false)] {
            for n in 0..columns.len() {
                let value = if columns.value[n] == 0.0 { 0.0_f64 } else { columns.value[n] };
                let identity = (columns.point[n], columns.device_us[n], value.to_bits(), columns.quality[n]);
                if is_fast || !table.contains(&identity) {
                    table.push(identity);
                }
            }
        }
    }
    table
}

/// Times at which a point was judged, in milliseconds, and those at which something of it came; ticks in between.
fn judgements(readings: &[(i64, Device)]) -> (Vec<i64>, Vec<i64>) {
    let mut fold = Fold::started();
    let (mut judged, mut came) = (Vec::new(), Vec::new());
    let mut now = 20 * 3_600_000;
    let mut last = fold.state.last(FLAME);
    let mut look = |fold: &Fold, now: i64, judged: &mut Vec<i64>| {
        let said = fold.state.last(FLAME);
        if said != last {
            judged.push(now);
            last = said;
        }
    };
    for (gap_ms, device) in readings {
        let next = now + gap_ms;
        while let Some(due) = fold.state.next_deadline().filter(|due| *due <= at(next)) {
            now = now.max((due.0 - START).div_euclid(1_000) + i64::from((due.0 - START) % 1_000 > 0));
            fold.tick(now);
            look(&fold, now, &mut judged);
        }
        now = next.max(now);
        came.push(now);
        let what = What::Readings {
            list: vec![(FLAME.0, *device, (came.len() % 2) as f64, Quality::Good)],
            redelivered: false,
            seq: None,
            payload: 0,
        };
        fold.step(now, vec![input(now, &what)]);
        look(&fold, now, &mut judged);
    }
    (judged, came)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Clocks may be set back, jump, stand still or run away: of a point that goes on sending something is judged at
    /// least every 120 s.
    #[test]
    fn no_stream_mutes_a_point(
        readings in prop::collection::vec((1_i64..20_000, device()), 40..80),
    ) {
        let (judged, came) = judgements(&readings);
        let bound = 120_000;
        for arrival in &came {
            let is_over = came.last().is_none_or(|last| last - arrival <= bound);
            let answered = judged.iter().any(|at| at >= arrival && at - arrival <= bound);
            prop_assert!(is_over || answered, "what came at {arrival} was followed by {bound} ms of nothing: {judged:?}");
        }
    }

    /// Whatever order readings come in: each that names its time is stored once.
    #[test]
    fn no_reading_is_lost_and_none_is_stored_twice(
        story in story(timed()),
        cuts in prop::collection::vec(any::<bool>(), 40),
    ) {
        let told = inputs(&story);
        let (effects, _) = fold(&records(&told, &cuts), true);
        let table: Vec<Identity> = store_of(&effects).into_iter().filter(|row| row.1 != NO_TIME).collect();
        let mut sent: Vec<Identity> = Vec::new();
        for (_, input) in &told {
            let Input::Delivery(delivery) = input else { continue };
            for reading in &delivery.readings {
                let Some(device) = reading.device_time else { continue };
                let value = if reading.value == 0.0 { 0.0_f64 } else { reading.value };
                sent.push((reading.point.0, device.0, value.to_bits(), reading.quality as u8));
            }
        }
        sent.sort_unstable();
        sent.dedup();
        let mut stored = table.clone();
        stored.sort_unstable();
        prop_assert_eq!(stored, sent);
    }
}
