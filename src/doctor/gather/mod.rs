//! Collects the facts of this machine.

mod facts;
mod gpu;
mod system_files;
mod training;

pub use facts::machine;
