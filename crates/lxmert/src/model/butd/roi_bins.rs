//! The cells of the map that each of a region's 14 x 14 bins covers.
//!
//! Source: src/caffe/layers/roi_pooling_layer.cpp of Caffe's fork @ 514e561. The products are in 32 bits, which moves two borders.

use super::anchors::STRIDE;
use super::nms::PixelBox;

/// Bins along each side of a region.
pub(super) const BINS: usize = 14;

/// Cells along one side that a bin covers, `start..end`; empty if the region lies outside of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CellRange {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl CellRange {
    pub(super) fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Returns the largest `k` for which 2^k cells fit.
    pub(super) fn level(self) -> u32 {
        (self.end.saturating_sub(self.start)).max(1).ilog2()
    }
}

/// Returns the bins of a region along the height and along the width of a map of `height` x `width` cells.
pub(super) fn bins([x1, y1, x2, y2]: PixelBox, height: usize, width: usize) -> ([CellRange; BINS], [CellRange; BINS]) {
    (along(y1, y2, height), along(x1, x2, width))
}

fn along(first: f32, last: f32, length: usize) -> [CellRange; BINS] {
    // Half away from zero. Coordinates far outside of any map become its border below.
    let [first, last] = [first, last].map(|pixel| (pixel / STRIDE as f32).round().clamp(-1e6, 1e6) as i64);
    let bin = (last - first + 1).max(1) as f32 / BINS as f32;
    std::array::from_fn(|index| {
        let place = |offset: f32| (offset as i64 + first).clamp(0, length as i64) as u32;
        CellRange { start: place((index as f32 * bin).floor()), end: place(((index + 1) as f32 * bin).ceil()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn butd_products_in_32_bits_move_the_borders_of_two_sizes() {
        let of = |cells: f32| along(0.0, (cells - 1.0) * 16.0, 100);
        assert_eq!(of(57.0)[13], CellRange { start: 52, end: 58 });
        assert_eq!(of(62.0)[7].start, 30);
        assert_eq!(of(14.0)[3], CellRange { start: 3, end: 4 });
    }

    #[test]
    fn regions_outside_have_empty_bins_and_inverted_ones_a_cell() {
        assert!(along(2000.0, 3000.0, 50).iter().all(|bin| bin.is_empty()));
        assert_eq!(along(160.0, 80.0, 50)[13], CellRange { start: 10, end: 11 });
        assert!(along(f32::NAN, f32::INFINITY, 50)[0].start <= 50);
    }
}
