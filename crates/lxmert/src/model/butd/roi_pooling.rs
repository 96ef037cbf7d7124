//! RoI pooling to 14 x 14 bins on any device, by gathering.
//!
//! The maximum over a bin does not change if a cell counts twice. So a table holds the maxima of all squares whose sides are powers of
//! two, and a bin of any size is the maximum of at most four of its entries. Bins that cover the same cells are computed once.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::nms::PixelBox;
use super::roi_bins::{BINS, CellRange, bins};

/// Number of bins of a region.
const ALL_BINS: usize = BINS * BINS;

/// The table of maxima over a map.
pub struct RoiPooling {
    /// `(levels along the height * levels along the width * height * width + 1, channels)`; the last row is zero.
    table: Tensor,
    levels: [u32; 2],
    height: usize,
    width: usize,
}

/// The distinct bins of some regions.
pub struct PooledBins {
    /// `(m, channels)`: the distinct ones.
    pub values: Tensor,
    /// `(regions * 196)`: which of them each bin is, the regions' rows one after the other.
    pub index: Tensor,
}

impl RoiPooling {
    /// Makes the table over a map `(1, channels, height, width)`, as large as these regions need.
    pub fn new(map: &Tensor, regions: &[PixelBox]) -> Self {
        let size = map.size();
        let (channels, height, width) = (size[1], size[2] as usize, size[3] as usize);
        let mut levels = [1, 1];
        for region in regions {
            let (rows, columns) = bins(*region, height, width);
            for (level, ranges) in levels.iter_mut().zip([rows, columns]) {
                *level = ranges.iter().map(|range| range.level() + 1).fold(*level, u32::max);
            }
        }
        let cells = map.permute([0, 2, 3, 1]).contiguous().view([size[2], size[3], channels]);
        let mut tables = Vec::new();
        let mut rows = cells;
        for row_level in 0..levels[0] {
            let mut square = rows.shallow_clone();
            for column_level in 0..levels[1] {
                tables.push(square.reshape([-1, channels]));
                square = doubled(&square, 1, 1 << column_level);
            }
            rows = doubled(&rows, 0, 1 << row_level);
        }
        tables.push(Tensor::zeros([1, channels], (Kind::Float, map.device())));
        Self { table: Tensor::cat(&tables, 0), levels, height, width }
    }

    /// Pools regions, in pixels of the resized picture. An empty bin is zero.
    pub fn pool(&self, regions: &[PixelBox]) -> PooledBins {
        let mut numbers: HashMap<(CellRange, CellRange), i64> = HashMap::new();
        let mut corners: [Vec<i64>; 4] = Default::default();
        let mut index = Vec::with_capacity(regions.len() * ALL_BINS);
        for region in regions {
            let (rows, columns) = bins(*region, self.height, self.width);
            for (&row, column) in rows.iter().flat_map(|row| columns.map(|column| (row, column))) {
                let next = numbers.len() as i64;
                let number = *numbers.entry((row, column)).or_insert(next);
                if number == next {
                    for (all, entry) in corners.iter_mut().zip(self.entries(row, column)) {
                        all.push(entry);
                    }
                }
                index.push(number);
            }
        }
        let device = self.table.device();
        let gather = |entries: &Vec<i64>| self.table.index_select(0, &on(device, entries));
        let mut values = gather(&corners[0]);
        for (place, entries) in corners.iter().enumerate().skip(1) {
            if corners[..place].iter().all(|before| before != entries) {
                values = values.maximum(&gather(entries));
            }
        }
        PooledBins { values, index: on(device, &index) }
    }

    /// Returns the four entries of the table whose maximum is that of a bin; they may be equal.
    fn entries(&self, row: CellRange, column: CellRange) -> [i64; 4] {
        let [height, width] = [self.height as u32, self.width as u32];
        if row.is_empty() || column.is_empty() {
            return [i64::from(self.levels[0] * self.levels[1] * height * width); 4];
        }
        let table = (row.level() * self.levels[1] + column.level()) * height * width;
        let (low, right) = (row.end - (1 << row.level()), column.end - (1 << column.level()));
        [(row.start, column.start), (row.start, right), (low, column.start), (low, right)]
            .map(|(y, x)| i64::from(table + y * width + x))
    }
}

impl PooledBins {
    /// Returns the pooled regions `(regions, channels, 14, 14)` from values of the distinct bins `(m, channels)`, with the channels of
    /// a bin next to one another.
    pub fn spread(&self, values: &Tensor) -> Tensor {
        let (bins, channels) = (BINS as i64, values.size()[1]);
        values.index_select(0, &self.index).view([-1, bins, bins, channels]).permute([0, 3, 1, 2])
    }
}

fn on(device: Device, entries: &[i64]) -> Tensor {
    Tensor::from_slice(entries).to_device(device)
}

/// Returns the maxima of twice as many cells along a dimension, from those of `step` cells. Where they do not fit the old ones stay,
/// which nothing reads.
fn doubled(maxima: &Tensor, dimension: i64, step: i64) -> Tensor {
    let length = maxima.size()[dimension as usize] - step;
    if length <= 0 {
        return maxima.shallow_clone();
    }
    let both = maxima.narrow(dimension, 0, length).maximum(&maxima.narrow(dimension, step, length));
    Tensor::cat(&[both, maxima.narrow(dimension, length, step)], dimension)
}
