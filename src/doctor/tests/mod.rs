//! Tests of checks with invented machines.

mod checks;
mod gpu;
mod machines;
