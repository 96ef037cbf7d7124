//! Pre-training: the original's `lxmert_pretrain.py` (src/pretrain/lxmert_pretrain.py @ 0db1182).
//!
//! - [`batches`]: masked batches, built ahead by a background thread;
//! - [`step`]: losses, and one step over a batch in one or several parts;
//! - [`sums`]: what is summed over an epoch, and the lines that are printed of it;
//! - [`weights`]: files of pre-trained weights and where the first weights come from;
//! - `training`: what it supplies to a session: step, validation, position, names of files.

pub mod batches;
pub mod step;
pub mod sums;
mod training;
pub mod weights;

#[cfg(test)]
mod tests;

pub use training::run;
