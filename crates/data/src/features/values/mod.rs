//! The rules that a row's values must keep, whoever made them: what the format allows, and what a detector can give.

mod alike;
mod boxes;
mod check;
mod numbers;
#[cfg(test)]
mod tests;

pub(super) use check::{check, check_all_but_features};
