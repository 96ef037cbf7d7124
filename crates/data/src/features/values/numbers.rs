//! Recognises impossible feature values, and numbers of another width or byte order that were read as float32.

use half::f16;

use crate::features::error::RowDamage;

/// Greatest feature accepted. Features are means over the cells of a region of what a ReLU lets through: never below 0,
/// and 24.6 to 35.3 at most in the ten released rows. No detector comes near a thousand, numbers of another width do.
const GREATEST: f32 = 1000.0;
/// Smaller features than this are rounding: one of the half million in the ten released rows is smaller. Of half precision
/// read as single it is every second.
const SMALLEST: f32 = 1e-7;
/// Share of a row's numbers that must make no sense before another width is looked for. In the released rows it is below
/// 0.0001, in half precision read as single a half, in double precision a quarter.
const SENSELESS_SHARE: f64 = 0.1;
/// Values of a row that are looked at for numbers that are too small: two boxes' are as good as all.
const SAMPLE: usize = 4096;
/// Fewest numbers from which a width is inferred: with fewer, chance decides.
const FEWEST: usize = 32;

const SIGN: u32 = 0x8000_0000;
const EXPONENT: u32 = 0x7f80_0000;

/// Checks that features are finite, not negative and of a detector's size.
pub(super) fn check(values: &[f32], dim: usize) -> Result<(), RowDamage> {
    let sample = &values[..values.len().min(SAMPLE)];
    if !any_bad(values) && f64::from(count(sample).1) <= SENSELESS_SHARE * sample.len() as f64 {
        return Ok(());
    }
    let (bad, tiny) = count(values);
    let is_senseless =
        |numbers: u32| values.len() >= FEWEST && f64::from(numbers) > SENSELESS_SHARE * values.len() as f64;
    if bad == 0 && !is_senseless(tiny) {
        return Ok(());
    }
    if is_senseless(bad + tiny)
        && let Some((width, dim)) = other_width(values, dim)
    {
        return Err(RowDamage::NumberWidth { width, dim });
    }
    if bad == 0 {
        return Err(RowDamage::TinyFeatures { count: tiny as usize, of: values.len() });
    }
    match values.iter().position(|value| is_bad(value.to_bits())) {
        None => Ok(()),
        Some(at) => {
            let (index, position, value) = (at / dim, at % dim, values[at]);
            Err(match value {
                _ if !value.is_finite() => RowDamage::NotFinite { index, position, value },
                _ if value < 0.0 => RowDamage::NegativeFeature { index, position, value },
                _ => RowDamage::AbsurdFeature { index, position, value, greatest: GREATEST },
            })
        }
    }
}

/// Returns whether a number is NaN, infinite, negative or too large. As an unsigned number, a float without a sign is
/// ordered like its value, and all with a sign come behind; -0 is allowed.
fn is_bad(bits: u32) -> bool {
    bits > GREATEST.to_bits() && bits != SIGN
}

/// Returns whether a number is bad, -0 counting as such: [`count`] tells it apart. Two comparisons with a sign, without a
/// branch: what every processor does with many values at a time.
fn any_bad(values: &[f32]) -> bool {
    let greatest = GREATEST.to_bits() as i32;
    let (above, sign) = values.iter().fold((false, 0), |(above, sign), value| {
        let bits = value.to_bits() as i32;
        (above | (bits > greatest), sign | bits)
    });
    above || sign < 0
}

/// Returns how many numbers are bad, and how many are not 0 but too small.
fn count(values: &[f32]) -> (u32, u32) {
    values.iter().fold((0, 0), |(bad, tiny), value| {
        let bits = value.to_bits();
        (bad + u32::from(is_bad(bits)), tiny + u32::from(bits.wrapping_sub(1) < SMALLEST.to_bits() - 1))
    })
}

/// Returns whether there are several values and all are equal.
pub(super) fn is_constant(values: &[f32]) -> bool {
    let Some(first) = values.first() else { return false };
    values.len() > 1 && values.iter().all(|value| value == first)
}

/// Returns what the numbers are when their bytes are read otherwise, with the features of a box; `None` if no way of reading
/// makes sense.
fn other_width(values: &[f32], dim: usize) -> Option<(&'static str, usize)> {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    let makes_sense = |numbers: &mut dyn Iterator<Item = f64>| {
        let (mut all, mut some) = (true, 0_usize);
        for number in numbers {
            all &= (0.0..=f64::from(GREATEST)).contains(&number);
            some += usize::from(number > 1e-4);
        }
        // Zeros alone say nothing, and neither do numbers that are as good as zero.
        all && some * 8 > values.len()
    };
    let half = &mut bytes.as_chunks::<2>().0.iter().map(|&raw| f16::from_ne_bytes(raw).to_f64());
    let double = &mut bytes.as_chunks::<8>().0.iter().map(|&raw| f64::from_ne_bytes(raw));
    let swapped = &mut values.iter().map(|value| f64::from(f32::from_bits(value.to_bits().swap_bytes())));
    if makes_sense(half) {
        Some(("float16", dim * 2))
    } else if dim.is_multiple_of(2) && makes_sense(double) {
        Some(("float64", dim / 2))
    } else if makes_sense(swapped) {
        Some(("big-endian float32", dim))
    } else {
        None
    }
}

/// Checks that no value is NaN or infinite.
pub(super) fn check_finite(values: &[f32], per_box: usize) -> Result<(), RowDamage> {
    // Without a branch per value, so that the compiler vectorises it.
    let bad = values.iter().fold(false, |bad, value| bad | (value.to_bits() & EXPONENT == EXPONENT));
    if !bad {
        return Ok(());
    }
    let at = values.iter().position(|value| !value.is_finite()).unwrap_or(0);
    let per_box = per_box.max(1);
    Err(RowDamage::NotFinite { index: at / per_box, position: at % per_box, value: values[at] })
}
