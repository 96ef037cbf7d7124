//! Compares the model, its gradients and its optimiser with results of the original. Tolerances are from the fixtures' README.
//!
//! `REPRO_PARITY_DEVICE=cuda` computes on a GPU in f32; results are compared on the CPU. The tolerances are the same there: they are
//! about ten times the measured difference between f32 and f64 on a CPU, which is the rounding of sums of up to 3072 products. A GPU
//! adds the same numbers in another order, so its rounding errors are others of the same size. This holds without TF32 only, which
//! keeps ten bits of each factor; libtorch does not use it for matrix products unless it is told to.

mod butd;
mod compare;
mod formula;
mod full;
mod tiny;
mod trajectories;
mod wrong_folder;
