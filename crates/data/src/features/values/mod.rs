//! Rules for a row's values, whoever made them: what the format allows and what a detector can output.

mod boxes;
mod check;
mod numbers;
mod repeated;
#[cfg(test)]
mod tests;

pub(super) use check::{check, check_all_but_features};
