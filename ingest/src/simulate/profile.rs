//! How a healthy point behaves, by its tag type: where it lies, how it swings over the day, how much it trembles. Stays
//! inside the point's limits. Pure.

use rules::reading::SECOND_US;
use rules::registry::Point;
use std::f64::consts::TAU;

/// The behaviour of one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Profile {
    /// A switch, or a number of people: stands still.
    Still(f64),
    Wave {
        base: f64,
        /// Half the swing over a day.
        swing: f64,
        /// The most it trembles.
        noise: f64,
        lo: f64,
        hi: f64,
        /// Part of a day by which its peak is late, 0 to 1.
        phase: f64,
    },
    /// A switch that goes on every so often for so long.
    Pulse {
        every_us: i64,
        on_us: i64,
        /// How late it is.
        late_us: i64,
    },
    /// A meter that only counts up, in units an hour.
    Counter { start: f64, per_hour: f64 },
}

/// Switches that are on in normal operation; all others are off.
const ON: [&str; 11] = [
    "pump.run",
    "agitator.run",
    "dust.fan_run",
    "dust.airlock_run",
    "prod.run",
    "supply.a",
    "supply.b",
    "valve.in",
    "valve.out",
    "firewater.pump_a",
    "firewater.pump_b",
];

/// Switches that go on now and then: every so many minutes, for so many.
const NOW_AND_THEN: [(&str, i64, i64); 3] =
    [("dust.pulse_event", 5, 2), ("dust.unload_event", 240, 3), ("clean.record", 120, 3)];

/// Tag types whose normal place is not the middle of their limits: base and noise, in parts of the upper limit.
const LOW: [(&str, f64, f64); 9] = [
    ("gas.lel", 0.04, 0.03),
    ("gas.toxic", 0.05, 0.03),
    ("dust.h2_lel", 0.05, 0.03),
    ("dust.conc", 0.1, 0.05),
    ("dust.outlet_conc", 0.3, 0.1),
    ("dust.spark", 0.0, 0.0),
    ("pwr.i_res", 0.1, 0.03),
    ("earth.resistance", 0.4, 0.01),
    // Valves are closed and nothing is received.
    ("flow.in", 0.0, 0.0),
];

/// Tag types with a natural place of their own: base and noise, in their unit.
const NATURAL: [(&str, f64, f64); 7] = [
    ("gas.o2", 20.9, 0.05),
    ("dust.o2", 5.0, 0.3),
    ("wind.speed", 2.0, 0.8),
    ("pwr.pf", 0.95, 0.01),
    ("pwr.u_a", 226.0, 1.5),
    ("pwr.u_b", 226.0, 1.5),
    ("pwr.u_c", 226.0, 1.5),
];

/// Tag types whose rules look at how fast they move: swing and noise, in parts of what lies between their limits. So calm
/// that not even a plant that is begun anew shows a jump, and never quite still. Levels stand: their valves are closed.
const CALM: [(&str, f64, f64); 6] = [
    ("tank.level", 0.0, 0.000_3),
    ("tank.temp", 0.01, 0.001),
    ("tank.pressure", 0.01, 0.002),
    ("tank.pressure_low", 0.01, 0.002),
    ("reactor.temp", 0.006, 0.001),
    ("reactor.pressure", 0.01, 0.002),
];

/// 2025-01-01T00:00:00Z: when the meters began to count.
const METERED_FROM_US: i64 = 1_735_689_600 * SECOND_US;
const MINUTE_US: i64 = 60 * SECOND_US;
const DAY_US: f64 = 86_400.0 * SECOND_US as f64;

