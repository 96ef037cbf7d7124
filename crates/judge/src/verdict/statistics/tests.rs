//! Every formula against the answers of SciPy and statsmodels in `tests/fixtures/statistics/known.json`.
//!
//! All answers agreed to 1e-12 when the file was made. The tolerances leave ten times that for another mathematical library
//! and no room for another formula.

use serde_json::Value;

use super::distributions::binomial_cdf;
use super::*;

const RELATIVE: f64 = 1e-11;
/// Ends of an interval may lie near 0 by subtraction; this is relative to the interval's own scale of about 1.
const END: f64 = 1e-12;

#[track_caller]
pub(super) fn near(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "got {got}, expected {expected}");
}

/// One worked case.
struct Case(Value);

impl Case {
    #[track_caller]
    fn number(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    #[track_caller]
    fn count(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    fn size(&self, name: &str) -> usize {
        usize::try_from(self.count(name)).unwrap()
    }

    fn list<T: serde::de::DeserializeOwned>(&self, name: &str) -> Vec<T> {
        serde_json::from_value(self.0[name].clone()).unwrap()
    }

    #[track_caller]
    fn same(&self, name: &str, got: f64) {
        let expected = self.number(name);
        assert!((got - expected).abs() <= RELATIVE * expected.abs(), "{name} is {got} in {}", self.0);
    }

    #[track_caller]
    fn same_ends(&self, low: f64, high: f64) {
        for (name, got) in [("low", low), ("high", high)] {
            let expected = self.number(name);
            assert!((got - expected).abs() <= END * (1.0 + expected.abs()), "{name} is {got} in {}", self.0);
        }
    }
}

fn each(section: &str, check: impl Fn(&Case)) {
    let known: Value =
        serde_json::from_str(include_str!("../../../../../tests/fixtures/statistics/known.json")).unwrap();
    let cases = known[section].as_array().unwrap();
    assert!(!cases.is_empty(), "{section}");
    cases.iter().cloned().map(Case).for_each(|case| check(&case));
}

#[test]
fn descriptive_is_numpy() {
    each("descriptive", |c| {
        let values: Vec<f64> = c.list("values");
        c.same("mean", mean(&values).unwrap());
        c.same("sample_sd", sample_sd(&values).unwrap());
        c.same("population_sd", population_sd(&values).unwrap());
        c.same("olympic_mean", olympic_mean(&values).unwrap());
    });
    assert_eq!([olympic_mean(&[1.0, 2.0]), population_sd(&[]), sample_sd(&[1.0])], [None; 3]);
}

#[test]
fn distributions_are_scipy() {
    each("normal", |c| c.same("cdf", normal_cdf(c.number("z"))));
    each("normal_quantile", |c| c.same("quantile", normal_quantile(c.number("p"))));
    each("t", |c| c.same("cdf", t_cdf(c.number("t"), c.number("df"))));
    each("t_quantile", |c| c.same("quantile", t_quantile(c.number("p"), c.number("df"))));
    each("chi_square", |c| c.same("sf", chi_square_sf(c.number("x"), c.number("df"))));
    each("f", |c| c.same("sf", f_sf(c.number("f"), c.number("first"), c.number("second"))));
    each("binomial", |c| c.same("cdf", binomial_cdf(c.count("k"), c.count("n"), c.number("p"))));
}

#[test]
fn intervals_are_scipy_and_statsmodels() {
    each("wilson", |c| {
        let (low, high) = wilson(c.number("k") / c.number("n"), c.count("n"), c.number("confidence"));
        c.same_ends(low, high);
    });
    each("prediction", |c| {
        let (values, confidence, floor) = (c.list("values"), c.number("confidence"), c.number("sd_floor"));
        let new = c.size("new");
        let (low, high) = prediction_interval_of_mean(&values, confidence, floor, new).unwrap();
        c.same_ends(low, high);
    });
    each("mean_interval", |c| {
        let Interval { low, high } = mean_interval(&c.list("values"), c.number("confidence")).unwrap();
        c.same_ends(low, high);
    });
    each("rate", |c| {
        let Interval { low, high } = rate_bounds(c.count("k"), c.count("n"), c.number("confidence"));
        c.same_ends(low, high);
    });
}

#[test]
fn pairs_are_scipy_and_statsmodels() {
    each("mcnemar_exact", |c| {
        let counts = (c.count("only_first"), c.count("only_second"));
        c.same("p", mcnemar_exact(counts.0, counts.1));
        c.same("p", mcnemar_exact(counts.1, counts.0));
    });
    each("paired", |c| {
        let (mean, interval) = paired_interval(&c.list("differences"), c.number("confidence")).unwrap();
        c.same("mean", mean);
        c.same_ends(interval.low, interval.high);
    });
    each("clustered", |c| {
        let (mean, interval) =
            clustered_interval(&c.list("differences"), &c.list("clusters"), c.number("confidence")).unwrap();
        c.same("mean", mean);
        c.same_ends(interval.low, interval.high);
    });
    assert_eq!(mcnemar_exact(0, 1_000_000), 0.0);
    assert_eq!(mcnemar_exact(u64::MAX, u64::MAX), 1.0);
}

#[test]
fn equivalence_is_scipy_and_statsmodels() {
    each("tost_known", |c| {
        let (low, high) = (c.number("low"), c.number("high"));
        let (p_low, p_high) = tost_known(c.number("mean"), c.number("sigma"), c.count("n"), low, high);
        c.same("p_low", p_low);
        c.same("p_high", p_high);
    });
    each("tost_t", |c| {
        let (p_low, p_high) = tost_t(&c.list("values"), c.number("low"), c.number("high")).unwrap();
        c.same("p_low", p_low);
        c.same("p_high", p_high);
    });
    each("tost_power", |c| {
        c.same("power", tost_power(c.number("sigma"), c.number("margin"), c.count("n"), c.number("alpha")));
    });
    each("tost_seeds", |c| {
        let seeds = tost_seeds(c.number("sigma"), c.number("margin"), c.number("alpha"), c.number("power"));
        assert_eq!(seeds, Some(c.count("n")), "{}", c.0);
    });
}

#[test]
fn reference_points_and_fisher_are_scipy() {
    each("rcp", |c| {
        let (mean, s) = (c.number("mean"), c.number("s"));
        let threshold = rcp_threshold(mean, s, c.size("reference"), c.size("submitted"), c.number("alpha"));
        c.same("threshold", threshold.unwrap());
    });
    each("fisher", |c| c.same("p", fisher_after_none(c.count("k"), c.count("n"), c.count("none_of"))));
}
