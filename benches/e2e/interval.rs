//! The ratio of two pipelines from pairs that were measured one after the other: its median, and the 95 % interval of
//! its geometric mean (Student's t on the logarithms). Pure.

use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct Ratio {
    pub pairs: Vec<f64>,
    pub median: f64,
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

/// Two-sided 95 % quantiles of Student's t for 1 to 10 degrees of freedom, and what is close enough beyond.
const T: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
const T_BEYOND: f64 = 2.201;

impl Ratio {
    /// `None` without pairs. One pair has no interval: it is then from 0 to infinity.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn of(pairs: &[f64]) -> Option<Ratio> {
        let median = median(pairs)?;
        let n = pairs.len() as f64;
        let logs: Vec<f64> = pairs.iter().map(|ratio| ratio.ln()).collect();
        let mean = logs.iter().sum::<f64>() / n;
        let half = match pairs.len() {
            1 => f64::INFINITY,
            more => {
                let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
                T.get(more - 2).copied().unwrap_or(T_BEYOND) * (variance / n).sqrt()
            }
        };
        let pairs = pairs.to_vec();
        Some(Ratio { pairs, median, mean: mean.exp(), low: (mean - half).exp(), high: (mean + half).exp() })
    }
}

#[must_use]
pub fn median(of: &[f64]) -> Option<f64> {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(*sorted.get(middle - 1)?, upper) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_what_it_should() {
        let ratio = Ratio::of(&[1.5, 1.7, 1.6, 1.4, 1.8]).unwrap();
        assert_eq!(ratio.median, 1.6);
        // By another program: mean of the logarithms 0.4661, their standard deviation 0.0993, t = 2.776.
        assert!((ratio.mean - 1.5937).abs() < 0.001, "{ratio:?}");
        assert!((ratio.low - 1.4088).abs() < 0.001 && (ratio.high - 1.8029).abs() < 0.001, "{ratio:?}");
        let same = Ratio::of(&[2.0, 2.0]).unwrap();
        assert!((same.low - 2.0).abs() < 1e-9 && (same.high - 2.0).abs() < 1e-9);
        assert!(Ratio::of(&[2.0]).unwrap().high.is_infinite());
        assert!(Ratio::of(&[]).is_none());
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }
}
