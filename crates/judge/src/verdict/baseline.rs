//! Scores of predictors that are weaker than the model, on the same items.

/// The score of one baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// Such as `question-only`.
    pub name: String,
    /// Accuracy in points.
    pub accuracy: f64,
}

/// Returns the highest score of each baseline over all runs. A baseline that one of them did not measure is left out.
pub(crate) fn highest<'r>(runs: impl IntoIterator<Item = &'r [Baseline]>) -> Vec<Baseline> {
    let mut runs = runs.into_iter();
    let first = runs.next().unwrap_or_default().to_vec();
    runs.fold(first, |all, run| {
        let beside = |known: Baseline| {
            let other = run.iter().find(|other| other.name == known.name)?;
            Some(Baseline { accuracy: known.accuracy.max(other.accuracy), ..known })
        };
        all.into_iter().filter_map(beside).collect()
    })
}
