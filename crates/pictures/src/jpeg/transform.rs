//! The inverse cosine transform of libjpeg-turbo's vector code (jidctint-sse2.asm), which OpenCV's decoder runs on x86-64. It gives
//! what libjpeg's accurate integer transform (jidctint.c) gives, except where damaged data lead to values far outside of the range:
//! sums of 16 bits wrap as in that code, and results are limited where C code takes what a table has at a masked index. So a JPEG
//! that was cut has OpenCV's pixels in the block at the cut, too.

use std::ffi::c_int;

use mozjpeg_sys as sys;

const CONST_BITS: u32 = 13;
const PASS1_BITS: u32 = 2;

unsafe extern "C-unwind" {
    /// Makes a decompressor that was started call the function for each block (transform.c): with 64 coefficients, their 64
    /// quantisation factors, the rows to write to, and the first column.
    fn pictures_set_inverse_dct(
        info: *mut sys::jpeg_decompress_struct,
        function: unsafe extern "C" fn(*const [i16; 64], *const [c_int; 64], *const *mut u8, usize),
    );
}

/// Sets the transform of a decompressor that was started.
///
/// # Safety
/// The decompressor is valid and was started.
pub(super) unsafe fn set_inverse_dct(info: *mut sys::jpeg_decompress_struct) {
    // SAFETY: as promised; `write_block` is what the function expects.
    unsafe { pictures_set_inverse_dct(info, write_block) }
}

unsafe extern "C" fn write_block(
    coefficients: *const [i16; 64],
    factors: *const [c_int; 64],
    rows: *const *mut u8,
    at: usize,
) {
    // SAFETY: libjpeg gives a block of coefficients and eight rows with eight samples from this column on; transform.c the factors.
    unsafe {
        let samples = inverse_dct(&*coefficients, &*factors);
        for (row, samples) in samples.iter().enumerate() {
            (*rows.add(row)).add(at).cast::<[u8; 8]>().write_unaligned(*samples);
        }
    }
}

/// Returns the rows of samples of a block.
fn inverse_dct(coefficients: &[i16; 64], factors: &[c_int; 64]) -> [[u8; 8]; 8] {
    let value = |row: usize, column: usize| {
        let at = row * 8 + column;
        coefficients[at].wrapping_mul(factors[at] as i16)
    };
    // Columns first.
    let mut columns = [[0_i16; 8]; 8];
    let is_flat = coefficients[8..].iter().all(|&coefficient| coefficient == 0);
    for (at, column) in columns.iter_mut().enumerate() {
        *column = match is_flat {
            true => [value(0, at).wrapping_shl(PASS1_BITS); 8],
            false => pass(std::array::from_fn(|row| value(row, at))).map(|sum| descale(sum, CONST_BITS - PASS1_BITS)),
        };
    }
    std::array::from_fn(|row| {
        let sums = pass(std::array::from_fn(|column| columns[column][row]));
        sums.map(|sum| {
            let sample = descale(sum, CONST_BITS + PASS1_BITS + 3).clamp(i8::MIN.into(), i8::MAX.into());
            (sample + 128) as u8
        })
    })
}

/// Divides by a power of two, rounded, and limits the result to 16 bits.
fn descale(sum: i32, bits: u32) -> i16 {
    let shifted = sum.wrapping_add(1 << (bits - 1)) >> bits;
    shifted.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// Transforms eight values; the results are scaled up by [`CONST_BITS`]. The constants are those of jidctint.c times 2^13.
fn pass(value: [i16; 8]) -> [i32; 8] {
    let sum = |a: i16, by_a: i32, b: i16, by_b: i32| (i32::from(a) * by_a).wrapping_add(i32::from(b) * by_b);
    let scaled = |value: i16| i32::from(value) << CONST_BITS;
    // Even part.
    let [two, six] = [value[2], value[6]];
    let difference = sum(two, 4433, six, 4433 - 15137);
    let both = sum(two, 4433 + 6270, six, 4433);
    let [plus, minus] = [value[0].wrapping_add(value[4]), value[0].wrapping_sub(value[4])].map(scaled);
    let even = [
        plus.wrapping_add(both),
        minus.wrapping_add(difference),
        minus.wrapping_sub(difference),
        plus.wrapping_sub(both),
    ];
    // Odd part.
    let [one, three, five, seven] = [value[1], value[3], value[5], value[7]];
    let (z3, z4) = (three.wrapping_add(seven), one.wrapping_add(five));
    let (z3, z4) = (sum(z3, 9633 - 16069, z4, 9633), sum(z3, 9633, z4, 9633 - 3196));
    let odd = [
        sum(seven, -7373, one, 12299 - 7373).wrapping_add(z4),
        sum(five, -20995, three, 25172 - 20995).wrapping_add(z3),
        sum(five, 16819 - 20995, three, -20995).wrapping_add(z4),
        sum(seven, 2446 - 7373, one, -7373).wrapping_add(z3),
    ];
    std::array::from_fn(|at| match at {
        0..4 => even[at].wrapping_add(odd[at]),
        _ => even[7 - at].wrapping_sub(odd[7 - at]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_block_has_its_mean() {
        let mut coefficients = [0; 64];
        assert_eq!(inverse_dct(&coefficients, &[1; 64]), [[128; 8]; 8]);
        coefficients[0] = 80;
        assert_eq!(inverse_dct(&coefficients, &[1; 64]), [[138; 8]; 8]);
    }

    #[test]
    fn values_out_of_range_are_limited_but_sums_wrap() {
        let mut coefficients = [0; 64];
        for (mean, factor, sample) in [(2047, 3, 255), (-2047, 3, 0), (2047, 8, 127), (-2047, 8, 129)] {
            coefficients[0] = mean;
            assert_eq!(inverse_dct(&coefficients, &[factor; 64]), [[sample; 8]; 8], "{mean} {factor}");
        }
    }

    /// The definition in floating point, on blocks as photographs have them.
    #[test]
    fn the_transform_is_the_inverse_cosine_transform() {
        let mut state = 1_u32;
        for _ in 0..200 {
            let coefficients: [i16; 64] = std::array::from_fn(|at| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let size = 300 / (1 + at as i32);
                ((state >> 16) as i32 % (2 * size + 1) - size) as i16
            });
            let found = inverse_dct(&coefficients, &[2; 64]);
            for (y, row) in found.iter().enumerate() {
                for (x, &sample) in row.iter().enumerate() {
                    let expected = exact(&coefficients, 2.0, x, y).clamp(0.0, 255.0);
                    assert!((f64::from(sample) - expected).abs() <= 1.0, "{sample} {expected}");
                }
            }
        }
    }

    fn exact(coefficients: &[i16; 64], factor: f64, x: usize, y: usize) -> f64 {
        let wave = |at: usize, frequency: usize| {
            let scale = if frequency == 0 { 0.5_f64.sqrt() } else { 1.0 };
            scale * ((2 * at + 1) as f64 * frequency as f64 * std::f64::consts::PI / 16.0).cos()
        };
        let terms = (0..64).map(|at| f64::from(coefficients[at]) * factor * wave(y, at / 8) * wave(x, at % 8));
        terms.sum::<f64>() / 4.0 + 128.0
    }
}
