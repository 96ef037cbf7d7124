//! Compares the features of one box in A and in B.

use super::histogram::Histogram;

/// Rounding to float16 moves a value by at most this share of it, and by at most [`HALF_ABSOLUTE`] below 2^-14 (IEEE
/// 754-2008: 11 bits of significand, least exponent -14).
const HALF_RELATIVE: f32 = 1.0 / 2048.0;
const HALF_ABSOLUTE: f32 = 1.0 / 33_554_432.0;
/// Values taken together, so that the compiler can vectorise.
const CHUNK: usize = 64;
/// float64 values in an SSE2 register, which every x86-64 has.
const LANES: usize = 2;

/// Features of one box. Sums are over its values.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Difference {
    /// Sum of `|b - a|`.
    pub absolute: f64,
    /// Sum of `b - a`.
    pub signed: f64,
    /// Sum of `|b - a| / max(|a|, |b|)`, 0 if both are 0.
    pub relative: f64,
    /// `1 - cos(a, b)`; 0 for two vectors of zeros, 1 if only one is.
    pub cosine_distance: f64,
    /// Greatest `|b - a|`.
    pub greatest: f32,
    /// Greatest part of `|b - a|` that rounding to float16 does not explain, if requested.
    pub unexplained: f32,
    /// Values with such a part.
    pub beyond_rounding: u64,
}

/// Compares `(dim)` finite features; `roundings` says how many of the two were rounded to float16 (0, 1, 2).
/// Counts absolute and relative differences.
pub(super) fn features(
    a: &[f32],
    b: &[f32],
    roundings: u8,
    absolute: &mut Histogram,
    relative: &mut Histogram,
) -> Difference {
    if a == b {
        absolute.add_zeros(a.len());
        relative.add_zeros(a.len());
        return Difference::default();
    }
    let mut found = Difference::default();
    let (mut greatest, mut most) = (0.0_f32, 0.0_f32);
    let mut sums = [[0.0; LANES]; 6];
    let roundings = f32::from(roundings);
    let (mut errors, mut shares) = ([0.0; CHUNK], [0.0; CHUNK]);
    for (a, b) in a.chunks(CHUNK).zip(b.chunks(CHUNK)) {
        let (errors, shares) = (&mut errors[..a.len()], &mut shares[..a.len()]);
        let mut beyond = 0;
        for (((&a, &b), error), share) in a.iter().zip(b).zip(errors.iter_mut()).zip(shares.iter_mut()) {
            // The difference of two huge values may overflow; it then counts as the largest float32.
            *error = (b - a).abs().min(f32::MAX);
            let size = a.abs().max(b.abs());
            *share = *error / size.max(f32::MIN_POSITIVE);
            let unexplained = *error - roundings * (size * HALF_RELATIVE).max(HALF_ABSOLUTE);
            greatest = if *error > greatest { *error } else { greatest };
            most = if unexplained > most { unexplained } else { most };
            beyond += u32::from(unexplained > 0.0);
        }
        found.beyond_rounding += u64::from(beyond);
        sum(a, b, errors, shares, &mut sums);
        absolute.add(errors);
        relative.add(shares);
    }
    let [signed, error, share, dot, square_a, square_b] = sums.map(|lanes| lanes.iter().sum::<f64>());
    (found.signed, found.absolute, found.relative) = (signed, error, share);
    (found.greatest, found.unexplained) = (greatest, most);
    let length = (square_a * square_b).sqrt();
    found.cosine_distance = if length > 0.0 { (1.0 - dot / length).max(0.0) } else { 1.0 };
    found
}

/// Adds to the sums of `b - a`, `|b - a|`, its share, `ab`, `a²` and `b²`, in float64.
fn sum(a: &[f32], b: &[f32], errors: &[f32], shares: &[f32], sums: &mut [[f64; LANES]; 6]) {
    let [mut signed, mut absolute, mut relative, mut dot, mut square_a, mut square_b] = *sums;
    let mut lane = |at: usize, a: f32, b: f32, error: f32, share: f32| {
        let (a, b) = (f64::from(a), f64::from(b));
        signed[at] += b - a;
        absolute[at] += f64::from(error);
        relative[at] += f64::from(share);
        dot[at] += a * b;
        square_a[at] += a * a;
        square_b[at] += b * b;
    };
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let ((errors, rest_errors), (shares, rest_shares)) = (errors.as_chunks::<LANES>(), shares.as_chunks::<LANES>());
    for (((a, b), error), share) in a.iter().zip(b).zip(errors).zip(shares) {
        for at in 0..LANES {
            lane(at, a[at], b[at], error[at], share[at]);
        }
    }
    for (at, (((&a, &b), &error), &share)) in rest_a.iter().zip(rest_b).zip(rest_errors).zip(rest_shares).enumerate() {
        lane(at, a, b, error, share);
    }
    *sums = [signed, absolute, relative, dot, square_a, square_b];
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    fn compare_images(a: &[f32], b: &[f32], roundings: u8) -> Difference {
        let (mut absolute, mut relative) = (Histogram::new(), Histogram::new());
        let found = features(a, b, roundings, &mut absolute, &mut relative);
        assert_eq!(absolute.quantiles(0.0).map(|found| found.count), Some(a.len() as u64));
        assert_eq!(relative.quantiles(0.0).map(|found| found.max <= 2.0), Some(true));
        found
    }

    #[test]
    fn sums_and_angles() {
        let found = compare_images(&[3.0, 0.0, 0.0], &[0.0, 4.0, 0.0], 0);
        assert_eq!((found.absolute, found.signed, found.relative), (7.0, 1.0, 2.0));
        assert_eq!((found.cosine_distance, found.greatest), (1.0, 4.0));
        let a: Vec<f32> = (0..131).map(|at| at as f32 / 7.0).collect();
        assert_eq!(compare_images(&a, &a, 0), Difference::default());
        let found = compare_images(&a, &a.iter().map(|value| value * 2.0).collect::<Vec<_>>(), 0);
        assert!(found.cosine_distance < 1e-15 && (found.relative - 65.0).abs() < 1e-9, "{found:?}");
        assert_eq!(compare_images(&[0.0; 3], &[0.0, -0.0, 0.0], 0).cosine_distance, 0.0);
        assert_eq!(compare_images(&[0.0; 3], &[0.0, 1.0, 0.0], 0).cosine_distance, 1.0);
        assert_eq!(compare_images(&[f32::MAX], &[f32::MIN], 0).greatest, f32::MAX);
    }

    #[test]
    fn rounding_to_half_explains_itself_and_no_more() {
        let a: Vec<f32> = (0..5000).map(|at| (at as f32 / 100.0 - 27.0).exp2() % 60_000.0).collect();
        let b: Vec<f32> = a.iter().map(|&value| f16::from_f32(value).to_f32()).collect();
        let found = compare_images(&a, &b, 1);
        assert!(found.greatest > 0.0);
        assert_eq!((found.unexplained, found.beyond_rounding), (0.0, 0));
        assert_eq!(compare_images(&b, &a, 1).beyond_rounding, 0);
        let found = compare_images(&[1.0, 2.0], &[1.0, 2.5], 1);
        assert_eq!((found.beyond_rounding, found.unexplained), (1, 0.5 - 2.5 / 2048.0));
    }
}
