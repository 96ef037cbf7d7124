//! Splits a model's work into shares that several threads process at the same time.
//!
//! On a CPU this is faster than splitting every operation over all threads: the threads wait for each other once per batch, not
//! after each of hundreds of small operations.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tch::Device;

/// Minimum number of items in a share. With fewer, reading the weight matrices takes too much of the time.
const LEAST: usize = 4;

/// The threads that process shares, and the size of a share.
#[derive(Clone, Copy)]
pub(super) struct Workers {
    /// Number of libtorch's threads on the CPU; 1 for a GPU, which schedules its own.
    threads: usize,
    /// Maximum number of items in a share.
    most: usize,
}

impl Workers {
    /// Returns the workers for a device: on a CPU one per thread of libtorch, with shares small enough for the states of a layer to
    /// stay in the caches.
    pub(super) fn on(device: Device) -> Self {
        match device.is_cuda() {
            true => Self { threads: 1, most: 512 },
            false => Self { threads: tch::get_num_threads().max(1) as usize, most: 16 },
        }
    }

    /// Returns the number of items per share when splitting `items`, each of which is `weight` times the work of an image or a
    /// question.
    pub(super) fn share(self, items: usize, weight: usize) -> usize {
        items.div_ceil(self.threads).clamp(LEAST, self.most).div_ceil(weight)
    }

    /// Applies `work` to each of `shares` and returns the results in order.
    pub(super) fn each<T: Sync, R: Send>(self, shares: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let count = self.threads.min(shares.len());
        if count < 2 {
            return shares.iter().map(work).collect();
        }
        let next = AtomicUsize::new(0);
        let worker = || {
            tch::set_num_threads((self.threads / count) as i32);
            let mut done = Vec::new();
            while let Some((at, share)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, shares.get(at)?)))
            {
                done.push((at, work(share)));
            }
            done
        };
        let mut done: Vec<(usize, R)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..count).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        // libtorch also applies the number to threads that start later.
        tch::set_num_threads(self.threads as i32);
        done.sort_unstable_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, made)| made).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn shares_are_processed_at_the_same_time_and_results_come_in_order() {
        let before = tch::get_num_threads();
        let workers = Workers { threads: 3, most: 16 };
        let all = Barrier::new(3);
        let shares: Vec<usize> = (0..6).collect();
        // Blocks for ever with fewer than three threads.
        let made = workers.each(&shares, |&share| {
            all.wait();
            share * 10
        });
        assert_eq!(made, [0, 10, 20, 30, 40, 50]);
        assert_eq!(workers.each(&shares[..1], |share| *share), [0]);
        tch::set_num_threads(before);
        assert_eq!([3, 24, 90, 900].map(|items| workers.share(items, 1)), [4, 8, 16, 16]);
        assert_eq!([3, 24, 90].map(|items| workers.share(items, 2)), [2, 4, 8]);
    }
}
