//! Fisher's exact test where nothing was recorded.

/// Fisher's exact test (*The Design of Experiments*, 1935), one-sided, where nothing was recorded: the probability that all
/// `k` events fall on the `n` items at hand and none on the `none_of` recorded ones, if both have one rate. 1 without events.
pub fn fisher_after_none(k: u64, n: u64, none_of: u64) -> f64 {
    let all = n as f64 + none_of as f64;
    (0..k.min(n)).map(|i| (n - i) as f64 / (all - i as f64)).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.fisher_exact([[k, n - k], [0, 15]], "greater").pvalue (scipy 1.17.1).
    #[test]
    fn fisher_is_scipy() {
        for (k, n, p) in [
            (0, 10, 1.0),
            (3, 10, 0.052_173_913_043_478_26),
            (4, 10, 0.016_600_790_513_833_99),
            (2, 2, 0.007_352_941_176_470_588),
            (200, 1000, 0.036_243_417_222_316_19),
        ] {
            assert!(
                (fisher_after_none(k, n, 15) / p - 1.0).abs() < 1e-9,
                "{k} of {n}: {}",
                fisher_after_none(k, n, 15)
            );
        }
    }
}
