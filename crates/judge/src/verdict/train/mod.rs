//! The TRAIN gate: judges trainings by a published number and range (rule `equivalence-to-range` of edition 2).
//!
//! The question is whether the mean of such trainings lies where that of faithful trainings does: in [L, U], where L is the lower
//! end of the author's range and U the larger of its upper end and his headline. A rerun is scored on the same questions, so
//! their sampling plays no part. Two runs differ by the noise of training only; its standard deviation is sigma. Sigma is
//! assumed, and reports say so, until the golden file holds [`super::published::RECORDED_LEAST`] recorded runs. Then their spread
//! replaces it, with Student's t of their degrees of freedom instead of the normal distribution.
//!
//! Let m be the mean of the N runs that count, h = q(1 - alpha) · sigma / sqrt(N), and d the margin. In this order:
//!
//! - PASS if m - h > L - d and m + h < U + d: two one-sided tests (TOST; Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987)
//!   reject that the mean lies more than d outside. At most a share alpha of runs with such a mean passes.
//! - FAIL if m + h < L or m - h > U: a one-sided test rejects that the mean lies in [L, U]. At most a share
//!   alpha of faithful runs fails at either end. A mean above is not a reproduction either, since the settings are the same.
//! - Otherwise INCONCLUSIVE, with the number of seeds that would settle it if the mean stays.
//! - Runs that scatter more than sigma explains (at `scatter_alpha`: chi-squared test of their variance, or F test beside
//!   recorded runs) contradict it: they are judged by the same tests with their own spread and Student's t.
//!
//! The headline is a single run that the author chose. The target `headline` is met if the mean is not below
//! headline - q(1 - alpha) · sigma · sqrt(1 + 1/N); no verdict follows from that.
//!
//! Before that, [`super::runs`] says which runs count; [`Verdict::over`] decides between all findings.

mod equivalence;
mod gate;
#[cfg(test)]
mod tests;

pub(super) use equivalence::{Equivalence, EquivalenceTest, Scatter};
pub(crate) use gate::judge;
