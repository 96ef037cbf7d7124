//! Two runs on the same items: the difference between them, free of the chance that chose the items.

use std::collections::BTreeMap;

use super::distributions::binomial_cdf;
use super::{Interval, mean, normal_quantile, sample_sd, t_quantile};

/// McNemar's exact test (Psychometrika 12, 1947), two-sided: the probability of counts at least as far apart, if an item that
/// exactly one run has right falls to either with probability 1/2. 1 without such items; 0 where it is below the least number.
pub fn mcnemar_exact(only_first: u64, only_second: u64) -> f64 {
    let fewer = only_first.min(only_second);
    (2.0 * binomial_cdf(fewer, only_first.saturating_add(only_second), 0.5)).min(1.0)
}

/// Returns the mean of per-item differences and its normal interval: mean ± z(1 - (1 - confidence)/2) · s / sqrt(n)
/// (Wald's, for many independent items). `None` for fewer than two items.
pub fn paired_interval(differences: &[f64], confidence: f64) -> Option<(f64, Interval)> {
    let centre = mean(differences)?;
    let half = normal_quantile(0.5 + confidence / 2.0) * sample_sd(differences)? / (differences.len() as f64).sqrt();
    Some((centre, Interval::around(centre, half)))
}

/// Returns the mean of per-item differences and its interval where items of one cluster (the questions of one image) go together;
/// `clusters` names the cluster of each item.
///
/// The variance is G/(G-1) · Σ e² / n² over G clusters, where e is the sum of a cluster's differences from the mean
/// (Liang and Zeger, Biometrika 73, 1986), and t has G - 1 degrees of freedom (Cameron and Miller, J. Hum. Resour. 50, 2015,
/// II.B and VI.D). `None` for fewer than two clusters or lists of different lengths.
pub fn clustered_interval(differences: &[f64], clusters: &[usize], confidence: f64) -> Option<(f64, Interval)> {
    if differences.len() != clusters.len() {
        return None;
    }
    let centre = mean(differences)?;
    let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
    for (difference, cluster) in differences.iter().zip(clusters) {
        *sums.entry(*cluster).or_default() += difference - centre;
    }
    let g = sums.len() as f64;
    if sums.len() < 2 {
        return None;
    }
    let squares: f64 = sums.values().map(|e| e * e).sum();
    let error = (g / (g - 1.0) * squares).sqrt() / differences.len() as f64;
    Some((centre, Interval::around(centre, t_quantile(0.5 + confidence / 2.0, g - 1.0) * error)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::near;
    use super::*;

    /// Standard errors in points when the runs disagree on 5 % and on 10 % of the three published sets.
    #[test]
    fn errors_of_the_published_sets() {
        for (n, five, ten) in [(25_994, 0.139, 0.196), (12_578, 0.199, 0.282), (6_982, 0.268, 0.378)] {
            for (share, error) in [(0.05, five), (0.10, ten)] {
                let discordant = (share * f64::from(n)) as u32;
                let difference = |i| match i {
                    i if i >= discordant => 0.0,
                    i if i % 2 == 0 => 1.0,
                    _ => -1.0,
                };
                let (centre, interval) = paired_interval(&(0..n).map(difference).collect::<Vec<_>>(), 0.95).unwrap();
                near(100.0 * (interval.high - centre) / normal_quantile(0.975), error, 6e-4);
            }
        }
    }

    #[test]
    fn clusters_of_one_item_are_the_paired_interval_but_for_t() {
        let differences: Vec<f64> = (0..200).map(|i| f64::from(i % 7) - 2.0).collect();
        let apart: Vec<usize> = (0..200).rev().collect();
        let (centre, clustered) = clustered_interval(&differences, &apart, 0.95).unwrap();
        let (_, paired) = paired_interval(&differences, 0.95).unwrap();
        let ratio = (clustered.high - centre) / (paired.high - centre);
        near(ratio, t_quantile(0.975, 199.0) / normal_quantile(0.975), 1e-12);
    }

    #[test]
    fn too_little_gives_no_interval() {
        assert_eq!(paired_interval(&[1.0], 0.95), None);
        assert_eq!(clustered_interval(&[1.0, 0.0], &[3, 3], 0.95), None);
        assert_eq!(clustered_interval(&[1.0, 0.0], &[3], 0.95), None);
        assert_eq!(clustered_interval(&[], &[], 0.95), None);
    }
}
