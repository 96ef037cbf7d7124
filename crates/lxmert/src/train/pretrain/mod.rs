//! Pre-training: the original's `lxmert_pretrain.py` (src/pretrain/lxmert_pretrain.py @ 0db1182).
//!
//! - [`batches`]: masked batches, built ahead by a background thread;
//! - [`step`]: losses, and one step over a batch in one or several parts;
//! - [`sums`]: what is summed over an epoch, and the lines that are printed of it;
//! - [`weights`]: files of pre-trained weights and where the first weights come from;
//! - [`logs`]: what it writes as it goes;
//! - [`run`]: the loop, with validation, snapshots and logs.

pub mod batches;
pub mod logs;
pub mod run;
pub mod step;
pub mod sums;
pub mod weights;

#[cfg(test)]
mod tests;
