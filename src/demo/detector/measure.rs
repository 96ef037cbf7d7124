//! Measures colours, size and outline of the object pixels in a box. It uses sums of integers, then single divisions and square roots,
//! which round alike on every machine.

use super::segment::{Area, Segments};
use crate::demo::picture::Picture;

/// Bins of the hue histogram, 30 degrees each, red in the middle of the first.
const HUES: usize = 12;
/// Bins of the histogram of outline directions, 22.5 degrees each.
const DIRECTIONS: usize = 8;
/// Bins of the histogram of the outline's distances from its centre.
const DISTANCES: usize = 6;
/// Single numbers after the histograms.
const SCALARS: usize = 14;

/// Numbers per box.
pub const DIM: usize = HUES + DIRECTIONS + DISTANCES + SCALARS;

/// Measurements of one box.
#[derive(Debug, Clone)]
pub(crate) struct Measurements {
    /// Hue of the mean colour, in 1/256 of 60 degrees: 0..1536; 0 if there is no object.
    pub hue: i32,
    /// Filled share of the enclosing circle: about 0.99 for a circle, 0.64 for a square, 0.41 for a triangle or star.
    pub roundness: f32,
    /// Filled share of the convex hull: below 0.8 for a star only.
    pub solidity: f32,
    /// The feature vector.
    pub features: [f32; DIM],
}

/// Hue in 1/256 of 60 degrees, 0..1536, 0 for grey.
fn hue([r, g, b]: [i32; 3]) -> i32 {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    let span = high - low;
    if span == 0 {
        0
    } else if high == r {
        (256 * (g - b) / span).rem_euclid(1536)
    } else if high == g {
        512 + 256 * (b - r) / span
    } else {
        1024 + 256 * (r - g) / span
    }
}

/// The direction across an edge modulo 180 degrees, in steps of 22.5 degrees.
fn direction(gx: i32, gy: i32) -> usize {
    let (gx, gy) = if gy < 0 || (gy == 0 && gx < 0) { (-gx, -gy) } else { (gx, gy) };
    // Tangents of 22.5, 45 and 67.5 degrees, times 1024.
    let steps = |run: i32, rise: i32| [424, 1024, 2472].iter().filter(|t| 1024 * rise >= *t * run).count();
    if gx > 0 { steps(gx, gy) } else { 4 + steps(gy, -gx) }.min(DIRECTIONS - 1)
}

/// Returns twice the area of the convex hull of points (monotone chain).
fn doubled_hull_area(points: &mut Vec<(i32, i32)>) -> i64 {
    points.sort_unstable();
    points.dedup();
    let cross = |o: (i32, i32), a: (i32, i32), b: (i32, i32)| {
        i64::from(a.0 - o.0) * i64::from(b.1 - o.1) - i64::from(a.1 - o.1) * i64::from(b.0 - o.0)
    };
    let half = |points: &mut dyn Iterator<Item = (i32, i32)>| {
        let mut hull: Vec<(i32, i32)> = Vec::new();
        for p in points {
            while let [.., a, b] = hull[..] {
                if cross(a, b, p) > 0 {
                    break;
                }
                hull.pop();
            }
            hull.push(p);
        }
        hull.pop();
        hull
    };
    let mut hull = half(&mut points.iter().copied());
    hull.extend(half(&mut points.iter().rev().copied()));
    let origin = (0, 0);
    (0..hull.len()).map(|i| cross(origin, hull[i], hull[(i + 1) % hull.len()])).sum()
}

