//! Shares of a model's work that several threads go through at the same time.
//!
//! On a CPU this is faster than giving every operation to all threads one after the other: they wait for each other once a
//! lot, not after each of its hundreds of small operations.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tch::Device;

/// Items in a share at least, below which a weight matrix is read for too little.
const LEAST: usize = 4;

/// Who goes through shares.
#[derive(Clone, Copy)]
pub(super) struct Workers {
    /// Of this thread's libtorch; a GPU has its own.
    threads: usize,
    /// Items in a share at most.
    most: usize,
}

impl Workers {
    /// Those of a device, as many as libtorch has threads there. On a CPU a share is so small that the states of a layer stay
    /// in its caches.
    pub(super) fn on(device: Device) -> Self {
        match device.is_cuda() {
            true => Self { threads: 1, most: 512 },
            false => Self { threads: tch::get_num_threads().max(1) as usize, most: 16 },
        }
    }

    /// Items in a share of so many, each of which is `weight` times as much work as an image or a question.
    pub(super) fn share(self, items: usize, weight: usize) -> usize {
        items.div_ceil(self.threads).clamp(LEAST, self.most).div_ceil(weight)
    }

    /// What `work` makes of each of `shares`, in order.
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
        // libtorch keeps the number for threads to come, too.
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
    fn shares_come_in_order_and_at_the_same_time() {
        let before = tch::get_num_threads();
        let workers = Workers { threads: 3, most: 16 };
        let all = Barrier::new(3);
        let shares: Vec<usize> = (0..6).collect();
        // Would wait for ever if only two worked.
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
