//! What gives way when the data directory is full: nothing, or the oldest readings that the database does not have yet.
//! Decides when and how much, and says so. I/O through the fold.

use super::fold::Fold;
use crate::config::OnFull;
use crate::disk::Disk;
use crate::journal::LogError;
use crate::journal::quota::{Class, Quota};
use crate::spool::shed::Span;
use alerting::input::SystemFault;
use rules::reading::Severity;

/// So many segments go in one look: each costs a few syncs, and nothing is judged meanwhile.
const PIECES_MAX: usize = 8;
const SHED_CODE: &str = "DAVY-HISTORY-SHED";

pub(super) struct Shedding {
    on_full: OnFull,
    /// What was given up since room was last easy.
    given_up: Option<GivenUp>,
    /// That it is over was the last word. Not before the first: an alarm of the run before may still stand.
    over: bool,
}

/// For the alarm and the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    pub span: Span,
    pub bytes: u64,
}

impl Shedding {
    pub(super) fn new(on_full: OnFull) -> Shedding {
        Shedding { on_full, given_up: None, over: false }
    }

    /// Whether room must be made now, before a whole batch would find none.
    pub(super) fn is_due<D: Disk>(&self, quota: &Quota<D>) -> bool {
        self.on_full == OnFull::ShedHistory && !quota.admits(Class::Readings, quota.resume_bytes())
    }

    /// Gives up as many segments as it takes, a few in one look; what was given up now, if any.
    pub(super) fn relieve<D: Disk>(
        &mut self,
        fold: &mut Fold<D>,
        applied_seq: u64,
        snapshot_seq: u64,
    ) -> Result<Option<GivenUp>, LogError> {
        let mut now: Option<GivenUp> = None;
        for _ in 0..PIECES_MAX {
            if !self.is_due(fold.quota()) {
                break;
            }
            let Some(shed) = fold.shed_readings(applied_seq, snapshot_seq)? else { break };
            if let Some(span) = shed.span {
                let piece = GivenUp { span, bytes: shed.bytes };
                now = Some(joined(now, piece));
                self.given_up = Some(joined(self.given_up, piece));
                self.over = false;
            }
        }
        if let Some(GivenUp { span, bytes }) = now {
            let (from, to) = (span.from_seq, span.to_seq);
            tracing::error!(from, to, bytes, "data directory full: readings not yet in the database were given up");
        }
        Ok(now)
    }

    /// The alarm that names the whole span so far.
    pub(super) fn fault(&self) -> Option<SystemFault> {
        let GivenUp { span, bytes } = self.given_up?;
        let detail = format!(
            "data directory full: the readings of records {} to {} ({bytes} bytes) were given up before the database had \
             them; it records the gap when it answers",
            span.from_seq, span.to_seq
        );
        Some(SystemFault { code: SHED_CODE.into(), severity: Severity::Red, active: true, detail })
    }

    /// Room is easy again: the alarm may return, if there is one.
    pub(super) fn over(&mut self) -> Option<SystemFault> {
        if std::mem::replace(&mut self.over, true) {
            return None;
        }
        self.given_up = None;
        Some(SystemFault { code: SHED_CODE.into(), severity: Severity::Red, active: false, detail: String::new() })
    }
}

fn joined(before: Option<GivenUp>, piece: GivenUp) -> GivenUp {
    let Some(before) = before else { return piece };
    let span = Span { from_seq: before.span.from_seq, to_seq: piece.span.to_seq };
    GivenUp { span, bytes: before.bytes.saturating_add(piece.bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_it_is_over_is_said_once_and_at_the_start_too() {
        let mut shedding = Shedding::new(OnFull::ShedHistory);
        let over = |shedding: &mut Shedding| shedding.over().map(|fault| fault.active);
        assert_eq!(over(&mut shedding), Some(false), "an alarm of the run before returns");
        assert_eq!(over(&mut shedding), None);
    }
}
