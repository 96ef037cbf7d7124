//! Distribution of the values of each difference.

/// Distribution of one kind of difference.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferenceSpread {
    /// What differs, with its unit.
    pub name: String,
    /// Values, all of them.
    pub count: u64,
    /// Upper ends of bins, growing; the first bin begins at 0.
    pub ends: Vec<f64>,
    /// Values in each bin.
    pub counts: Vec<u64>,
}