impl Profile {
    /// The behaviour of `point`; `unit` of its tag type tells switches, and `load` is what it shows of a declared electric
    /// load. `dice` gives numbers from 0 to 1, always two.
    pub fn of(point: &Point, unit: &str, load: Option<f64>, dice: &mut dyn FnMut() -> f64) -> Profile {
        let (place, phase) = (dice(), dice());
        if let Some((_, every, on)) = NOW_AND_THEN.iter().find(|(tag, ..)| *tag == point.tag) {
            let (every_us, on_us) = (every * MINUTE_US, on * MINUTE_US);
            return Profile::Pulse { every_us, on_us, late_us: (phase * every_us as f64) as i64 };
        }
        if unit == "0/1" {
            return Profile::Still(if ON.contains(&point.tag.as_str()) { 1.0 } else { 0.0 });
        }
        if unit == "persons" {
            return Profile::Still((2.0 + place * 6.0).floor());
        }
        if matches!(point.tag.as_str(), "pwr.e_imp" | "pwr.e_exp") {
            let per_hour = load.unwrap_or(20.0 + phase * 200.0);
            return Profile::Counter { start: (place * 1e5).floor(), per_hour };
        }
        if let Some(load) = load {
            let (lo, hi) = (point.range_lo, point.range_hi);
            // All phases of a circuit swing together.
            return Profile::Wave { base: load, swing: load * 0.08, noise: load * 0.01, lo, hi, phase: 0.0 };
        }
        let limits = &point.limits;
        let lo = limits.l.or(limits.ll).unwrap_or(point.range_lo);
        let hi = limits.h.or(limits.hh).unwrap_or(point.range_hi);
        let span = (hi - lo).max(0.0);
        let margin = (span * 0.05).max(point.dead_band * 1.2).min(span * 0.4);
        let (lo, hi) = (lo + margin, hi - margin);
        let find = |table: &'static [(&str, f64, f64)]| table.iter().find(|(tag, ..)| *tag == point.tag).copied();
        let (base, swing, noise) = if let Some((_, base, noise)) = find(&LOW) {
            let top = limits.h.or(limits.hh).unwrap_or(point.range_hi);
            return Profile::Wave { base: top * base, swing: 0.0, noise: top * noise, lo: point.range_lo, hi, phase };
        } else if let Some((_, base, noise)) = find(&NATURAL) {
            (base, 0.0, noise)
        } else {
            let (swing, noise) = find(&CALM).map_or((0.12, 0.01), |(_, swing, noise)| (swing, noise));
            (lo + (hi - lo) * (0.4 + 0.2 * place), (hi - lo) * swing, (hi - lo) * noise)
        };
        Profile::Wave { base, swing, noise, lo, hi, phase }
    }

    /// The value so long after the beginning, which is at 08:00 in the morning, on a wall clock; `tremble` from -1 to 1. A
    /// counter goes on where it stood when the district was begun the last time.
    pub fn value(&self, elapsed_us: i64, wall_us: i64, tremble: f64) -> f64 {
        let elapsed = elapsed_us as f64;
        let value = match *self {
            Profile::Still(value) => value,
            Profile::Pulse { every_us, on_us, late_us } => {
                f64::from(u8::from((elapsed_us - late_us).rem_euclid(every_us) < on_us))
            }
            Profile::Counter { start, per_hour } => {
                start + (wall_us - METERED_FROM_US) as f64 / (3_600.0 * SECOND_US as f64) * per_hour
            }
            Profile::Wave { base, swing, noise, lo, hi, phase } => {
                let day = elapsed / DAY_US + phase;
                (base + swing * (TAU * day).sin() + noise * tremble).clamp(lo, hi.max(lo))
            }
        };
        // Instruments show three decimals, and short numbers keep payloads readable.
        (value * 1e3).round() / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::registry::Limits;

    fn point(tag: &str, range: (f64, f64), limits: Limits) -> Point {
        Point {
            id: "P".to_owned(),
            tag: tag.to_owned(),
            range_lo: range.0,
            range_hi: range.1,
            period_s: Some(5),
            limits,
            dead_band: 1.0,
            required: true,
            national_code: None,
            substance: None,
        }
    }

    #[test]
    fn a_healthy_point_stays_inside_its_limits_all_day() {
        let h = |h| Limits { h: Some(h), ..Limits::default() };
        for (point, unit) in [
            (point("tank.level", (0.0, 100.0), Limits { l: Some(15.0), h: Some(85.0), ..Limits::default() }), "%"),
            (point("gas.lel", (0.0, 100.0), h(25.0)), "%LEL"),
            (point("gas.toxic", (0.0, 10.0), h(0.5)), "mg/m³"),
            (point("reactor.temp", (-20.0, 60.0), h(5.0)), "°C"),
            (point("pwr.pf", (0.0, 1.0), Limits { l: Some(0.9), ..Limits::default() }), "–"),
            (point("flow", (0.0, 500.0), Limits::default()), "m³/h"),
        ] {
            for place in [0.0, 0.5, 1.0] {
                let profile = Profile::of(&point, unit, None, &mut || place);
                for (minute, tremble) in (0..1_440).zip([-1.0, 0.0, 1.0].into_iter().cycle()) {
                    let value = profile.value(minute * 60 * SECOND_US, 0, tremble);
                    let lo = point.limits.l.unwrap_or(point.range_lo);
                    let hi = point.limits.h.unwrap_or(point.range_hi);
                    assert!((lo..hi).contains(&value), "{}: {value}", point.tag);
                }
            }
        }
        assert_eq!(
            Profile::of(&point("flame", (0.0, 1.0), Limits::default()), "0/1", None, &mut || 0.5),
            Profile::Still(0.0)
        );
        assert_eq!(
            Profile::of(&point("prod.run", (0.0, 1.0), Limits::default()), "0/1", None, &mut || 0.5),
            Profile::Still(1.0)
        );
    }
}
