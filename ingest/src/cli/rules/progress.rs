//! How far a backtest is, on standard error. Must not know what it does. I/O.

use crate::backtest::Course;
use crate::backtest::report::local;
use crate::clock::Stopwatch;
use rules::reading::Micros;
use std::io::{IsTerminal, Write};

/// A bar on a terminal, a line now and then elsewhere.
pub(super) struct Progress {
    course: Course,
    watch: Stopwatch,
    said_s: f64,
    is_terminal: bool,
}

const BAR_EVERY_S: f64 = 0.2;
const LINE_EVERY_S: f64 = 5.0;
const BAR_WIDTH: usize = 30;

impl Progress {
    pub(super) fn new(course: Course) -> Progress {
        let is_terminal = std::io::stderr().is_terminal();
        Progress { course, watch: Stopwatch::start(), said_s: 0.0, is_terminal }
    }

    pub(super) fn say(&mut self, until: Micros, readings: u64) {
        let seconds = self.watch.seconds();
        let every = if self.is_terminal { BAR_EVERY_S } else { LINE_EVERY_S };
        if seconds - self.said_s < every {
            return;
        }
        self.said_s = seconds;
        let text = line(&self.course, until, readings, seconds);
        if self.is_terminal {
            eprint!("\r{text}\x1b[K");
            // A bar that is not seen is no loss.
            drop(std::io::stderr().flush());
        } else {
            eprintln!("backtest: {text}");
        }
    }

    pub(super) fn end(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }
}

fn line(course: &Course, until: Micros, readings: u64, seconds: f64) -> String {
    let part = until.since(course.begin) as f64 / course.to.since(course.begin).max(1) as f64;
    let part = part.clamp(0.0, 1.0);
    let full = (part * BAR_WIDTH as f64) as usize;
    let bar: String = (0..BAR_WIDTH).map(|n| if n < full { '#' } else { '-' }).collect();
    let rate = readings as f64 / seconds.max(1e-9);
    format!("[{bar}] {:3.0} %  {}  {readings} readings, {rate:.0}/s", part * 100.0, local(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_how_far_it_is() {
        let course = Course { begin: Micros(0), from: Micros(0), to: Micros(3_000_000) };
        let text = line(&course, Micros(1_500_000), 100, 2.0);
        assert!(text.starts_with("[###############---------------]  50 %  1970-01-01 08:00:01"), "{text}");
        assert!(text.ends_with("100 readings, 50/s"), "{text}");
    }
}
