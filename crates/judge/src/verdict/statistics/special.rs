//! The regularised incomplete beta and gamma functions, from which the distributions follow.
//!
//! Both are a front factor times a fraction or a series: for gamma as in Press et al., *Numerical Recipes*, 3rd ed., 6.2; for
//! beta the fraction of DiDonato and Morris (Algorithm 708, ACM Trans. Math. Softw. 18, 1992), which uses 1 - x where x is
//! near 1; fractions by the modified Lentz method. The front factors are a binomial and a Poisson probability. They are computed
//! from deviances (Loader, *Fast and Accurate Computation of Binomial Probabilities*, 2000), since differences of log gamma
//! lose a digit for each digit of the counts. Log gamma itself, for small arguments, is Lanczos's series (g = 7, nine terms).

use std::f64::consts::PI;

/// Near the mean a fraction or series takes some multiple of the square root of its argument in steps; this ends all others.
const STEPS: u32 = 1_000_000;
/// One step that changes the result by less than about one unit in the last place is the last.
const LAST_STEP: f64 = 3e-16;
const TINY: f64 = 1e-300;

/// I_x(a, b) for a, b of at least 1/2; `y` is 1 - x, which the caller often knows more exactly than 1 - x gives it.
pub(super) fn incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    let front = a * b / (a + b) * binomial_density(a, a + b, x, y);
    // The fraction converges fast only on this side of the mean; the other side follows by symmetry.
    if x < (a + 1.0) / (a + b + 2.0) {
        front / beta_fraction(a, b, x, y)
    } else {
        1.0 - front / beta_fraction(b, a, y, x)
    }
}

fn beta_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let denominator = |m: f64| {
        let first = if m > 0.0 { m + m * (b - m) * x / (a + 2.0 * m - 1.0) } else { 0.0 };
        first + (a + m) * (a * y - b * x + 1.0 + m * (1.0 + y)) / (a + 2.0 * m + 1.0)
    };
    let mut h = away_from_zero(denominator(0.0));
    let (mut c, mut d) = (h, 0.0);
    for m in 1..STEPS {
        let m = f64::from(m);
        let before = a + 2.0 * m - 1.0;
        let numerator = (a + m - 1.0) / before * ((a + b + m - 1.0) / before) * m * (b - m) * x * x;
        d = 1.0 / away_from_zero(denominator(m) + numerator * d);
        c = away_from_zero(denominator(m) + numerator / c);
        h *= c * d;
        if (c * d - 1.0).abs() < LAST_STEP {
            break;
        }
    }
    h
}

/// Q(a, x), the regularised upper incomplete gamma function, for a of at least 1/2.
pub(super) fn upper_gamma(a: f64, x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let front = gamma_front(a, x);
    if x < a + 1.0 { 1.0 - front * gamma_series(a, x) } else { front * gamma_fraction(a, x) }
}

fn gamma_series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for k in 1..STEPS {
        term *= x / (a + f64::from(k));
        sum += term;
        if term < LAST_STEP * sum {
            break;
        }
    }
    sum
}

fn gamma_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / away_from_zero(b);
    let mut h = d;
    for k in 1..STEPS {
        let k = f64::from(k);
        let numerator = k * (a - k);
        b += 2.0;
        d = 1.0 / away_from_zero(b + numerator * d);
        c = away_from_zero(b + numerator / c);
        h *= d * c;
        if (d * c - 1.0).abs() < LAST_STEP {
            break;
        }
    }
    h
}

/// x^a e^-x / Γ(a).
pub(super) fn gamma_front(a: f64, x: f64) -> f64 {
    (a / (2.0 * PI)).sqrt() * (-stirling_error(a) - deviance(a, x)).exp()
}

/// Γ(n+1) / (Γ(k+1) Γ(n-k+1)) · p^k · q^(n-k) for 0 < k < n, neither a whole number necessarily.
fn binomial_density(k: f64, n: f64, p: f64, q: f64) -> f64 {
    let rest = n - k;
    let errors = stirling_error(n) - stirling_error(k) - stirling_error(rest);
    (n / (2.0 * PI * k * rest)).sqrt() * (errors - deviance(k, n * p) - deviance(rest, n * q)).exp()
}

/// x ln(x/m) + m - x, without cancellation where x is near m.
fn deviance(x: f64, m: f64) -> f64 {
    let difference = x - m;
    if difference.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() - difference;
    }
    let v = difference / (x + m);
    let mut sum = difference * v;
    let mut term = 2.0 * x * v;
    // Terms shrink by v² < 1/100 at least.
    for k in 1..20 {
        term *= v * v;
        sum += term / f64::from(2 * k + 1);
    }
    sum
}

/// ln Γ(x+1) - (x + 1/2) ln x + x - ln(2π)/2: what Stirling's formula leaves.
fn stirling_error(x: f64) -> f64 {
    if x < 10.0 {
        return ln_gamma(x + 1.0) - (x + 0.5) * x.ln() + x - 0.5 * (2.0 * PI).ln();
    }
    let square = x * x;
    (1.0 / 12.0
        - (1.0 / 360.0
            - (1.0 / 1260.0 - (1.0 / 1680.0 - (1.0 / 1188.0 - 691.0 / 360_360.0 / square) / square) / square) / square)
            / square)
        / x
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
    0.5 * (2.0 * PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

fn away_from_zero(v: f64) -> f64 {
    if v.abs() < TINY { TINY } else { v }
}
