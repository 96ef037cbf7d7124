//! Quantiles of any number of values in fixed memory, independent of the order of the values.

use serde::Serialize;

use super::spread::DifferenceSpread;

/// A quantile other than the least and the greatest value is right to this relative error: values are counted by the
/// first eight bits of their float32 significand, and the middle of such a bin is at most this far from its ends.
pub const QUANTILE_ERROR: f64 = 1.0 / 256.0;

/// One bin for each value of a float32's upper half, the sign left out.
const BINS: usize = 1 << 15;

/// Bins of a [`DifferenceSpread`], and how many powers of ten the first of them ends below 1.
const ENDS: usize = 24;
const DECADES_BELOW: f64 = 8.0;

/// Counts values of 0 and more.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    bins: Box<[u64]>,
    count: u64,
    min: f32,
    max: f32,
}

/// Where values lie. Those between the ends are right to [`QUANTILE_ERROR`]; zeros are exact.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// Values counted.
    pub count: u64,
    /// The least.
    pub min: f64,
    /// Half of the values are at most this.
    pub p50: f64,
    /// 90 % of the values are at most this.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// The greatest.
    pub max: f64,
    /// The mean, from sums in float64.
    pub mean: f64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { bins: vec![0; BINS].into_boxed_slice(), count: 0, min: f32::INFINITY, max: 0.0 }
    }

    /// Counts finite values of 0 and more.
    pub(super) fn add(&mut self, values: &[f32]) {
        let (mut min, mut max) = (self.min, self.max);
        for &value in values {
            min = if value < min { value } else { min };
            max = if value > max { value } else { max };
            self.bins[bin(value)] += 1;
        }
        (self.min, self.max) = (min, max);
        self.count += values.len() as u64;
    }

    /// Counts so many zeros.
    pub(super) fn add_zeros(&mut self, count: usize) {
        if count > 0 {
            self.min = 0.0;
            self.bins[0] += count as u64;
            self.count += count as u64;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(bin, more)| *bin += more);
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Returns the quantiles; `None` without values. `sum` is the sum of the values, which the caller keeps in float64.
    pub(super) fn quantiles(&self, sum: f64) -> Option<Quantiles> {
        (self.count > 0).then(|| Quantiles {
            count: self.count,
            min: self.min.into(),
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            p999: self.quantile(0.999),
            max: self.max.into(),
            mean: sum / self.count as f64,
        })
    }

    /// Counts in [`ENDS`] bins of half a power of ten, up to the last that holds a value; none without values. A value within
    /// [`QUANTILE_ERROR`] of an end may be in either bin.
    pub(super) fn spread(&self, name: &str) -> Option<DifferenceSpread> {
        let ends: Vec<f64> = (0..ENDS).map(|at| 10f64.powf(f64::from(at as u32) / 2.0 - DECADES_BELOW)).collect();
        let mut counts = [0; ENDS];
        for (bin, count) in self.bins.iter().enumerate().filter(|(_, count)| **count > 0) {
            counts[ends.partition_point(|end| *end < middle(bin as u32)).min(ENDS - 1)] += count;
        }
        let used = counts.iter().rposition(|count| *count > 0)? + 1;
        let (mut ends, counts) = (ends[..used].to_vec(), counts[..used].to_vec());
        // Nothing lies beyond the last end.
        ends[used - 1] = ends[used - 1].max(self.max.into());
        Some(DifferenceSpread { name: name.to_owned(), count: self.count, ends, counts })
    }

    /// Estimates the value of rank `ceil(share * count)`: the middle of its bin, within the least and the greatest value.
    fn quantile(&self, share: f64) -> f64 {
        let rank = ((share * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut below = 0;
        let found = self.bins.iter().position(|count| {
            below += count;
            below >= rank
        });
        middle(found.unwrap_or(0) as u32).clamp(self.min.into(), self.max.into())
    }
}

/// Returns the middle of a bin's values; 0 for bin 0.
fn middle(bin: u32) -> f64 {
    match bin {
        0 => 0.0,
        bin => f64::midpoint(f32::from_bits(bin << 16).into(), f32::from_bits((bin << 16) | 0xffff).into()),
    }
}

/// Returns the bin of a value, without its sign; bin 0 holds 0 and values below 1e-40.
fn bin(value: f32) -> usize {
    (value.to_bits() >> 16) as usize & (BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::testing::Draws;

    #[test]
    fn quantiles_are_right_to_the_stated_error() {
        let mut draws = Draws(3);
        let mut values: Vec<f32> = (0..10_001).map(|_| (draws.below(1 << 20) as f32 / 65_536.0 - 8.0).exp()).collect();
        let (mut one, mut other) = (Histogram::new(), Histogram::new());
        one.add(&values[..4000]);
        other.add(&values[4000..]);
        one.merge(&other);
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        let found = one.quantiles(sum).unwrap();
        values.sort_by(f32::total_cmp);
        let at = |share: f64| f64::from(values[(share * values.len() as f64).ceil() as usize - 1]);
        for (found, share) in [(found.p50, 0.5), (found.p90, 0.9), (found.p99, 0.99), (found.p999, 0.999)] {
            assert!((found / at(share) - 1.0).abs() <= QUANTILE_ERROR, "{share}: {found}, {}", at(share));
        }
        assert_eq!((found.min, found.max), (values[0].into(), values[10_000].into()));
        assert_eq!(found.mean, sum / 10_001.0);
    }

    #[test]
    fn spreads_are_on_a_scale_of_half_powers_of_ten() {
        let mut values = Histogram::new();
        assert_eq!(values.spread("x"), None);
        values.add_zeros(3);
        values.add(&[1e-9, 0.002, 0.02, 0.2, 0.25, 0.5]);
        let found = values.spread("x").unwrap();
        assert_eq!((found.count, found.counts.iter().sum::<u64>(), found.counts.len()), (9, 9, found.ends.len()));
        assert_eq!((found.counts[0], found.counts[11], found.counts[16]), (4, 1, 1));
        assert!((found.ends[0], found.ends[16]) == (1e-8, 1.0) && found.ends.is_sorted(), "{:?}", found.ends);
        values.add(&[1e6]);
        let found = values.spread("x").unwrap();
        assert_eq!((found.ends.len(), found.ends[23]), (24, 1e6));
    }

    #[test]
    fn zeros_stay_zeros() {
        let mut zeros = Histogram::new();
        assert_eq!(zeros.quantiles(0.0), None);
        zeros.add_zeros(5);
        zeros.add(&[0.0]);
        let found = zeros.quantiles(0.0).unwrap();
        assert_eq!((found.count, found.p50, found.p999, found.max), (6, 0.0, 0.0, 0.0));
    }
}
