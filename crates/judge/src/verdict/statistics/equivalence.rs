//! Equivalence: two one-sided tests (TOST) that a mean lies inside a margin (Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987).
//!
//! Both p-values at most alpha means: the mean lies inside the margin, at level alpha.

use super::special::gamma_front;
use super::{mean, normal_cdf, sample_sd, t_cdf, t_quantile};

/// Maximum number of runs that is ever advised.
const MOST_SEEDS: u64 = 1 << 20;

/// Returns the p-values that a mean of `n` runs with known standard deviation `sigma` lies above `low` and below `high` (normal).
pub fn tost_known(mean: f64, sigma: f64, n: u64, low: f64, high: f64) -> (f64, f64) {
    let error = sigma / (n as f64).sqrt();
    (normal_cdf(-errors_above(mean, low, error)), normal_cdf(errors_above(mean, high, error)))
}

/// Returns the p-values that the mean `values` are drawn around lies above `low` and below `high` (Student's t, n - 1 degrees of
/// freedom). `None` for fewer than two values.
pub fn tost_t(values: &[f64], low: f64, high: f64) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let error = sample_sd(values)? / n.sqrt();
    let mean = mean(values)?;
    Some((t_cdf(-errors_above(mean, low, error), n - 1.0), t_cdf(errors_above(mean, high, error), n - 1.0)))
}

/// Returns how many standard errors a mean lies above a bound; 0 on the bound, even if the runs do not differ at all.
fn errors_above(mean: f64, bound: f64, error: f64) -> f64 {
    if mean == bound { 0.0 } else { (mean - bound) / error }
}

/// Returns the power of [`tost_t`] with `n` runs of standard deviation `sigma` whose true mean is the centre of ± `margin`.
///
/// With f = n - 1, d = margin · sqrt(n) / sigma and t = t(1 - alpha, f), both tests reject where |Z| <= d - t S, so the power is
/// the integral of (2 Φ(d - t s) - 1) over the density of S = sqrt(χ²(f) / f), from 0 to d/t (Owen, Biometrika 52, 1965;
/// Phillips, J. Pharmacokinet. Biopharm. 18, 1990).
pub fn tost_power(sigma: f64, margin: f64, n: u64, alpha: f64) -> f64 {
    const PANELS: u32 = 400;
    /// Half a panel times this is where Gauss's rule of three points looks beside the middle.
    const ASIDE: f64 = 0.774_596_669_241_483_4;
    if n < 2 {
        return 0.0;
    }
    let f = n as f64 - 1.0;
    let t = t_quantile(1.0 - alpha, f);
    let d = margin * (n as f64).sqrt() / sigma;
    // S has mean about 1 and standard deviation about 1 / sqrt(2f); ten of them leave out nothing that counts.
    let reach = 10.0 / (2.0 * f).sqrt();
    let (low, high) = ((1.0 - reach).max(0.0), (1.0 + reach).min(d / t));
    if high.is_nan() || high <= low {
        return 0.0;
    }
    let density = |s: f64| 2.0 / s * gamma_front(0.5 * f, 0.5 * f * s * s);
    let at = |s: f64| (2.0 * normal_cdf(d - t * s) - 1.0) * density(s);
    let half = 0.5 * (high - low) / f64::from(PANELS);
    let panel = |i: u32| {
        let middle = low + half * f64::from(2 * i + 1);
        5.0 * at(middle - ASIDE * half) + 8.0 * at(middle) + 5.0 * at(middle + ASIDE * half)
    };
    (0..PANELS).map(panel).sum::<f64>() * half / 9.0
}

/// Returns the least number of runs with which [`tost_t`] finds equivalence within ± `margin` with probability `power`, if the true
/// difference is 0 and runs have standard deviation `sigma`: the least n with [`tost_power`] of at least `power`.
/// `None` if no number up to a million is enough, or a value is impossible.
pub fn tost_seeds(sigma: f64, margin: f64, alpha: f64, power: f64) -> Option<u64> {
    let share = |v: f64| v > 0.0 && v < 1.0;
    if !(sigma >= 0.0 && margin > 0.0 && share(2.0 * alpha) && share(power)) {
        return None;
    }
    let enough = |n: u64| tost_power(sigma, margin, n, alpha) >= power;
    let mut high = 2;
    while !enough(high) {
        high *= 2;
        if high > MOST_SEEDS {
            return None;
        }
    }
    // The power grows with n, so the least is between the last that was too few and the first that was enough.
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_of_likely_spreads() {
        for (sigma, at_03, at_05) in [(0.15, 4, 3), (0.2, 6, 4), (0.3, 11, 5)] {
            let seeds = [0.3, 0.5].map(|margin| tost_seeds(sigma, margin, 0.05, 0.8));
            assert_eq!(seeds, [Some(at_03), Some(at_05)], "{sigma}");
        }
        assert_eq!(tost_seeds(0.0, 0.3, 0.05, 0.8), Some(2));
        for (sigma, margin, alpha, power) in [
            (0.3, 0.0, 0.05, 0.8),
            (f64::NAN, 0.3, 0.05, 0.8),
            (0.3, 0.3, 0.5, 0.8),
            (0.3, 0.3, 0.05, 1.0),
            (0.3, 1e-9, 0.05, 0.8),
        ] {
            assert_eq!(tost_seeds(sigma, margin, alpha, power), None, "{sigma} {margin} {alpha} {power}");
        }
    }

    #[test]
    fn runs_that_do_not_differ() {
        assert_eq!(tost_t(&[1.0, 1.0], 0.5, 1.5), Some((0.0, 0.0)));
        assert_eq!(tost_t(&[1.0, 1.0], 1.0, 0.5), Some((0.5, 1.0)));
        assert_eq!(tost_t(&[1.0], 0.5, 1.5), None);
        assert_eq!(tost_known(1.0, 0.0, 3, 0.5, 1.5), (0.0, 0.0));
    }
}
