//! Records the fold cannot digest: remembered when they make it panic, passed over when they do so again, announced
//! in the journal with their raw bytes. Must not hide anything: a skipped record is a red alarm. I/O.

use super::fold::Fold;
use super::open::OpenError;
use crate::codec;
use crate::disk::Disk;
use crate::journal::{LogError, small_file};
use alerting::input::{Input, Replayed, Skipped};
use std::collections::BTreeSet;

/// Holds the seq of the record that made the fold panic last, as text.
const MARK: &str = "panicked-at";

impl<D: Disk> Fold<D> {
    /// Writes down that the fold panicked at `seq`, so that the next start knows when it happens again.
    pub fn remember_panic(&self, seq: u64) -> Result<(), LogError> {
        small_file::replace(&self.disk, &self.dir.join(MARK), seq.to_string().as_bytes(), &|| ())
    }

    /// A record may be passed over if it panicked before, or if the journal already says that it was.
    pub(super) fn may_skip(&self, seq: u64) -> Result<bool, OpenError> {
        Ok(self.panicked_before() == Some(seq) || self.announced()?.contains(&seq))
    }

    /// Those of `skip` that no `Skipped` record in the journal names yet.
    pub(super) fn unannounced(&self, skip: &BTreeSet<u64>) -> Result<Vec<u64>, OpenError> {
        if skip.is_empty() {
            return Ok(Vec::new());
        }
        let announced = self.announced()?;
        Ok(skip.difference(&announced).copied().collect())
    }

    /// The input that announces the passing over of record `seq`, with the raw bytes of its deliveries.
    pub(super) fn skipped(&self, seq: u64) -> Result<Skipped, OpenError> {
        let mut raw = Vec::new();
        if let Some(entry) = self.journal.read(seq).next() {
            let (_, _, payload) = entry?;
            let record = codec::decode_record(&payload).map_err(|source| OpenError::Record { seq, source })?;
            for input in record.inputs {
                // A replayed message lies in quarantine anyway; here as there, its bytes are evidence.
                if let Input::Delivery(delivery) | Input::Replayed(Replayed { delivery, .. }) = input {
                    raw.push((delivery.topic, delivery.payload));
                }
            }
        }
        Ok(Skipped { seq, reason: "the fold panicked at this record twice".into(), raw })
    }

    fn panicked_before(&self) -> Option<u64> {
        let text = small_file::read(&self.disk, &self.dir.join(MARK)).ok()??;
        String::from_utf8(text).ok()?.parse().ok()
    }

    /// Every seq that some record of the journal announces as skipped. Reads the journal: only after a panic.
    fn announced(&self) -> Result<BTreeSet<u64>, OpenError> {
        let mut found = BTreeSet::new();
        for entry in self.journal.read(self.journal.first()) {
            let (seq, _, payload) = entry?;
            let record = codec::decode_record(&payload).map_err(|source| OpenError::Record { seq, source })?;
            found.extend(record.inputs.iter().filter_map(|input| match input {
                Input::Skipped(skipped) => Some(skipped.seq),
                _ => None,
            }));
        }
        Ok(found)
    }
}
