//! The score of answers as they come, summed as [`data::dataset::score`] does it: the same to the last bit.

use serde::{Deserialize, Serialize};

/// Points earned so far.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RunningMean {
    // JSON keeps every bit of it: shortest digits that read back as the same number.
    sum: f64,
    count: u64,
}

impl RunningMean {
    /// Counts an answer that earned `points`, 0 to 1.
    pub fn add(&mut self, points: f64) {
        self.sum += points;
        self.count += 1;
    }

    /// Whether it can be the sum over `count` answers. A snapshot's file may hold anything.
    pub fn is_of(&self, count: u64) -> bool {
        // A sum of numbers up to 1 is rounded at each step.
        self.count == count && (0.0..=count as f64 * (1.0 + 1e-9)).contains(&self.sum)
    }

    /// Answers counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean, 0 to 1; 0 of none.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_run_sums_are_recognised() {
        let mut mean = RunningMean::default();
        assert!(mean.is_of(0) && !mean.is_of(1));
        (0..3).for_each(|_| mean.add(1.0));
        assert!(mean.is_of(3) && !mean.is_of(2) && !mean.is_of(4));
        for (sum, count) in [(-0.5, 3), (3.5, 3), (f64::NAN, 3), (f64::INFINITY, u64::MAX), (0.0, u64::MAX)] {
            assert!(!RunningMean { sum, count }.is_of(3), "{sum} over {count}");
        }
    }

    #[test]
    fn a_break_changes_no_bit() {
        let points: Vec<f64> = (1..200).map(|i| 1.0 / f64::from(i % 7 + 3)).collect();
        let (mut whole, mut broken) = (RunningMean::default(), RunningMean::default());
        for p in points {
            whole.add(p);
            broken.add(p);
            broken = serde_json::from_value(serde_json::to_value(broken).unwrap()).unwrap();
            broken = serde_json::from_str(&serde_json::to_string(&broken).unwrap()).unwrap();
            assert_eq!((whole.mean().to_bits(), whole.count()), (broken.mean().to_bits(), broken.count()));
        }
    }
}
