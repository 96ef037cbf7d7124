//! Means and standard deviations of a few runs.

/// Returns the arithmetic mean; `None` without values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns the standard deviation of a sample (divisor n - 1); `None` for fewer than two values.
pub fn sample_sd(values: &[f64]) -> Option<f64> {
    let squares = squares(values)?;
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// Returns the standard deviation of a whole population (divisor n); `None` without values.
pub fn population_sd(values: &[f64]) -> Option<f64> {
    Some((squares(values)? / values.len() as f64).sqrt())
}

/// Returns the mean without the least and the greatest value, as MLPerf scores runs (`mlcommons/training_policies`,
/// `training_rules.adoc`); `None` for fewer than three values. Only one of several equal extremes is left out.
pub fn olympic_mean(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [_, kept @ .., _] => mean(kept),
        _ => None,
    }
}

/// Returns the sum of squared differences from the mean.
fn squares(values: &[f64]) -> Option<f64> {
    let m = mean(values)?;
    Some(values.iter().map(|v| (v - m).powi(2)).sum())
}
