//! Long medians: histograms of 256 bins over the point's range, in 24 blocks of time. The value told lies within one bin
//! (1/256 of the range) of a median of the readings of a window that is never longer than asked, and shorter by less
//! than 1/24. What lies outside the range counts at its end. Counts are whole, so that none drifts. Pure.

use super::window::{is_spanned, part_us};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

const BINS: usize = 256;
const BLOCKS: i64 = 24;
/// Medians of longer windows are kept like this.
pub(crate) const EXACT_MAX_US: i64 = 3_600_000_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Blocks {
    /// The range of the point.
    range: (f64, f64),
    blocks: VecDeque<Block>,
    /// By bin: readings of all blocks.
    total: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Block {
    first: i64,
    /// Readings by bin, in the order of the bins; only those that have any. One bin counts up to 65,535.
    bins: Vec<(u8, u16)>,
}

impl Blocks {
    pub fn of(range: (f64, f64)) -> Blocks {
        Blocks { range, blocks: VecDeque::new(), total: vec![0; BINS] }
    }

    pub fn range(&self) -> (f64, f64) {
        self.range
    }

    pub fn take(&mut self, at: i64, value: f64, window_us: i64) {
        let until = at.saturating_sub(window_us);
        while self.blocks.front().is_some_and(|block| block.first <= until) {
            for (bin, count) in self.blocks.pop_front().into_iter().flat_map(|block| block.bins) {
                if let Some(total) = self.total.get_mut(usize::from(bin)) {
                    *total = total.saturating_sub(u32::from(count));
                }
            }
        }
        if self.blocks.back().is_none_or(|block| at.saturating_sub(block.first) >= block_us(window_us)) {
            self.blocks.push_back(Block { first: at, bins: Vec::new() });
        }
        let bin = self.bin(value);
        let Some(block) = self.blocks.back_mut() else { return };
        if block.add(bin)
            && let Some(total) = self.total.get_mut(usize::from(bin))
        {
            *total = total.saturating_add(1);
        }
    }

    /// NaN until the readings span half the window.
    pub fn median(&self, newest: i64, now: i64, window_us: i64) -> f64 {
        let until = now.saturating_sub(window_us);
        let gone = self.blocks.partition_point(|block| block.first <= until);
        let Some(oldest) = self.blocks.get(gone) else { return f64::NAN };
        if !is_spanned(oldest.first, newest, window_us) {
            return f64::NAN;
        }
        let mut counts = self.total.clone();
        for (bin, count) in self.blocks.range(..gone).flat_map(|block| &block.bins) {
            if let Some(total) = counts.get_mut(usize::from(*bin)) {
                *total = total.saturating_sub(u32::from(*count));
            }
        }
        self.middle(&counts)
    }

    /// The median within its bin, as if the readings there lay evenly.
    fn middle(&self, counts: &[u32]) -> f64 {
        let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        // Far below 2^53.
        let half = all as f64 / 2.0;
        let (lo, hi) = self.range;
        let width = (hi - lo) / BINS as f64;
        let mut below = 0.0;
        for (bin, count) in (0_u32..).zip(counts) {
            let count = f64::from(*count);
            if count > 0.0 && below + count >= half {
                return lo + width * (f64::from(bin) + (half - below) / count);
            }
            below += count;
        }
        f64::NAN
    }

    fn bin(&self, value: f64) -> u8 {
        let (lo, hi) = self.range;
        let part = (value - lo) / (hi - lo) * BINS as f64;
        // Saturates at both ends of the range, and a range that is none puts all into one bin.
        part as u8
    }

    pub fn is_whole(&self, newest: i64, window_us: i64) -> bool {
        let mut totals = vec![0_u32; BINS];
        for (bin, count) in self.blocks.iter().flat_map(|block| &block.bins) {
            if let Some(total) = totals.get_mut(usize::from(*bin)) {
                *total = total.saturating_add(u32::from(*count));
            }
        }
        let mut pairs = self.blocks.iter().zip(self.blocks.iter().skip(1));
        self.range.0.is_finite()
            && self.range.1.is_finite()
            && totals == self.total
            && pairs.all(|(a, b)| b.first.saturating_sub(a.first) >= block_us(window_us))
            && self.blocks.front().is_none_or(|block| newest.saturating_sub(block.first) < window_us)
            && self.blocks.back().is_none_or(|block| block.first <= newest)
            && self.blocks.iter().all(|block| {
                block.bins.is_sorted_by(|a, b| a.0 < b.0) && block.bins.iter().all(|(_, count)| *count > 0)
            })
    }

    #[cfg(test)]
    pub fn heap(&self) -> usize {
        let bins: usize = self.blocks.iter().map(|block| block.bins.capacity() * size_of::<(u8, u16)>()).sum();
        bins + self.blocks.capacity() * size_of::<Block>()
            + self.total.capacity() * size_of::<u32>()
            + size_of::<Blocks>()
    }
}

impl Block {
    /// Whether it could be counted.
    fn add(&mut self, bin: u8) -> bool {
        match self.bins.binary_search_by_key(&bin, |(bin, _)| *bin) {
            Ok(at) => self.bins.get_mut(at).is_some_and(|(_, count)| match count.checked_add(1) {
                Some(more) => {
                    *count = more;
                    true
                }
                None => false,
            }),
            Err(at) => {
                self.bins.insert(at, (bin, 1));
                true
            }
        }
    }
}

fn block_us(window_us: i64) -> i64 {
    part_us(window_us, BLOCKS)
}
