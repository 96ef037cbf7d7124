//! Two extractions of the same images judged by what is known of such differences: `golden/features.toml`.
//!
//! Rules of edition 2.
//!
//! - A level is a claim about where both files come from. Its limits are what was measured or follows from a format;
//!   each has its reason and its source. What nobody measured is shown and not judged.
//! - Beyond a limit: FAIL. A measure that there is not: INCONCLUSIVE. So is more than a limit says is known to be noise, where it
//!   says so ([`MeasureLimit::passed_share`]).
//! - Too few images in both files, images in one file only that were not said to be left out, or columns that one of the
//!   files does not have: INCONCLUSIVE.
//! - A level may say that it is no bar of correctness: then PASS becomes INCONCLUSIVE.
//!
//! [`Verdict::over`](crate::verdict::Verdict::over) decides over several findings.

mod limits;
#[cfg(test)]
mod tests;

pub(crate) use limits::MeasuredDifferences;
pub use limits::{
    BoxMatching, EDITION, EMBEDDED, FeatureLevel, FeatureVerdict, GoldenFeatures, MeasureLimit, MeasureRow, SCHEMA,
    Tolerance, UnjudgedMeasure,
};
