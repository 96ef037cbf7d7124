//! MLPerf's reference convergence points (`mlcommons/training_policies`, `training_rules.adoc`; `mlcommons/logging`,
//! `rcp_checker.py`).
//!
//! Both lists of runs lose their best and worst, so the reference's mean is [`super::olympic_mean`] and the counts are those that
//! are left. The standard deviation is [`super::population_sd`] of the reference: the checker takes it of the whole list, the
//! worked examples of the rules of the list without best and worst.

use super::t_quantile;

/// Returns the least mean of `n_submitted` runs that is not significantly below a reference of mean `mean` and standard deviation `s`
/// over `n_reference` runs: mean - t(1 - alpha, n_r + n_s - 2) · s · sqrt(1/n_r + 1/n_s), Student's two-sample test with equal
/// variances, one-sided.
///
/// MLPerf asks it of epochs, where fewer are better and too few are suspicious. Of an accuracy, where more is better, the same
/// bound is the least that still counts as reached. `None` without runs on either side or with one on each.
pub fn rcp_threshold(mean: f64, s: f64, n_reference: usize, n_submitted: usize, alpha: f64) -> Option<f64> {
    let (reference, submitted) = (n_reference as f64, n_submitted as f64);
    let df = reference + submitted - 2.0;
    (n_reference > 0 && n_submitted > 0 && df > 0.0)
        .then(|| mean - t_quantile(1.0 - alpha, df) * s * (1.0 / reference + 1.0 / submitted).sqrt())
}

#[cfg(test)]
mod tests {
    use super::super::tests::near;
    use super::super::{olympic_mean, population_sd};
    use super::*;

    /// Half width of the mean of N runs, and MLPerf's margins (mlcommons/logging rcp_checker), in units of s.
    #[test]
    fn margins_of_few_runs() {
        for (n, width) in [(3.0, 2.484), (5.0, 1.242), (10.0, 0.715)] {
            near(t_quantile(0.975, n - 1.0) / f64::sqrt(n), width, 5.1e-4);
        }
        for (reference, submitted, margin) in
            [(10, 5, 0.970), (20, 10, 0.659), (8, 3, 1.241), (5, 5, 1.176), (5, 3, 1.419), (3, 3, 1.741), (4, 1, 2.631)]
        {
            near(-rcp_threshold(0.0, 1.0, reference, submitted, 0.05).unwrap(), margin, 5.1e-4);
        }
    }

    /// The two worked examples of `training_rules.adoc`, from their runs: means, deviations and bounds as printed.
    #[test]
    fn worked_examples_of_the_rules() {
        let first = [16.0, 14.0, 16.0, 17.0, 16.0, 16.0, 15.0, 16.0, 15.0, 16.0];
        let second = [20.0, 21.0, 21.0, 20.0, 22.0, 22.0, 21.0, 21.0, 20.0, 20.0];
        for (runs, mean, s, bound) in [(first, 15.75, 0.43, 15.21), (second, 20.75, 0.66, 19.93)] {
            let mut kept = runs;
            kept.sort_by(f64::total_cmp);
            near(olympic_mean(&runs).unwrap(), mean, 1e-12);
            let sd = population_sd(&kept[1..9]).unwrap();
            near(sd, s, 5e-3);
            near(rcp_threshold(mean, sd, 8, 3, 0.05).unwrap(), bound, 5e-3);
        }
        near(rcp_threshold(15.75, 0.43, 8, 3, 0.05).unwrap(), 15.216, 5e-4);
        near(rcp_threshold(20.75, 0.66, 8, 3, 0.05).unwrap(), 19.93, 5e-3);
        assert_eq!(rcp_threshold(1.0, 1.0, 1, 1, 0.05), None);
        assert_eq!(rcp_threshold(1.0, 1.0, 8, 0, 0.05), None);
    }
}
