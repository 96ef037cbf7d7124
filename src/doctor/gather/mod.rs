//! The facts of the machine that the program runs on.

mod gpu;
mod look;
mod surroundings;

pub use surroundings::machine;
