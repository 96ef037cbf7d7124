//! The order in which examples are trained on, which depends on seed and epoch alone.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use trainings::run_length::RunLength;

/// Returns a shuffle of the numbers below `examples` that depends on seed and epoch alone.
pub(crate) fn shuffled(examples: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(epoch);
    let mut order: Vec<usize> = (0..examples).collect();
    order.shuffle(&mut generator);
    order
}

/// Returns the rest of an epoch's order after `done` steps, in whole batches.
///
/// The only place that draws the order of a run. With several processes, each would draw the same order here and keep its share of
/// each batch.
pub(super) fn remaining(length: RunLength, seed: u64, epoch: u64, done: u64) -> Vec<usize> {
    let mut order = shuffled(length.examples, seed, epoch);
    order.truncate(length.steps_per_epoch() as usize * length.batch_size);
    order.drain(..done as usize * length.batch_size);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_epoch_takes_the_remaining_batches() {
        let length = RunLength { epochs: 2, batch_size: 5, examples: 23 };
        let all = shuffled(23, 7, 1);
        for done in 0..=4 {
            assert_eq!(remaining(length, 7, 1, done), all[5 * done as usize..20]);
        }
        assert_ne!(remaining(length, 7, 0, 0), all[..20]);
        assert_ne!(remaining(length, 8, 1, 0), all[..20]);
    }
}
