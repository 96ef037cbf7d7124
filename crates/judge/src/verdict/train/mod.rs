//! Trainings against a published number and range: the TRAIN gate, rule `equivalence-to-range` of edition 2.
//!
//! What is asked is whether the mean of such trainings lies where a faithful one's does: in the author's range [L, H], or
//! between it and his headline, that is in [L, U] with U the larger of H and the headline. A rerun is scored on the same
//! questions, so the sampling of questions plays no part; what separates two runs is the training's own noise, sigma. Sigma is
//! assumed and said to be, until [`super::published::RECORDED_LEAST`] runs of ours are recorded in the golden file, whose spread
//! then replaces it (with Student's t of their degrees of freedom in place of the normal distribution).
//!
//! With the mean m of the N runs that count, h = q(1 - alpha) · sigma / sqrt(N) and the margin d, in this order:
//!
//! - PASS where m - h > L - d and m + h < U + d: two one-sided tests (TOST; Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987)
//!   reject that the mean lies more than d outside. Of runs whose mean does, at most alpha pass.
//! - FAIL where m + h < L or m - h > U: a one-sided test rejects that the mean lies in [L, U]. Of faithful runs at most
//!   alpha fail on the side that they are near. Above is not reproduced either: the settings are said to be the same.
//! - Otherwise INCONCLUSIVE, with the number of seeds that would settle it were the mean to stay.
//! - Runs that scatter more than sigma explains (at `scatter_alpha`: chi-squared test of their variance, or F test beside
//!   recorded runs) contradict it: they are judged by the same tests with their own spread and Student's t.
//!
//! The headline is one run of the author's, best of those he chose from: the target `headline` is met where the mean is not
//! below headline - q(1 - alpha) · sigma · sqrt(1 + 1/N), which no verdict follows from.
//!
//! Before all that, [`super::runs`] says which runs count; of all findings [`Verdict::over`] decides.

mod equivalence;
mod gate;
#[cfg(test)]
mod tests;

pub(super) use equivalence::{Found, Scatter, Test};
pub(crate) use gate::judge;
