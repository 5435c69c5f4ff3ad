//! Median, spread and correlation, with sums in the order of the numbers given. Pure.

/// As with a normal distribution, where it is the standard deviation.
const MAD_SCALE: f64 = 1.4826;
/// A standard deviation of less than this part of the mean is noise.
const FLAT: f64 = 0.1;

/// Sorts what it is given. `None` of nothing.
pub fn median(numbers: &mut [f64]) -> Option<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let half = numbers.len() / 2;
    let upper = *numbers.get(half)?;
    if numbers.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *numbers.get(half.checked_sub(1)?)?;
    Some(lower / 2.0 + upper / 2.0)
}

/// The median distance from the median, scaled. Leaves distances where the numbers were.
pub fn mad(numbers: &mut [f64]) -> Option<f64> {
    let middle = median(numbers)?;
    for number in numbers.iter_mut() {
        *number = (*number - middle).abs();
    }
    median(numbers).map(|distance| distance * MAD_SCALE)
}

/// Pearson's correlation of what was with what is usual, of the pairs in their order. `None` where the usual side is so
/// flat that it has no shape to be like; 0 where the other one is constant.
pub fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let count = f64::from(u32::try_from(pairs.len()).ok()?);
    let (mut sum_x, mut sum_y) = (0.0, 0.0);
    for (x, y) in pairs {
        sum_x += x;
        sum_y += y;
    }
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        let (dx, dy) = (x - mean_x, y - mean_y);
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    if pairs.is_empty() || yy <= FLAT * FLAT * mean_y * mean_y * count {
        return None;
    }
    if xx <= 0.0 {
        return Some(0.0);
    }
    let found = xy / (xx.sqrt() * yy.sqrt());
    found.is_finite().then(|| found.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_spread() {
        for (numbers, expected_median, expected_mad) in [
            (&[][..], None, None),
            (&[7.0], Some(7.0), Some(0.0)),
            (&[3.0, 1.0, 2.0], Some(2.0), Some(1.4826)),
            (&[4.0, 1.0, 2.0, 3.0], Some(2.5), Some(1.4826)),
            // One that is far off moves neither.
            (&[10.0, 11.0, 9.0, 1e9, 10.0], Some(10.0), Some(1.4826)),
        ] {
            assert_eq!(median(&mut numbers.to_vec()), expected_median, "{numbers:?}");
            assert_eq!(mad(&mut numbers.to_vec()), expected_mad, "{numbers:?}");
        }
    }

    #[test]
    fn correlation_tells_shape_and_not_size() {
        let of = |x: &[f64], y: &[f64]| {
            let pairs: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
            correlation(&pairs)
        };
        assert!(of(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]).is_some_and(|found| found > 0.999_999));
        assert!(of(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]).is_some_and(|found| found < -0.999_999));
        assert_eq!(of(&[1.0, 1.0, 0.0, 0.0], &[1.0, 0.0, 1.0, 0.0]), Some(0.0));
        assert_eq!(of(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0]), None);
        assert_eq!(of(&[5.0, 5.0, 5.0], &[1.0, 2.0, 3.0]), Some(0.0));
        assert_eq!(of(&[1.0, 2.0, 3.0], &[101.0, 102.0, 101.0]), None, "noise");
        assert_eq!(of(&[], &[]), None);
    }
}
