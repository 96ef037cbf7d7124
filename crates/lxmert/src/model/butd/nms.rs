//! Greedy non-maximum suppression with inclusive pixels.
//!
//! Source: lib/nms/cpu_nms.pyx @ 514e561. A box is suppressed if its overlap is at least the threshold (`>=`, where NVIDIA's kernel
//! and torchvision have `>`), and the 32-bit overlap is compared with the threshold in 64 bits.

use super::numpy_order::argsort_descending;

/// A box: x1, y1, x2, y2 in pixels, inclusive.
pub type PixelBox = [f32; 4];

/// Returns the area of a box whose corners are inclusive.
fn area([x1, y1, x2, y2]: PixelBox) -> f32 {
    (x2 - x1 + 1.0) * (y2 - y1 + 1.0)
}

/// Returns whether two boxes with these areas overlap so much that only one may stay.
fn overlaps(a: PixelBox, area_a: f32, b: PixelBox, area_b: f32, threshold: f64) -> bool {
    let width = (a[2].min(b[2]) - a[0].max(b[0]) + 1.0).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1]) + 1.0).max(0.0);
    let both = width * height;
    f64::from(both / (area_a + area_b - both)) >= threshold
}

/// Returns the indices of the boxes that survive, by descending score, at most `limit` of them.
pub fn nms(boxes: &[PixelBox], scores: &[f32], threshold: f64, limit: usize) -> Vec<usize> {
    let order = argsort_descending(scores);
    let areas: Vec<f32> = boxes.iter().map(|&of| area(of)).collect();
    let mut suppressed = vec![false; boxes.len()];
    let mut kept = Vec::new();
    for (place, &best) in order.iter().enumerate() {
        if kept.len() == limit {
            break;
        }
        if suppressed[best] {
            continue;
        }
        kept.push(best);
        for &other in &order[place + 1..] {
            suppressed[other] |= overlaps(boxes[best], areas[best], boxes[other], areas[other], threshold);
        }
    }
    kept
}

/// Which of a few boxes overlap which: for suppressions of the same boxes under many scores.
pub struct OverlapMatrix {
    boxes: usize,
    /// For each box, as many words as hold a bit for each box.
    rows: Vec<u64>,
}

impl OverlapMatrix {
    /// Compares every box with every other.
    pub fn new(boxes: &[PixelBox], threshold: f64) -> Self {
        let words = boxes.len().div_ceil(64);
        let areas: Vec<f32> = boxes.iter().map(|&of| area(of)).collect();
        let mut rows = vec![0; boxes.len() * words];
        for a in 0..boxes.len() {
            for b in a + 1..boxes.len() {
                if overlaps(boxes[a], areas[a], boxes[b], areas[b], threshold) {
                    rows[a * words + b / 64] |= 1 << (b % 64);
                    rows[b * words + a / 64] |= 1 << (a % 64);
                }
            }
        }
        Self { boxes: boxes.len(), rows }
    }

    /// Calls `keep` with the index of each box that survives, by descending score. The result is that of [`nms`] without a limit.
    pub fn survivors(&self, scores: &[f32], mut keep: impl FnMut(usize)) {
        let words = self.boxes.div_ceil(64);
        let mut suppressed = vec![0_u64; words];
        for best in argsort_descending(scores) {
            if suppressed[best / 64] >> (best % 64) & 1 == 1 {
                continue;
            }
            keep(best);
            for (all, row) in suppressed.iter_mut().zip(&self.rows[best * words..(best + 1) * words]) {
                *all |= row;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two boxes, ten pixels high, of which `shared` columns of `all` are in both.
    fn pair(shared: f32, all: f32) -> [PixelBox; 2] {
        [[0.0, 0.0, all - 1.0, 9.0], [0.0, 0.0, shared - 1.0, 9.0]]
    }

    #[test]
    fn butd_an_overlap_of_exactly_the_threshold_suppresses() {
        assert_eq!(nms(&pair(5.0, 10.0), &[0.9, 0.8], 0.5, 9), [0], "with > for >= both would stay");
        assert_eq!(nms(&pair(3.0, 10.0), &[0.9, 0.8], 0.3, 9), [0], "0.3 in 32 bits is above 0.3");
        assert_eq!(nms(&pair(7.0, 10.0), &[0.9, 0.8], 0.7, 9), [0, 1], "0.7 in 32 bits is below 0.7");
    }

    #[test]
    fn the_matrix_gives_what_the_greedy_loop_gives() {
        let mut state = 1_u32;
        let mut random = |bound: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) % bound) as f32
        };
        let boxes: Vec<PixelBox> = (0..150)
            .map(|_| {
                let (x, y) = (random(60), random(60));
                [x, y, x + random(40), y + random(40)]
            })
            .collect();
        let scores: Vec<f32> = (0..150).map(|_| random(30) / 30.0).collect();
        let mut survivors = Vec::new();
        OverlapMatrix::new(&boxes, 0.3).survivors(&scores, |index| survivors.push(index));
        assert_eq!(survivors, nms(&boxes, &scores, 0.3, usize::MAX));
        assert!((10..140).contains(&survivors.len()), "{} of 150 stay", survivors.len());
        assert_eq!(nms(&boxes, &scores, 0.3, 5), survivors[..5]);
    }
}
