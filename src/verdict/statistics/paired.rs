//! Two runs on the same items: the difference between them, free of the chance that chose the items.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::distributions::binomial_cdf;
use super::{Interval, mean, normal_quantile, sample_sd, t_quantile};

/// On how many items each of two runs is right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discordant {
    /// Items that both runs have right.
    pub both: u64,
    /// Items that only the first run has right.
    pub only_first: u64,
    /// Items that only the second run has right.
    pub only_second: u64,
    /// Items that neither run has right.
    pub neither: u64,
}

impl Discordant {
    /// Counts items, each given as whether the first and whether the second run has it right.
    pub fn of(items: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        for item in items {
            let count = match item {
                (true, true) => &mut counts.both,
                (true, false) => &mut counts.only_first,
                (false, true) => &mut counts.only_second,
                (false, false) => &mut counts.neither,
            };
            *count += 1;
        }
        counts
    }
}

/// McNemar's exact test (Psychometrika 12, 1947), two-sided: the probability of counts at least as far apart, if an item that
/// exactly one run has right falls to either with probability 1/2. 1 without such items; 0 where it is below the least number.
pub fn mcnemar_exact(only_first: u64, only_second: u64) -> f64 {
    let fewer = only_first.min(only_second);
    (2.0 * binomial_cdf(fewer, only_first.saturating_add(only_second), 0.5)).min(1.0)
}

/// Mean of per-item differences and its normal interval: mean ± z(1 - (1 - confidence)/2) · s / sqrt(n)
/// (Wald's, for many independent items). `None` of fewer than two items.
pub fn paired_interval(differences: &[f64], confidence: f64) -> Option<(f64, Interval)> {
    let centre = mean(differences)?;
    let half = normal_quantile(0.5 + confidence / 2.0) * sample_sd(differences)? / (differences.len() as f64).sqrt();
    Some((centre, Interval::around(centre, half)))
}

/// Mean of per-item differences and its interval where items of one cluster (the questions of one image) go together;
/// `clusters` names the cluster of each item.
///
/// The variance is G/(G-1) · Σ e² / n² over G clusters, where e is the sum of a cluster's differences from the mean
/// (Liang and Zeger, Biometrika 73, 1986), and t has G - 1 degrees of freedom (Cameron and Miller, J. Hum. Resour. 50, 2015,
/// II.B and VI.D). `None` of fewer than two clusters or lists of different lengths.
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

/// By how much the variance of a mean grows when items come in clusters of `size` with correlation `rho` between items of one
/// cluster: 1 + (size - 1) · rho (Kish, *Survey Sampling*, 1965, 5.4).
pub fn design_effect(size: f64, rho: f64) -> f64 {
    1.0 + (size - 1.0) * rho
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

    /// Half widths in points of the three published accuracies at rho .05 and .1.
    #[test]
    fn clusters_widen_the_published_intervals() {
        for (half, size, at_05, at_10) in
            [(0.5575, 5.3, 0.615, 0.667), (0.857, 31.6, 1.363, 1.727), (1.0165, 6982.0 / 2004.0, 1.078, 1.136)]
        {
            near(half * design_effect(size, 0.05).sqrt(), at_05, 1.5e-3);
            near(half * design_effect(size, 0.1).sqrt(), at_10, 1.5e-3);
        }
    }

    #[test]
    fn items_are_counted() {
        let counts = Discordant::of([(true, false), (true, true), (true, false), (false, true), (false, false)]);
        assert_eq!(counts, Discordant { both: 1, only_first: 2, only_second: 1, neither: 1 });
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
