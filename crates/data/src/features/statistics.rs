//! Computes minimum, maximum, mean and share of zeros of many values in one pass.

use serde::Serialize;

/// Running statistics; sums in float64.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    count: u64,
    zeros: u64,
    min: f32,
    max: f32,
    sum: f64,
}

/// Statistics of finite values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// Least.
    pub min: f32,
    /// Greatest.
    pub max: f32,
    /// Mean, computed in float64.
    pub mean: f64,
    /// Share of values that are exactly zero.
    pub zero_share: f64,
}

const LANES: usize = 16;

impl Statistics {
    pub(super) fn new() -> Self {
        Self { count: 0, zeros: 0, min: f32::INFINITY, max: f32::NEG_INFINITY, sum: 0.0 }
    }

    /// Adds finite values.
    pub(super) fn add(&mut self, values: &[f32]) {
        let (chunks, rest) = values.as_chunks::<LANES>();
        let (mut min, mut max) = ([self.min; LANES], [self.max; LANES]);
        let (mut sum, mut zeros) = ([0.0_f64; LANES], [0_u32; LANES]);
        let mut lane = |at: usize, value: f32| {
            min[at] = if value < min[at] { value } else { min[at] };
            max[at] = if value > max[at] { value } else { max[at] };
            sum[at] += f64::from(value);
            zeros[at] += u32::from(value == 0.0);
        };
        for chunk in chunks {
            for (at, &value) in chunk.iter().enumerate() {
                lane(at, value);
            }
        }
        for (at, &value) in rest.iter().enumerate() {
            lane(at, value);
        }
        self.min = min.into_iter().fold(self.min, f32::min);
        self.max = max.into_iter().fold(self.max, f32::max);
        self.sum += sum.iter().sum::<f64>();
        self.zeros += zeros.iter().map(|&zeros| u64::from(zeros)).sum::<u64>();
        self.count += values.len() as u64;
    }

    /// None without values.
    pub(super) fn summary(&self) -> Option<Summary> {
        let count = self.count as f64;
        (self.count > 0).then(|| Summary {
            count: self.count,
            min: self.min,
            max: self.max,
            mean: self.sum / count,
            zero_share: self.zeros as f64 / count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_over_chunks_and_rests() {
        let mut statistics = Statistics::new();
        assert_eq!(statistics.summary(), None);
        let values: Vec<f32> = (0..50).map(|i| (i - 10) as f32).collect();
        statistics.add(&values[..20]);
        statistics.add(&values[20..]);
        let expected = Summary { count: 50, min: -10.0, max: 39.0, mean: 14.5, zero_share: 0.02 };
        assert_eq!(statistics.summary(), Some(expected));
    }
}