/// Divides; returns 0 if the divisor is 0.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// Describes the object pixels within `area`: those of one region, or of all.
pub(crate) fn measure(picture: &Picture, segments: &Segments, area: Area, region: Option<usize>) -> Measurements {
    let belongs = |label: usize| region.map_or(label != 0, |region| label == region);
    let object = |x: i32, y: i32| {
        x >= area.x1 as i32
            && y >= area.y1 as i32
            && x < area.x2 as i32
            && y < area.y2 as i32
            && belongs(segments.labels[y as usize * segments.width + x as usize])
    };
    let mut pixels = 0i64;
    let mut hues = [0i64; HUES];
    let mut color = [0i64; 3];
    let (mut sx, mut sy, mut sxx, mut syy, mut sxy) = (0i64, 0i64, 0i64, 0i64, 0i64);
    let mut rim: Vec<(i32, i32)> = Vec::new();
    let mut directions = [0i64; DIRECTIONS];
    for y in area.y1 as i32..area.y2 as i32 {
        for x in area.x1 as i32..area.x2 as i32 {
            if !belongs(segments.labels[y as usize * segments.width + x as usize]) {
                continue;
            }
            pixels += 1;
            let rgb = picture.at(x as usize, y as usize);
            // A pixel counts for the two nearest bins, by nearness: a shade on a border does not jump.
            let place = hue(rgb);
            let (bin, over) = ((place / 128) as usize, i64::from(place % 128));
            hues[bin % HUES] += 128 - over;
            hues[(bin + 1) % HUES] += over;
            for (sum, c) in color.iter_mut().zip(rgb) {
                *sum += i64::from(c);
            }
            let (lx, ly) = (i64::from(x), i64::from(y));
            (sx, sy, sxx, syy, sxy) = (sx + lx, sy + ly, sxx + lx * lx, syy + ly * ly, sxy + lx * ly);
            if object(x - 1, y) && object(x + 1, y) && object(x, y - 1) && object(x, y + 1) {
                continue;
            }
            rim.push((x, y));
            let at = |dx: i32, dy: i32| i32::from(object(x + dx, y + dy));
            let gx = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
            let gy = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
            if gx != 0 || gy != 0 {
                directions[direction(gx, gy)] += 1;
            }
        }
    }
    let n = pixels as f64;
    let (cx, cy) = (ratio(sx as f64, n), ratio(sy as f64, n));
    let away: Vec<f64> = rim
        .iter()
        .map(|(x, y)| {
            ((f64::from(*x) - cx) * (f64::from(*x) - cx) + (f64::from(*y) - cy) * (f64::from(*y) - cy)).sqrt()
        })
        .collect();
    // Half a pixel from a pixel's centre to its edge.
    let radius = away.iter().copied().fold(0.0, f64::max) + 0.5;
    let mut distances = [0i64; DISTANCES];
    for d in &away {
        // 0.4 to 1 of the radius in six bins; what is nearer goes to the first.
        let bin = ((d / radius - 0.4) * 10.0).max(0.0) as usize;
        distances[bin.min(DISTANCES - 1)] += 1;
    }
    let mut corners: Vec<(i32, i32)> =
        rim.iter().flat_map(|(x, y)| [(*x, *y), (x + 1, *y), (*x, y + 1), (x + 1, y + 1)]).collect();
    let hull = doubled_hull_area(&mut corners) as f64 / 2.0;

    let mean = color.map(|sum| ratio(sum as f64, n));
    let (vx, vy, vxy) =
        (ratio(sxx as f64, n) - cx * cx, ratio(syy as f64, n) - cy * cy, ratio(sxy as f64, n) - cx * cy);
    let spread = ((vx - vy) * (vx - vy) + 4.0 * vxy * vxy).sqrt();
    let (high, low) = (mean[0].max(mean[1]).max(mean[2]), mean[0].min(mean[1]).min(mean[2]));
    let (width, height) = ((area.x2 - area.x1) as f64, (area.y2 - area.y1) as f64);
    let roundness = ratio(n, std::f64::consts::PI * radius * radius);
    let solidity = ratio(n, hull);
    let scalars: [f64; SCALARS] = [
        mean[0] / 255.0,
        mean[1] / 255.0,
        mean[2] / 255.0,
        ratio(high - low, high),
        ratio(n, width * height),
        roundness,
        solidity,
        // Rotation-invariant second moment: 1 for a disc, 0.95 for a square, 0.83 for a triangle.
        ratio(n, 2.0 * std::f64::consts::PI * (vx + vy)).min(2.0),
        ratio(vx + vy - spread, vx + vy + spread),
        ratio(rim.len() as f64 * rim.len() as f64, 16.0 * n).min(2.0),
        4.0 * (n / (segments.width * segments.height) as f64).sqrt(),
        width / segments.width as f64,
        height / segments.height as f64,
        ratio(width, width + height),
    ];
    let shares = |counts: &[i64], all: f64| counts.iter().map(|c| ratio(*c as f64, all)).collect::<Vec<_>>();
    let mut features = [0.0; DIM];
    let values = shares(&hues, 128.0 * n)
        .into_iter()
        .chain(shares(&directions, rim.len() as f64))
        .chain(shares(&distances, rim.len() as f64))
        .chain(scalars);
    for (slot, value) in features.iter_mut().zip(values) {
        *slot = value as f32;
    }
    Measurements { hue: hue(mean.map(|c| c as i32)), roundness: roundness as f32, solidity: solidity as f32, features }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_directions_and_hulls() {
        assert_eq!([[200, 0, 0], [0, 200, 0], [0, 0, 200], [200, 200, 0], [9, 9, 9]].map(hue), [0, 512, 1024, 256, 0]);
        assert_eq!(hue([200, 0, 100]), 1408);
        let around = [(3, 1), (2, 1), (1, 1), (1, 3), (0, 1), (-1, 2), (-1, 1), (-3, 1)];
        for (bin, (gx, gy)) in around.into_iter().enumerate() {
            assert_eq!((direction(gx, gy), direction(-gx, -gy)), (bin, bin), "{gx} {gy}");
        }
        let mut square = vec![(0, 0), (4, 0), (4, 4), (0, 4), (2, 2), (0, 2), (0, 2)];
        assert_eq!(doubled_hull_area(&mut square), 32);
        assert_eq!(doubled_hull_area(&mut Vec::new()), 0);
        assert_eq!(doubled_hull_area(&mut vec![(1, 1)]), 0);
    }
}
