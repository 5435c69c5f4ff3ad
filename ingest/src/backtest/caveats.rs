//! What a backtest could not reproduce, in plain words and with numbers, so that nobody takes it for more than it is.
//! Pure.

use super::run::Trial;

/// What the source is known not to hold.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// The database, or a journal.
    pub from_store: bool,
    pub signatures_lost: u64,
    pub mended: u64,
    /// The journal reaches further back than judging.
    pub begun_later: bool,
    pub gaps: i64,
    pub rejected: i64,
    pub late_days: f64,
    /// Said where the registry at the beginning was not the one of that time.
    pub registry: Option<String>,
    /// Enterprises of the registry with several gateways.
    pub many_gateways: usize,
    /// Judging begins so many seconds later than windows would like.
    pub short_warm_up_s: i64,
}

/// One line each.
#[must_use]
pub fn lines(limits: &Limits, trial: &Trial) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |line: String| lines.push(line);
    if limits.short_warm_up_s > 0 {
        let h = limits.short_warm_up_s as f64 / 3_600.0;
        say(format!(
            "windows begin empty: {h:.1} h of what the longest of them asks for lie before the first registry on record"
        ));
    }
    if let Some(registry) = &limits.registry {
        say(registry.clone());
    }
    if limits.from_store {
        of_store(limits, &mut say);
    } else {
        of_journal(limits, &mut say);
    }
    of_trial(limits, trial, &mut say);
    lines
}

fn of_store(limits: &Limits, say: &mut dyn FnMut(String)) {
    say("limits of the fold in force then: they are those of the configuration file now".to_owned());
    say("duplicates that were dropped when they came, and messages in quarantine: they are not among the readings"
        .to_owned());
    say("gateway numbers, last wills and messages without readings, and so alarms of gateways being offline".to_owned());
    say("absences of Davy shorter than a minute, unless it came back with another registry; an absence begins with the last \
         reading before it".to_owned());
    say(format!(
        "readings that came more than {:.1} days after their event (--late), which are never judged live",
        limits.late_days
    ));
    if limits.many_gateways > 0 {
        say(format!(
            "which gateway sent a message, at {} enterprises with several: their clocks are taken for one",
            limits.many_gateways
        ));
    }
    if limits.gaps > 0 || limits.rejected > 0 {
        say(format!("{} gaps on record and {} readings that the database refused", limits.gaps, limits.rejected));
    }
    say("order of readings of different points that were received in the same microsecond".to_owned());
}

fn of_journal(limits: &Limits, say: &mut dyn FnMut(String)) {
    if limits.signatures_lost > 0 {
        say(format!(
            "{} signatures: the journal names alarms by numbers that only the rules of then gave",
            limits.signatures_lost
        ));
    }
    if limits.mended > 0 {
        say(format!("{} recoveries and records passed over", limits.mended));
    }
    if limits.begun_later {
        say("what was filed before judging begins".to_owned());
    }
    say("faults of Davy's surroundings: its own alarms are not compared".to_owned());
}

fn of_trial(limits: &Limits, trial: &Trial, say: &mut dyn FnMut(String)) {
    let counts = &trial.counts;
    if counts.unknown > 0 {
        say(format!("{} readings of points that the registry of their time does not name", counts.unknown));
    }
    if counts.became_history > 0 || counts.became_live > 0 {
        say(format!(
            "clock offsets of gateways: {} readings were judged then and are history here, {} the other way round",
            counts.became_history, counts.became_live
        ));
    } else if limits.from_store {
        say("(live or history: every reading is here what it was then)".to_owned());
    }
    if counts.duplicates > 0 {
        say(format!("{} stored readings were taken for duplicates here", counts.duplicates));
    }
    for (side, name) in trial.sides.iter().zip(["compared with", "tried"]) {
        if side.unsigned > 0 {
            let count = side.unsigned;
            say(format!("{count} signatures under alarms that the rules {name} have not raised, or not then"));
        }
        for failure in &side.failures {
            say(format!("a rule of those {name} failed, and said nothing there: {failure}"));
        }
    }
}
