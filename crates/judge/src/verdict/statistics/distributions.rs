//! Distribution functions and their quantiles.
//!
//! Tails are computed as tails, not as one minus the rest, so that small probabilities keep their digits. Quantiles are found
//! by bisection to the last bit. A probability of 0 or 1 has its quantile at the end of the distribution's range; what is no
//! probability gives NaN.

use super::special::{incomplete_beta, upper_gamma};

/// Returns P(T <= t) of Student's t with `df` degrees of freedom (*Numerical Recipes*, 3rd ed., 6.14.3).
pub fn t_cdf(t: f64, df: f64) -> f64 {
    let square = t * t;
    // Of an infinite t, too, both shares are numbers.
    let tail = 0.5 * incomplete_beta(df / 2.0, 0.5, df / (df + square), 1.0 / (1.0 + df / square));
    if t < 0.0 { tail } else { 1.0 - tail }
}

/// Returns the `p` quantile of Student's t with `df` degrees of freedom.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    symmetric_quantile(p, |t| t_cdf(-t, df))
}

/// Returns P(Z <= z) of the standard normal distribution: Marsaglia's series (*Evaluating the Normal Distribution*,
/// J. Stat. Softw. 11(4), 2004) near 0, the incomplete gamma function Q(1/2, z²/2) in the tails.
pub fn normal_cdf(z: f64) -> f64 {
    if z.abs() > 2.0 {
        let tail = 0.5 * upper_gamma(0.5, 0.5 * z * z);
        return if z < 0.0 { tail } else { 1.0 - tail };
    }
    let (mut sum, mut term, mut k) = (z, z, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        k += 2.0;
        term *= z * z / k;
        sum += term;
    }
    0.5 + sum * (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Returns the `p` quantile of the standard normal distribution.
pub fn normal_quantile(p: f64) -> f64 {
    symmetric_quantile(p, |z| normal_cdf(-z))
}

/// Returns P(X > x) of the chi-square distribution with `df` degrees of freedom: Q(df/2, x/2) (*Numerical Recipes*, 3rd ed., 6.14.8).
pub fn chi_square_sf(x: f64, df: f64) -> f64 {
    upper_gamma(df / 2.0, x / 2.0)
}

/// Returns P(X > x) of the F distribution, the ratio of two variances with these degrees of freedom (*Numerical Recipes*, 3rd ed.,
/// 6.14.10).
pub fn f_sf(x: f64, first: f64, second: f64) -> f64 {
    let sum = second + first * x;
    incomplete_beta(second / 2.0, first / 2.0, second / sum, first * x / sum)
}

/// Returns P(X <= k) of `n` trials with probability `p` each (Abramowitz and Stegun, 26.5.24).
pub(super) fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 1.0 } else { incomplete_beta((n - k) as f64, k as f64 + 1.0, 1.0 - p, p) }
}

/// Returns the `p` quantile of the beta distribution, for `a` and `b` of at least 1/2.
pub(super) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    bisect(0.0, 1.0, |x| incomplete_beta(a, b, x, 1.0 - x) < p)
}

/// Returns the `p` quantile of a distribution symmetric about 0; `tail` is P(X <= -x), and 1 - p is exact for p of at least 1/2.
fn symmetric_quantile(p: f64, tail: impl Fn(f64) -> f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let (share, sign) = if p < 0.5 { (p, -1.0) } else { (1.0 - p, 1.0) };
    if share == 0.0 || share == 0.5 {
        return if share == 0.0 { sign * f64::INFINITY } else { 0.0 };
    }
    let mut high = 1.0;
    while tail(high) > share && high < 1e300 {
        high *= 2.0;
    }
    sign * bisect(0.0, high, |x| tail(x) > share)
}

/// Returns the last x of `low..high` that is still `before` what is sought, to the last bit.
fn bisect(mut low: f64, mut high: f64, before: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if before(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::near;
    use super::*;

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

    #[test]
    fn ends_and_nonsense_have_answers() {
        let infinity = f64::INFINITY;
        assert_eq!(
            [normal_cdf(infinity), normal_cdf(-infinity), t_cdf(infinity, 3.0), t_cdf(-infinity, 3.0)],
            [1.0, 0.0, 1.0, 0.0]
        );
        assert_eq!([normal_quantile(0.0), normal_quantile(1.0), t_quantile(1.0, 4.0)], [-infinity, infinity, infinity]);
        assert_eq!(
            [beta_quantile(0.0, 2.0, 3.0), chi_square_sf(0.0, 2.0), chi_square_sf(infinity, 2.0)],
            [0.0, 1.0, 0.0]
        );
        for nonsense in [
            normal_cdf(f64::NAN),
            t_cdf(f64::NAN, 3.0),
            t_quantile(f64::NAN, 3.0),
            normal_quantile(1.5),
            beta_quantile(-0.1, 2.0, 3.0),
            chi_square_sf(f64::NAN, 2.0),
        ] {
            assert!(nonsense.is_nan());
        }
    }
}
