//! The statistics of a verdict. Shares and probabilities are in 0..=1, accuracies in percentage points.
//!
//! References: the regularised incomplete beta function by its continued fraction with the modified Lentz method
//! (Press et al., *Numerical Recipes*, 3rd ed., 6.4); log gamma by Lanczos's series (g = 7, nine terms); the normal distribution by
//! Marsaglia's series (*Evaluating the Normal Distribution*, J. Stat. Softw. 11(4), 2004); Wilson's interval
//! (J. Am. Stat. Assoc. 22, 1927); Fisher's exact test (*The Design of Experiments*, 1935); the prediction interval of one new observation (Hahn and Meeker, *Statistical Intervals*, 4.7).

use serde::{Deserialize, Serialize};

/// From one value to another; both belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation of a sample (divisor n - 1); `None` of fewer than two values.
pub fn sample_sd(values: &[f64]) -> Option<f64> {
    let m = mean(values)?;
    (values.len() > 1).then(|| (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt())
}

/// The interval that holds one new value with probability `confidence`, given `values` from the same normal distribution:
/// mean ± t(1 - (1 - confidence)/2, n - 1) · s · sqrt(1 + 1/n), where s is at least `sd_floor`.
/// `None` of fewer than two values.
pub fn prediction_interval(values: &[f64], confidence: f64, sd_floor: f64) -> Option<(f64, f64)> {
    let sd = sample_sd(values)?.max(sd_floor);
    let m = mean(values)?;
    let n = values.len() as f64;
    let half = t_quantile(0.5 + confidence / 2.0, n - 1.0) * sd * (1.0 + 1.0 / n).sqrt();
    Some((m - half, m + half))
}

/// Wilson's score interval for a share `p` observed on `n` items.
pub fn wilson(p: f64, n: u64, confidence: f64) -> (f64, f64) {
    let n = n as f64;
    let z = normal_quantile(0.5 + confidence / 2.0);
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Fisher's exact test, one-sided, where nothing was recorded: the probability that all `k` events fall on the `n` items at
/// hand and none on the `none_of` recorded ones, if both have one rate. 1 without events.
pub fn fisher_after_none(k: u64, n: u64, none_of: u64) -> f64 {
    let all = n as f64 + none_of as f64;
    (0..k.min(n)).map(|i| (n - i) as f64 / (all - i as f64)).product()
}

/// P(T <= t) of Student's t with `df` degrees of freedom.
pub fn t_cdf(t: f64, df: f64) -> f64 {
    let tail = 0.5 * incomplete_beta(df / 2.0, 0.5, df / (df + t * t));
    if t < 0.0 { tail } else { 1.0 - tail }
}

/// The `p` quantile of Student's t with `df` degrees of freedom, for p strictly between 0 and 1.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if p < 0.5 {
        return -t_quantile(1.0 - p, df);
    }
    invert(p, |t| t_cdf(t, df))
}

/// P(Z <= z) of the standard normal distribution.
pub fn normal_cdf(z: f64) -> f64 {
    if z.abs() > 8.0 {
        return if z < 0.0 { 0.0 } else { 1.0 };
    }
    let (mut sum, mut term, mut k) = (z, z, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        k += 2.0;
        term *= z * z / k;
        sum += term;
    }
    0.5 + sum * (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The `p` quantile of the standard normal distribution, for p strictly between 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    if p < 0.5 { -normal_quantile(1.0 - p) } else { invert(p, normal_cdf) }
}

/// The non-negative x with `cdf(x) = p`, for a growing `cdf` and p in [0.5, 1), by bisection to the last bit.
fn invert(p: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while cdf(high) < p && high < 1e15 {
        high *= 2.0;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// I_x(a, b), the regularised incomplete beta function.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    // The fraction converges fast only on this side of the mean; the other side follows by symmetry.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let mut step = |numerator: f64| {
            d = 1.0 / away_from_zero(1.0 + numerator * d);
            c = away_from_zero(1.0 + numerator / c);
            h *= d * c;
            d * c
        };
        step(m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)));
        let factor = step(-(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)));
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

