//! Collects the facts of this machine.

mod facts;
mod gpu;
mod system_files;

pub use facts::machine;
