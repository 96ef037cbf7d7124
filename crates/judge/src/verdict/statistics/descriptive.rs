//! Means and standard deviations of a few runs.

/// Arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation of a sample (divisor n - 1); `None` of fewer than two values.
pub fn sample_sd(values: &[f64]) -> Option<f64> {
    let squares = squares(values)?;
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// Standard deviation of a whole population (divisor n); `None` of nothing.
pub fn population_sd(values: &[f64]) -> Option<f64> {
    Some((squares(values)? / values.len() as f64).sqrt())
}

/// The mean without the least and the greatest value, as MLPerf scores runs (`mlcommons/training_policies`,
/// `training_rules.adoc`); `None` of fewer than three values. Of equal extremes only one goes.
pub fn olympic_mean(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [_, kept @ .., _] => mean(kept),
        _ => None,
    }
}

/// Sum of squared differences from the mean.
fn squares(values: &[f64]) -> Option<f64> {
    let m = mean(values)?;
    Some(values.iter().map(|v| (v - m).powi(2)).sum())
}
