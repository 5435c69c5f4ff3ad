//! A line that repeats: weeks of load in one, by the time of the local day if need be. Must not know the fold. Pure.

use super::parse::{Device, Event, What, Words, next, number, span};
use super::stage::START;
use crate::day::{Day, MINUTE_US};
use rules::reading::Quality;

/// No case has more readings than that.
pub const EVENTS_MAX: usize = 20_000;

/// `every 15m from 0s to 14d [between 08:00 18:00] POINT VALUE [else VALUE]`, split into the readings it stands for. The
/// end is not in it, nor is that of the hours; hours may go over midnight.
///
/// # Errors
/// A word is missing, wrong or too much, or the line stands for too many readings.
pub fn every(line: usize, words: &mut Words, known: &dyn Fn(&str) -> bool) -> Result<Vec<Event>, String> {
    let step_us = span(next(words, "a time such as 15m")?)?;
    let from_us = after(words, "from").and_then(span)?;
    let to_us = after(words, "to").and_then(span)?;
    if step_us <= 0 || from_us < 0 || to_us <= from_us {
        return Err("it never happens: `every STEP from TIME to TIME` goes forward".to_owned());
    }
    let mut word = next(words, "a point or `between`")?;
    let mut hours = None;
    if word == "between" {
        let hour = |words: &mut Words| clock(next(words, "a time of day such as 08:00")?);
        hours = Some((hour(words)?, hour(words)?));
        word = next(words, "a point")?;
    }
    if !known(word) {
        return Err(format!("there is no point `{word}` in this case"));
    }
    let point = word.to_owned();
    let value = number(next(words, "a value")?)?;
    let otherwise = match words.clone().next() {
        Some("else") => Some(after(words, "else").and_then(number)?),
        _ => None,
    };
    if otherwise.is_some() && hours.is_none() {
        return Err("`else` is for the hours that `between` leaves out".to_owned());
    }
    let count = (to_us - from_us).div_euclid(step_us) + 1;
    if usize::try_from(count).map_or(true, |count| count > EVENTS_MAX) {
        return Err(format!("it stands for {count} readings; {EVENTS_MAX} are the most"));
    }
    let times = (0..count).map(|number| from_us + number * step_us).filter(|at_us| *at_us < to_us);
    let event = |at_us: i64| {
        let is_within = hours.is_none_or(|hours| contains(hours, at_us));
        let value = if is_within { Some(value) } else { otherwise }?;
        let what = What::Reading { point: point.clone(), value, quality: Quality::Good, device: Device::AsReceived };
        Some(Event { line, at_us, what })
    };
    Ok(times.filter_map(event).collect())
}

fn after<'a>(words: &mut Words<'a>, key: &str) -> Result<&'a str, String> {
    match next(words, &format!("`{key}`"))? {
        word if word == key => next(words, &format!("what comes after `{key}`")),
        word => Err(format!("`{key}` is missing before `{word}`")),
    }
}

/// Microseconds of the local day.
fn clock(word: &str) -> Result<i64, String> {
    let wrong = || format!("`{word}` is no time of day such as 08:00");
    let (hour, minute) = word.split_once(':').ok_or_else(wrong)?;
    let two = |text: &str, below: i64| {
        let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| is_plain && *number < below).ok_or_else(wrong)
    };
    Ok((two(hour, 24)? * 60 + two(minute, 60)?) * MINUTE_US)
}

fn contains((from, to): (i64, i64), at_us: i64) -> bool {
    let at = START.plus(at_us);
    let into = at.since(Day::of(at).start());
    if from <= to { (from..to).contains(&into) } else { into >= from || into < to }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Result<String, String> {
        let mut words = line.split_whitespace();
        let events = every(1, &mut words, &|point| point == "P")?;
        let value = |event: &Event| match &event.what {
            What::Reading { value, .. } => format!("{}m={value}", event.at_us / MINUTE_US),
            _ => String::new(),
        };
        let more = words.next().map(|more| format!("and {more}"));
        Ok(events.iter().map(value).chain(more).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_line_stands_for_its_readings() {
        for (line, expected) in [
            ("15m from 0s to 45m P 1", "0m=1 15m=1 30m=1"),
            ("15m from 5m to 46m P 1 q=bad", "5m=1 20m=1 35m=1 and q=bad"),
            ("6h from 1d to 2d between 06:00 18:00 P 4 else 2", "1440m=2 1800m=4 2160m=4 2520m=2"),
            ("6h from 1d to 2d between 18:00 06:00 P 4", "1440m=4 2520m=4"),
        ] {
            assert_eq!(told(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for (line, expected) in [
            ("", "a time such as 15m is missing"),
            ("15m to 45m P 1", "`from` is missing before `to`"),
            ("15m from 1h to 45m P 1", "it never happens: `every STEP from TIME to TIME` goes forward"),
            ("0s from 0s to 45m P 1", "it never happens: `every STEP from TIME to TIME` goes forward"),
            ("15m from 0s to 1h Q 1", "there is no point `Q` in this case"),
            ("15m from 0s to 1h P 1 else 2", "`else` is for the hours that `between` leaves out"),
            ("15m from 0s to 1h between 8:00 18:00 P 1", "`8:00` is no time of day such as 08:00"),
            ("15m from 0s to 1h between 08:00 24:00 P 1", "`24:00` is no time of day such as 08:00"),
            ("1s from 0s to 1d P 1", "it stands for 86401 readings; 20000 are the most"),
        ] {
            assert_eq!(told(line).as_ref().map_err(String::as_str), Err(expected), "{line}");
        }
    }
}
