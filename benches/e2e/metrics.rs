//! Davy's page of metrics, read between two moments. Must not know what is measured. I/O: HTTP.

use anyhow::Context;
use davy_tests::davy::Place;
use serde::Serialize;
use std::collections::BTreeMap;

/// Every sample of the page by its name with labels.
#[derive(Clone, Debug, Default)]
pub struct Page(BTreeMap<String, f64>);

/// A histogram between two pages.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Spread {
    pub count: f64,
    pub sum_s: f64,
    /// Upper bounds in seconds, and how many observations lie at or below each.
    pub buckets: Vec<(f64, f64)>,
}

impl Page {
    pub fn read(place: &Place) -> anyhow::Result<Page> {
        let url = format!("http://127.0.0.1:{}/metrics", place.http_port);
        let mut answer = ureq::get(&url).call().context("davy's metrics")?;
        Ok(Page::parse(&answer.body_mut().read_to_string()?))
    }

    fn parse(text: &str) -> Page {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        Page(
            samples.filter_map(|l| l.rsplit_once(' ')).filter_map(|(n, v)| Some((n.into(), v.parse().ok()?))).collect(),
        )
    }

    #[must_use]
    pub fn value(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// What histogram `name` (labels without braces, or empty) has seen since `before`.
    #[must_use]
    pub fn since(&self, before: &Page, name: &str, labels: &str) -> Spread {
        let suffix = |part: &str| {
            if labels.is_empty() { format!("{name}_{part}") } else { format!("{name}_{part}{{{labels}}}") }
        };
        let grown = |sample: &str| self.value(sample) - before.value(sample);
        let comma = if labels.is_empty() { "" } else { "," };
        let prefix = format!("{name}_bucket{{{labels}{comma}le=\"");
        let mut buckets: Vec<(f64, f64)> = self
            .0
            .keys()
            .filter_map(|sample| {
                let bound = sample.strip_prefix(&prefix)?.strip_suffix("\"}")?;
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
                Some((bound, grown(sample)))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Spread { count: grown(&suffix("count")), sum_s: grown(&suffix("sum")), buckets }
    }
}

impl Spread {
    /// The share of observations at or below `bound`, which is one of the buckets' bounds.
    #[must_use]
    pub fn share_within(&self, bound: f64) -> f64 {
        let within =
            self.buckets.iter().filter(|(upper, _)| *upper <= bound).map(|(_, count)| *count).fold(0.0, f64::max);
        if self.count > 0.0 { within / self.count } else { 1.0 }
    }

    /// The bound below which all observations lie: the maximum is no larger.
    #[must_use]
    pub fn all_within(&self) -> f64 {
        self.buckets.iter().find(|(_, count)| *count >= self.count).map_or(f64::INFINITY, |(bound, _)| *bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_what_came_between() {
        let before = Page::parse(
            "# HELP h x\nh_bucket{verb=\"think\",le=\"0.01\"} 4\nh_bucket{verb=\"think\",le=\"0.02\"} 4\n\
             h_count{verb=\"think\"} 4\n",
        );
        let after = Page::parse(
            "h_bucket{verb=\"think\",le=\"0.01\"} 6\nh_bucket{verb=\"think\",le=\"0.02\"} 8\n\
             h_bucket{verb=\"think\",le=\"+Inf\"} 8\nh_count{verb=\"think\"} 8\nh_sum{verb=\"think\"} 0.5\n",
        );
        let spread = after.since(&before, "h", "verb=\"think\"");
        assert_eq!((spread.count, spread.sum_s), (4.0, 0.5));
        assert_eq!(spread.share_within(0.01), 0.5);
        assert_eq!(spread.all_within(), 0.02);
        assert_eq!(after.since(&before, "h", "verb=\"tell\"").count, 0.0);
    }
}
