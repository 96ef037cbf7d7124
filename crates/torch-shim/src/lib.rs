//! The parts of libtorch that tch lacks: loading its CUDA library at run time, determinism, TF32, generator state, GPU memory.
//!
//! Must not know: models, data, the protocol. `shim.cpp` holds what only C++ reaches.

pub mod cuda_library;
pub mod determinism;
mod ffi;
pub mod generator;
pub mod gpu_memory;
pub mod tf32;
