//! What was published, and what is known of how it spreads: `golden/published.toml`. Judged by `train`.

mod edition;
#[cfg(test)]
mod tests;

pub use edition::{
    Collapse, EDITION, EMBEDDED, Faithful, Headline, Published, RECORDED_LEAST, Range, Rerun, Rule, RuleName, SCHEMA,
    Scored, Sigma, Task, Test,
};
