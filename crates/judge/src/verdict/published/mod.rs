//! The golden file of published results, `golden/published.toml`, with what is known about their spread. `train` judges by it.

mod edition;
#[cfg(test)]
mod tests;

pub use edition::{
    Collapse, EDITION, EMBEDDED, Faithful, Headline, Published, RECORDED_LEAST, Range, Rerun, Rule, RuleName, SCHEMA,
    Scored, Sigma, Task, Test,
};
