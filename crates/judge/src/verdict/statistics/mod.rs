//! The statistics of a verdict. Shares and probabilities are in 0..=1, accuracies in percentage points.
//!
//! Each formula names its reference where it stands. `tests/fixtures/statistics/known.json` holds answers to all of them that
//! SciPy and statsmodels computed.

mod descriptive;
mod distributions;
mod equivalence;
mod fisher;
mod intervals;
mod paired;
mod rate;
mod rcp;
mod special;
#[cfg(test)]
mod tests;

pub use descriptive::{mean, olympic_mean, population_sd, sample_sd};
pub use distributions::{chi_square_sf, f_sf, normal_cdf, normal_quantile, t_cdf, t_quantile};
pub use equivalence::{tost_known, tost_power, tost_seeds, tost_t};
pub use fisher::fisher_after_none;
pub use intervals::{Interval, mean_interval, prediction_interval_of_mean, wilson};
pub use paired::{clustered_interval, mcnemar_exact, paired_interval};
pub use rate::rate_bounds;
pub use rcp::rcp_threshold;