fn ln_gamma(x: f64) -> f64 {
    const SERIES: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let sum = SERIES.iter().zip(1..).fold(0.999_999_999_999_809_9, |s, (c, i)| s + c / (x + f64::from(i)));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
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

    #[track_caller]
    fn near(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "got {got}, expected {expected}");
    }

    #[test]
    fn t_quantiles_of_printed_tables() {
        // Columns: df, then t at .95, .975, .99, .995, .9995.
        let table = [
            (1.0, [6.314, 12.706, 31.821, 63.657, 636.619]),
            (2.0, [2.920, 4.303, 6.965, 9.925, 31.599]),
            (3.0, [2.353, 3.182, 4.541, 5.841, 12.924]),
            (5.0, [2.015, 2.571, 3.365, 4.032, 6.869]),
            (9.0, [1.833, 2.262, 2.821, 3.250, 4.781]),
            (10.0, [1.812, 2.228, 2.764, 3.169, 4.587]),
            (19.0, [1.729, 2.093, 2.539, 2.861, 3.883]),
            (30.0, [1.697, 2.042, 2.457, 2.750, 3.646]),
            (120.0, [1.658, 1.980, 2.358, 2.617, 3.373]),
        ];
        for (df, row) in table {
            for (p, expected) in [0.95, 0.975, 0.99, 0.995, 0.9995].into_iter().zip(row) {
                near(t_quantile(p, df), expected, 5.001e-4);
                near(t_quantile(1.0 - p, df), -expected, 5.001e-4);
                near(t_cdf(t_quantile(p, df), df), p, 1e-13);
            }
        }
        // Closed forms: one degree of freedom is Cauchy's, two has an algebraic quantile.
        near(t_quantile(0.995, 1.0), (0.495 * std::f64::consts::PI).tan(), 1e-9);
        near(t_quantile(0.995, 2.0), 0.99 * (2.0f64 / (1.0 - 0.99 * 0.99)).sqrt(), 1e-11);
        near(t_quantile(0.5, 7.0), 0.0, 1e-12);
    }

    #[test]
    fn normal_quantiles_of_printed_tables() {
        for (p, z) in [(0.95, 1.644_853_627), (0.975, 1.959_963_985), (0.995, 2.575_829_304), (0.9995, 3.290_526_731)] {
            near(normal_quantile(p), z, 1e-9);
            near(normal_quantile(1.0 - p), -z, 1e-9);
        }
        near(normal_cdf(0.0), 0.5, 0.0);
        near(normal_cdf(9.0), 1.0, 0.0);
    }

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

    /// Half width of the mean of N runs, and MLPerf's margins (mlcommons/logging rcp_checker), in units of s.
    #[test]
    fn margins_of_few_runs() {
        for (n, width) in [(3.0, 2.484), (5.0, 1.242), (10.0, 0.715)] {
            near(t_quantile(0.975, n - 1.0) / f64::sqrt(n), width, 5.1e-4);
        }
        for (reference, submitted, margin) in [
            (10.0, 5.0, 0.970),
            (20.0, 10.0, 0.659),
            (8.0, 3.0, 1.241),
            (5.0, 5.0, 1.176),
            (5.0, 3.0, 1.419),
            (3.0, 3.0, 1.741),
            (4.0, 1.0, 2.631),
        ] {
            let got = t_quantile(0.95, reference + submitted - 2.0) * f64::sqrt(1.0 / reference + 1.0 / submitted);
            near(got, margin, 5.1e-4);
        }
    }

    #[test]
    fn prediction_interval_known_answer() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        near(sample_sd(&values).unwrap(), 3.027_650_354, 1e-9);
        // 5.5 ± 3.249836 · 3.027650 · sqrt(1.1)
        let (low, high) = prediction_interval(&values, 0.99, 0.0).unwrap();
        near(high - 5.5, 10.319_6, 1e-3);
        near(low + high, 11.0, 1e-12);
        let (low, high) = prediction_interval(&[50.0; 10], 0.99, 0.2).unwrap();
        near(high - low, 2.0 * 3.249_836 * 0.2 * 1.1f64.sqrt(), 1e-6);
        assert_eq!(prediction_interval(&[1.0], 0.99, 0.1), None);
        assert_eq!(mean(&[]), None);
    }
}
