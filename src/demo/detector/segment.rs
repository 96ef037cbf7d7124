//! Segments a picture: separates objects from paper by colour, and objects from each other by connected regions.

use crate::demo::picture::Picture;

/// Minimum difference of a pixel's chroma from the paper's to count as part of an object.
const CHROMA: i32 = 28;

/// Minimum number of pixels of a region; smaller ones are ignored.
const SMALLEST: usize = 24;

/// A half-open box of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    /// Left edge.
    pub x1: usize,
    /// Upper edge.
    pub y1: usize,
    /// Beyond the right edge.
    pub x2: usize,
    /// Beyond the lower edge.
    pub y2: usize,
}

impl Area {
    /// Left, upper, right and lower edge.
    pub(crate) fn corners(self) -> [f32; 4] {
        [self.x1, self.y1, self.x2, self.y2].map(|v| v as f32)
    }

    /// Returns the area grown around its centre by `percent` / 100, clipped to the picture.
    pub(crate) fn grown(self, percent: usize, width: usize, height: usize) -> Self {
        let by = |low: usize, high: usize| (high - low) * percent.saturating_sub(100) / 200;
        let (dx, dy) = (by(self.x1, self.x2), by(self.y1, self.y2));
        Self {
            x1: self.x1.saturating_sub(dx),
            y1: self.y1.saturating_sub(dy),
            x2: (self.x2 + dx).min(width),
            y2: (self.y2 + dy).min(height),
        }
    }
}

/// Which pixels belong to objects, and the box of each connected region.
pub(crate) struct Segments {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Row by row: the region that the pixel belongs to, a number above 0; 0 for paper.
    pub labels: Vec<usize>,
    /// Label and box of each region, the one of most pixels first, then in reading order.
    pub regions: Vec<(usize, Area)>,
}

/// The paper: the median of each channel along the picture's edge.
fn paper(picture: &Picture) -> [i32; 3] {
    let (w, h) = (picture.width, picture.height);
    let edge = (0..w).flat_map(|x| [(x, 0), (x, h - 1)]).chain((0..h).flat_map(|y| [(0, y), (w - 1, y)]));
    let mut channels: [Vec<i32>; 3] = Default::default();
    for (x, y) in edge {
        for (channel, value) in channels.iter_mut().zip(picture.at(x, y)) {
            channel.push(value);
        }
    }
    channels.map(|mut values| {
        values.sort_unstable();
        values[values.len() / 2]
    })
}

/// Returns the differences between channels, which light and shadow hardly change.
fn chroma([r, g, b]: [i32; 3]) -> [i32; 3] {
    [r - g, g - b, b - r]
}

/// Segments a picture of at least one pixel.
pub(crate) fn segment(picture: &Picture) -> Segments {
    let (width, height) = (picture.width, picture.height);
    let paper = chroma(paper(picture));
    let mask: Vec<bool> = (0..width * height)
        .map(|i| {
            let here = chroma(picture.at(i % width, i / width));
            (0..3).any(|c| (here[c] - paper[c]).abs() > CHROMA)
        })
        .collect();
    let mut labels = vec![0; mask.len()];
    let mut found: Vec<(usize, (usize, Area))> = Vec::new();
    let mut dust = Vec::new();
    let mut region = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || labels[start] != 0 {
            continue;
        }
        let label = start + 1;
        region.clear();
        region.push(start);
        labels[start] = label;
        let mut area = Area { x1: width, y1: height, x2: 0, y2: 0 };
        let mut next = 0;
        while let Some(&i) = region.get(next) {
            next += 1;
            let (x, y) = (i % width, i / width);
            area = Area { x1: area.x1.min(x), y1: area.y1.min(y), x2: area.x2.max(x + 1), y2: area.y2.max(y + 1) };
            let neighbours = [
                (x > 0).then(|| i - 1),
                (x + 1 < width).then_some(i + 1),
                (y > 0).then(|| i - width),
                (y + 1 < height).then_some(i + width),
            ];
            for n in neighbours.into_iter().flatten() {
                if mask[n] && labels[n] == 0 {
                    labels[n] = label;
                    region.push(n);
                }
            }
        }
        if region.len() < SMALLEST {
            dust.extend_from_slice(&region)
        } else {
            found.push((region.len(), (label, area)))
        }
    }
    dust.iter().for_each(|i| labels[*i] = 0);
    // A stable sort: regions of one size stay in reading order.
    found.sort_by_key(|(pixels, _)| std::cmp::Reverse(*pixels));
    Segments { width, height, labels, regions: found.into_iter().map(|(_, region)| region).collect() }
}
