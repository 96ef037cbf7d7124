//! Tells objects from paper by colour, and one object from another by connection.

use crate::demo::picture::Picture;

/// How far a pixel's colour differences must lie from the paper's to count as an object's.
const CHROMA: i32 = 28;

/// Smaller connected regions are dust.
const SMALLEST: usize = 24;

/// A half-open box of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
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
    /// Grown around its centre by a factor of `percent` / 100, within the picture.
    pub fn grown(self, percent: usize, width: usize, height: usize) -> Self {
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
pub struct Segments {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Row by row: does the pixel belong to an object?
    pub mask: Vec<bool>,
    /// One box per region, largest area of pixels first, then in reading order.
    pub regions: Vec<Area>,
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

/// Differences between channels: what a shadow or a light does not change much.
fn chroma([r, g, b]: [i32; 3]) -> [i32; 3] {
    [r - g, g - b, b - r]
}

/// Segments a picture of at least one pixel.
pub fn segment(picture: &Picture) -> Segments {
    let (width, height) = (picture.width, picture.height);
    let paper = chroma(paper(picture));
    let mut mask: Vec<bool> = (0..width * height)
        .map(|i| {
            let here = chroma(picture.at(i % width, i / width));
            (0..3).any(|c| (here[c] - paper[c]).abs() > CHROMA)
        })
        .collect();
    let mut seen = vec![false; mask.len()];
    let mut found: Vec<(usize, Area)> = Vec::new();
    let mut region = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || seen[start] {
            continue;
        }
        region.clear();
        region.push(start);
        seen[start] = true;
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
                if mask[n] && !seen[n] {
                    seen[n] = true;
                    region.push(n);
                }
            }
        }
        if region.len() < SMALLEST {
            region.iter().for_each(|i| mask[*i] = false);
        } else {
            found.push((region.len(), area));
        }
    }
    // A stable sort: regions of one size stay in reading order.
    found.sort_by_key(|(pixels, _)| std::cmp::Reverse(*pixels));
    Segments { width, height, mask, regions: found.into_iter().map(|(_, area)| area).collect() }
}
