//! Pre-training, as in the original's src/pretrain/lxmert_pretrain.py @ 0db1182.
//!
//! - [`batches`]: builds masked batches ahead on a background thread;
//! - [`step`]: the losses, and one step over a batch in one or several parts;
//! - [`sums`]: sums over an epoch, and the lines that report them;
//! - [`weights`]: files of pre-trained weights, and initial weights;
//! - `training`: implements the trait of the training loop: step, validation, position, names of files.

pub mod batches;
pub mod step;
pub mod sums;
mod training;
pub mod weights;

#[cfg(test)]
mod tests;

pub use training::run;
