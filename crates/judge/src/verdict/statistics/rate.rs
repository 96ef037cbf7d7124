//! Bounds of a rate that was counted, such as the share of simulated runs that a rule fails.

use super::Interval;
use super::distributions::beta_quantile;

/// Returns Clopper and Pearson's exact interval (Biometrika 26, 1934) of the rate behind `k` events in `n` trials. Everything from 0 to
/// 1 without trials; `k` counts as at most `n`.
pub fn rate_bounds(k: u64, n: u64, confidence: f64) -> Interval {
    let k = k.min(n);
    let tail = 0.5 - confidence / 2.0;
    let (events, others) = (k as f64, (n - k) as f64);
    Interval {
        low: if k == 0 { 0.0 } else { beta_quantile(tail, events, others + 1.0) },
        high: if k == n { 1.0 } else { beta_quantile(1.0 - tail, events + 1.0, others) },
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::near;
    use super::*;

    #[test]
    fn nothing_and_everything_have_closed_forms() {
        assert_eq!(rate_bounds(0, 0, 0.95), Interval { low: 0.0, high: 1.0 });
        near(rate_bounds(0, 1000, 0.95).high, 1.0 - 0.025f64.powf(1e-3), 1e-14);
        near(rate_bounds(1000, 1000, 0.95).low, 0.025f64.powf(1e-3), 1e-14);
        assert_eq!(rate_bounds(9, 5, 0.95), rate_bounds(5, 5, 0.95));
    }
}
