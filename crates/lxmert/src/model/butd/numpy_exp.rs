//! numpy's exponential of 32-bit floats, whose last bit differs from that of C libraries and of libtorch. The sides of the original's
//! proposals are products with it.
//!
//! Source: numpy from 1.17, numpy/core/src/umath/loops_exponent_log.dispatch.c.src (vectors with fused multiplication and addition).

#![expect(clippy::excessive_precision, reason = "the constants stand as in the source")]

/// From here on the result is infinite.
const LARGEST: f32 = 88.722_839_355_468_75;
/// Down to here the result is zero.
const SMALLEST: f32 = -103.972_084_045_410_16;
/// Adding and subtracting it rounds to a whole number, half to even.
const ROUND: f32 = 12_582_912.0;
/// The logarithm of two in two parts (Cody and Waite), negative.
const MINUS_LN_2: [f32; 2] = [-6.931_457_52e-1, -1.428_606_77e-6];
/// Coefficients of the numerator, the highest power first.
const NUMERATOR: [f32; 6] = [
    5.082_762_527_590_694e-4,
    6.757_896_990_527_505e-3,
    5.114_512_081_637_298e-2,
    2.473_615_434_895_521e-1,
    7.257_664_613_233_124e-1,
    9.999_999_999_980_871e-1,
];
/// Coefficients of the denominator, the highest power first.
const DENOMINATOR: [f32; 3] = [2.159_509_375_685_83e-2, -2.742_335_390_411_667_5e-1, 1.0];

/// Returns e to the power of `x` as numpy does.
pub(super) fn exp(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    if x >= LARGEST {
        return f32::INFINITY;
    }
    if x <= SMALLEST {
        return 0.0;
    }
    let power = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let rest = MINUS_LN_2.iter().fold(x, |rest, &part| power.mul_add(part, rest));
    let polynomial =
        |coefficients: &[f32]| coefficients.iter().copied().reduce(|sum, c| sum.mul_add(rest, c)).unwrap_or(0.0);
    let fraction = polynomial(&NUMERATOR) / polynomial(&DENOMINATOR);
    (f64::from(fraction) * f64::from(power).exp2()) as f32
}

#[cfg(test)]
mod tests {
    use super::exp;

    /// Bits of x and of numpy's e^x. In the first six the correctly rounded result is another.
    const VALUES: [(u32, u32); 10] = [
        (0x3c23_e0aa, 0x3f81_4967),
        (0x3ce3_6310, 0x3f83_9a49),
        (0x3da0_760c, 0x3f8a_6ea3),
        (0x3e55_dc31, 0x3f9d_ba9d),
        (0x3edf_b2ab, 0x3fc6_2222),
        (0x3f63_e878, 0x401b_e3c6),
        (0x3c23_d75c, 0x3f81_4954),
        (0x3d8f_1fb6, 0x3f89_43e5),
        (0x3f23_f986, 0x3ff2_e098),
        (0xbcd5_494b, 0x3f79_6bbb),
    ];

    #[test]
    fn butd_sides_are_products_with_numpys_exponential() {
        for (x, want) in VALUES {
            assert_eq!(exp(f32::from_bits(x)).to_bits(), want, "e^{}", f32::from_bits(x));
        }
        assert_eq!((exp(0.0), exp(89.0), exp(-104.0)), (1.0, f32::INFINITY, 0.0));
        assert!(exp(f32::NAN).is_nan());
    }
}
