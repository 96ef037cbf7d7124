//! The golden file of published results, `golden/published.toml`, with what is known about their spread. `train` judges by it.

mod edition;
#[cfg(test)]
mod tests;

pub use edition::{
    CollapsedAccuracy, EDITION, EMBEDDED, EquivalenceRule, EquivalenceRuleName, FaithfulMean, Headline, PublishedRange,
    PublishedResults, PublishedTask, PublishedTest, RECORDED_LEAST, ReportedRerun, SCHEMA, Sigma, TestScorer,
};
