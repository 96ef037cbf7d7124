//! The twelve boxes around each cell of the RPN.
//!
//! Source: lib/rpn/generate_anchors.py @ 514e561, with base size 16, ratios 0.5, 1, 2 and scales 4, 8, 16, 32.

/// Number of anchors per cell.
pub const ANCHORS: usize = 12;
/// Pixels of the input per cell.
pub const STRIDE: usize = 16;

const RATIOS: [f64; 3] = [0.5, 1.0, 2.0];
const SCALES: [f64; 4] = [4.0, 8.0, 16.0, 32.0];

/// Returns the anchors of the first cell: x1, y1, x2, y2 in pixels, inclusive. The ratio is the outer index, the scale the inner.
pub fn base_anchors() -> [[f32; 4]; ANCHORS] {
    let side = STRIDE as f64;
    let centre = (side - 1.0) / 2.0;
    std::array::from_fn(|index| {
        let (ratio, scale) = (RATIOS[index / SCALES.len()], SCALES[index % SCALES.len()]);
        // Rounded before they are scaled, half to even, as numpy rounds.
        let width = (side * side / ratio).sqrt().round_ties_even();
        let height = (width * ratio).round_ties_even();
        let [half_width, half_height] = [width, height].map(|length| (length * scale - 1.0) / 2.0);
        [centre - half_width, centre - half_height, centre + half_width, centre + half_height].map(|v| v as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_anchors_are_those_that_the_original_makes() {
        let anchors = base_anchors();
        assert_eq!(anchors[0], [-38.0, -16.0, 53.0, 31.0]);
        assert_eq!(anchors[7], [-248.0, -248.0, 263.0, 263.0]);
        assert_eq!(anchors[11], [-168.0, -344.0, 183.0, 359.0]);
    }
}
