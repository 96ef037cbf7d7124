//! Intervals of a share, of a mean, and of runs that are still to come.

use serde::{Deserialize, Serialize};

use super::{mean, normal_quantile, sample_sd, t_quantile};

/// The values from `low` to `high`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    pub(super) fn around(centre: f64, half: f64) -> Self {
        Self { low: centre - half, high: centre + half }
    }
}

/// Returns Wilson's score interval (J. Am. Stat. Assoc. 22, 1927) for a share `p` observed on `n` items.
pub fn wilson(p: f64, n: u64, confidence: f64) -> (f64, f64) {
    let n = n as f64;
    let z = normal_quantile(0.5 + confidence / 2.0);
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Returns the interval that holds the mean of `new` further runs with probability `confidence`, given `values` from the same normal
/// distribution: mean ± t(1 - (1 - confidence)/2, n - 1) · s · sqrt(1/new + 1/n), where s is at least `sd_floor`
/// (Hahn and Meeker, *Statistical Intervals*, 4.7 and 4.8). `None` for fewer than two values or no new run.
pub fn prediction_interval_of_mean(values: &[f64], confidence: f64, sd_floor: f64, new: usize) -> Option<(f64, f64)> {
    let sd = sample_sd(values)?.max(sd_floor);
    let m = mean(values)?;
    let n = values.len() as f64;
    let half = t_quantile(0.5 + confidence / 2.0, n - 1.0) * sd * (1.0 / new as f64 + 1.0 / n).sqrt();
    (new > 0).then_some((m - half, m + half))
}

/// Returns Student's interval of the mean that `values` are drawn around (Hahn and Meeker, *Statistical Intervals*, 4.2):
/// mean ± t(1 - (1 - confidence)/2, n - 1) · s / sqrt(n). `None` for fewer than two values.
pub fn mean_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    let n = values.len() as f64;
    let error = sample_sd(values)? / n.sqrt();
    let half = t_quantile(0.5 + confidence / 2.0, n - 1.0) * error;
    Some(Interval::around(mean(values)?, half))
}

#[cfg(test)]
mod tests {
    use super::super::tests::near;
    use super::*;

    /// The three published accuracies with their item counts.
    #[test]
    fn wilson_of_the_published_numbers() {
        for (p, n, low, high) in
            [(0.6990, 25_994, 69.339, 70.455), (0.5980, 12_578, 58.940, 60.654), (0.7495, 6_982, 73.920, 75.952)]
        {
            let (got_low, got_high) = wilson(p, n, 0.95);
            near(100.0 * got_low, low, 5.1e-4);
            near(100.0 * got_high, high, 5.1e-4);
        }
        near(wilson(0.0, 10, 0.95).0, 0.0, 1e-15);
        near(wilson(1.0, 10, 0.95).1, 1.0, 1e-15);
    }

    #[test]
    fn prediction_interval_known_answer() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        near(sample_sd(&values).unwrap(), 3.027_650_354, 1e-9);
        // 5.5 ± 3.249836 · 3.027650 · sqrt(1.1)
        let (low, high) = prediction_interval_of_mean(&values, 0.99, 0.0, 1).unwrap();
        near(high - 5.5, 10.319_6, 1e-3);
        near(low + high, 11.0, 1e-12);
        let (low, high) = prediction_interval_of_mean(&[50.0; 10], 0.99, 0.2, 1).unwrap();
        near(high - low, 2.0 * 3.249_836 * 0.2 * 1.1f64.sqrt(), 1e-6);
        assert_eq!(prediction_interval_of_mean(&[1.0], 0.99, 0.1, 1), None);
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn too_little_gives_no_interval() {
        assert_eq!(prediction_interval_of_mean(&[1.0, 2.0], 0.95, 0.0, 0), None);
        assert_eq!(mean_interval(&[1.0], 0.95), None);
    }
}
