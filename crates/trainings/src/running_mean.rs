//! The mean score of answers, added one by one. Sums as [`data::dataset::score`] does, so the result is the same bit for bit.

use serde::{Deserialize, Serialize};

/// A sum of points and the number of answers that earned them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RunningMean {
    // JSON keeps every bit: the number is written with the fewest digits that read back as the same value.
    sum: f64,
    count: u64,
}

impl RunningMean {
    /// Adds an answer that earned `points`, 0 to 1.
    pub fn add(&mut self, points: f64) {
        self.sum += points;
        self.count += 1;
    }

    /// Whether this can be the sum over `count` answers: the file of a snapshot may hold anything.
    pub fn is_of(&self, count: u64) -> bool {
        // The tolerance is for rounding: each addition rounds.
        self.count == count && (0.0..=count as f64 * (1.0 + 1e-9)).contains(&self.sum)
    }

    /// Returns the number of answers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the mean, 0 to 1; 0 without answers.
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
    fn an_interruption_changes_no_bit() {
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
