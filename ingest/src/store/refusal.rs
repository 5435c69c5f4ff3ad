//! When a lane must not be projected: the archive and this data directory do not belong together.
//! Judging goes on meanwhile; `davy recover adopt` mends it. Must not know SQL. Pure.

use super::lane::Position;
use crate::spool::shed::{Span, covers};
use serde::{Deserialize, Serialize};

/// What this data directory knows, laid beside the archive's position.
pub struct Ours<'a> {
    pub journal_id: &'a str,
    /// Newest durable seq of the journal.
    pub head: u64,
    /// Every effect after this seq is still in the spool.
    pub base: u64,
    /// What was given up for want of room.
    pub shed: &'a [Span],
    /// What Davy remembers having applied from this journal; `None` if nothing is remembered.
    pub remembered: Option<u64>,
    /// Checksum of a journal record; `None` when the journal no longer holds it.
    pub checksum: &'a (dyn Fn(u64) -> Option<u32> + Sync),
}

/// Each has a name for machines and a text for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("the database was filled from journal {stored}, this data directory holds journal {ours}")]
    OtherJournal { stored: String, ours: String },
    #[error("the database holds effects up to {applied}, but the journal ends at {head}: the data directory is older")]
    BeyondHead { applied: u64, head: u64 },
    #[error(
        "record {seq} has checksum {ours:08x} in the journal and {stored:08x} in the database: the histories differ"
    )]
    WrongChecksum { seq: u64, stored: u32, ours: u32 },
    #[error("the database holds effects up to {applied}, but the spool begins after {base}: those between are missing")]
    Hole { applied: u64, base: u64 },
    #[error(
        "the database holds effects up to {applied}, but {remembered} had been applied: it was restored from a backup"
    )]
    Rewound { applied: u64, remembered: u64 },
    #[error("spool record {seq} cannot be read by this version of davy: {detail}")]
    Unreadable { seq: u64, detail: String },
}

impl Refusal {
    /// Rewound is a hole as well: what lies between is gone from the database.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::OtherJournal { .. } => "other_journal",
            Refusal::BeyondHead { .. } => "beyond_head",
            Refusal::WrongChecksum { .. } => "wrong_checksum",
            Refusal::Hole { .. } | Refusal::Rewound { .. } => "hole",
            Refusal::Unreadable { .. } => "unreadable",
        }
    }
}

/// The position to go on from, or why not. It lies beyond the stored one where the spool's beginning was given up for want
/// of room: what lies between is a gap, and the archive records it. The owner epoch is left as it was: raising it is the archive's part.
pub fn judge(stored: &Position, ours: &Ours<'_>) -> Result<Position, Refusal> {
    let applied = stored.applied_seq;
    if stored.journal_id.is_empty() {
        if ours.base > 0 && !covers(ours.shed, 1, ours.base) {
            return Err(Refusal::Hole { applied: 0, base: ours.base });
        }
        // An empty archive and a spool from the first record on: nothing can be missing, whatever is remembered.
        return Ok(Position {
            journal_id: ours.journal_id.to_owned(),
            applied_seq: ours.base,
            record_crc: (ours.base > 0).then(|| (ours.checksum)(ours.base)).flatten(),
            late_until: 0,
            ..stored.clone()
        });
    }
    if stored.journal_id != ours.journal_id {
        return Err(Refusal::OtherJournal { stored: stored.journal_id.clone(), ours: ours.journal_id.to_owned() });
    }
    if applied > ours.head {
        return Err(Refusal::BeyondHead { applied, head: ours.head });
    }
    if let (Some(stored_crc), Some(our_crc)) = (stored.record_crc, (ours.checksum)(applied))
        && stored_crc != our_crc
    {
        return Err(Refusal::WrongChecksum { seq: applied, stored: stored_crc, ours: our_crc });
    }
    if let Some(remembered) = ours.remembered.filter(|remembered| *remembered > applied) {
        return Err(Refusal::Rewound { applied, remembered });
    }
    if applied < ours.base && covers(ours.shed, applied.saturating_add(1), ours.base) {
        let record_crc = (ours.checksum)(ours.base);
        return Ok(Position { applied_seq: ours.base, record_crc, ..stored.clone() });
    }
    if applied < ours.base {
        return Err(Refusal::Hole { applied, base: ours.base });
    }
    Ok(stored.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lane::Lane;

    fn at(journal_id: &str, applied_seq: u64) -> Position {
        Position {
            lane: Lane::Readings,
            journal_id: journal_id.to_owned(),
            applied_seq,
            record_crc: (applied_seq > 0).then_some(7),
            late_until: 0,
            owner_epoch: 3,
        }
    }

    fn verdict(stored: &Position, base: u64, remembered: Option<u64>) -> Result<u64, &'static str> {
        let shed = [Span { from_seq: 21, to_seq: 30 }];
        let checksum = &|seq| (seq != 50).then_some(7);
        let ours = Ours { journal_id: "j", head: 100, base, shed: &shed, remembered, checksum };
        judge(stored, &ours).map(|p| p.applied_seq).map_err(|r| r.name())
    }

    #[test]
    fn each_mismatch_has_its_name() {
        assert_eq!(verdict(&at("", 0), 0, Some(9)), Ok(0));
        assert_eq!(verdict(&at("", 0), 5, None), Err("hole"));
        assert_eq!(verdict(&at("k", 10), 0, None), Err("other_journal"));
        assert_eq!(verdict(&at("j", 101), 0, None), Err("beyond_head"));
        assert_eq!(verdict(&at("j", 100), 0, Some(100)), Ok(100));
        assert_eq!(verdict(&at("j", 10), 11, None), Err("hole"));
        assert_eq!(verdict(&at("j", 10), 10, None), Ok(10));
        assert_eq!(verdict(&at("j", 10), 0, Some(11)), Err("hole"));
        // What was given up for want of room is a gap, not a refusal; anything else missing still is one.
        assert_eq!(verdict(&at("j", 20), 30, None), Ok(30));
        assert_eq!(verdict(&at("j", 25), 30, Some(25)), Ok(30));
        assert_eq!(verdict(&at("j", 19), 30, None), Err("hole"));
        assert_eq!(verdict(&at("j", 25), 31, None), Err("hole"));
        assert_eq!(verdict(&at("j", 25), 30, Some(26)), Err("hole"));
        let forged = Position { record_crc: Some(8), ..at("j", 10) };
        assert_eq!(verdict(&forged, 0, None), Err("wrong_checksum"));
        // A record the journal has dropped cannot be compared, one whose checksum is not known neither.
        assert_eq!(verdict(&Position { record_crc: Some(8), ..at("j", 50) }, 0, None), Ok(50));
        assert_eq!(verdict(&Position { record_crc: None, ..at("j", 10) }, 0, None), Ok(10));
    }
}
