//! Whole comparisons of small made-up files.
