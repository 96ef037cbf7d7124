//! The score of answers as they come, summed as [`crate::dataset::score`] does it: the same to the last bit.

use serde::{Deserialize, Serialize};

/// Points earned so far.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    // JSON keeps every bit of it: shortest digits that read back as the same number.
    sum: f64,
    count: u64,
}

impl Tally {
    /// Counts an answer that earned `points`, 0 to 1.
    pub fn add(&mut self, points: f64) {
        self.sum += points;
        self.count += 1;
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
    fn a_break_changes_no_bit() {
        let points: Vec<f64> = (1..200).map(|i| 1.0 / f64::from(i % 7 + 3)).collect();
        let (mut whole, mut broken) = (Tally::default(), Tally::default());
        for p in points {
            whole.add(p);
            broken.add(p);
            broken = serde_json::from_value(serde_json::to_value(broken).unwrap()).unwrap();
            broken = serde_json::from_str(&serde_json::to_string(&broken).unwrap()).unwrap();
            assert_eq!((whole.mean().to_bits(), whole.count()), (broken.mean().to_bits(), broken.count()));
        }
    }
}
