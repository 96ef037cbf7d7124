//! repro
fn main() {}
