//! Random numbers of pre-training, reproducible for each seed, epoch and example.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of random numbers, asked in the original's order, so that recorded draws give recorded results.
pub trait RandomDraws {
    /// Returns a number from [0, 1), uniformly.
    fn unit(&mut self) -> f64;

    /// Returns a number from 0 to `n` - 1, uniformly; 0 for `n` = 0.
    fn below(&mut self, n: usize) -> usize;
}

/// The draws of one example in one epoch. They depend on nothing else: not on batches, order, or threads.
#[derive(Debug, Clone)]
pub struct ExampleDraws(ChaCha8Rng);

impl ExampleDraws {
    /// Creates the draws that belong to this seed, epoch and example.
    pub fn new(seed: u64, epoch: u64, example: u64) -> Self {
        let words = [seed, epoch, example, u64::from_le_bytes(*b"pretrain")];
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }
}

impl RandomDraws for ExampleDraws {
    fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.0.next_u64() >> 11) as f64 * STEP
    }

    fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        if n == 0 {
            return 0;
        }
        // Lemire's method: the high half of a 64 by 64 bit product, with the few biased low halves drawn again.
        let biased = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(n);
            if product as u64 >= biased {
                return (product >> 64) as usize;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_epoch_and_example_only() {
        let first = |seed, epoch, example| ExampleDraws::new(seed, epoch, example).unit();
        assert_eq!(first(9595, 3, 7), first(9595, 3, 7));
        let different = [first(9595, 3, 7), first(9596, 3, 7), first(9595, 4, 7), first(9595, 3, 8)];
        assert!((1..4).all(|i| different[i] != different[0]));
        // From an implementation of ChaCha8 apart from this one.
        assert_eq!(first(9595, 0, 0), 0.0051036297903547245, "the stream is fixed for ever");
    }

    #[test]
    fn draws_are_uniform() {
        let mut draws = ExampleDraws::new(1, 2, 3);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[draws.below(7)] += 1;
        }
        // 5 standard deviations of a binomial with p = 1/7
        assert!(counts.iter().all(|&n| (f64::from(n) - 10_000.0).abs() < 463.0), "{counts:?}");
        assert_eq!((draws.below(0), draws.below(1)), (0, 0));
        let mean = (0..70_000).map(|_| draws.unit()).inspect(|u| assert!((0.0..1.0).contains(u))).sum::<f64>() / 7e4;
        assert!((mean - 0.5).abs() < 5.5e-3, "{mean}");
    }
}
