//! Checks that weights are finite. A model with others would answer every question, but meaninglessly.

use super::tensor::{DType, TensorData};
use base::error::{Error, Result};
use base::format::some_of;

/// Checks that no tensor holds a NaN or an infinity. A 64-bit number outside the range of 32-bit floats counts as
/// infinite: the model computes with 32 bits.
///
/// # Errors
/// Data, with the first such tensor and the numbers of tensors and values.
pub fn check<'a>(tensors: impl IntoIterator<Item = (&'a String, &'a TensorData)>) -> Result<()> {
    let (mut all, mut values, mut bad) = (0_usize, 0_usize, Vec::new());
    for (name, tensor) in tensors {
        all += 1;
        let count = count_not_finite(tensor);
        if count > 0 {
            values += count;
            bad.push(name.clone());
        }
    }
    let Some(first) = bad.first() else { return Ok(()) };
    Err(Error::data(format!(
        "{first} is not finite: {} of {all} tensors hold {values} values that are NaN or infinite",
        bad.len()
    ))
    .because(format!("every answer of such a model would be meaningless; the tensors are: {}", some_of(&bad)))
    .next("use weights from before the training diverged, or convert them again without half precision"))
}

/// Counts the elements that are not finite. Checks only the bits of the exponent, which the compiler can vectorise.
fn count_not_finite(tensor: &TensorData) -> usize {
    let data = &tensor.data[..];
    let half = |mask: u16| data.as_chunks().0.iter().filter(|&&b| u16::from_le_bytes(b) & mask == mask).count();
    match tensor.dtype {
        DType::F32 => {
            const MASK: u32 = 0x7f80_0000;
            data.as_chunks().0.iter().filter(|&&b| u32::from_le_bytes(b) & MASK == MASK).count()
        }
        DType::F64 => data.as_chunks().0.iter().filter(|&&b| !(f64::from_le_bytes(b) as f32).is_finite()).count(),
        DType::F16 => half(0x7c00),
        DType::BF16 => half(0x7f80),
        DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 | DType::Bool => 0,
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    fn of(dtype: DType, data: Vec<u8>) -> TensorData {
        TensorData { dtype, shape: vec![data.len() / dtype.size()], data: data.into() }
    }

    #[test]
    fn floats_of_every_width_are_checked() {
        let values = [0.0, -1.5, f32::NAN, 6e4, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE];
        let wide = values.map(|v| f64::from(v).to_le_bytes()).concat();
        let single = values.map(f32::to_le_bytes).concat();
        let half = values.map(|v| f16::from_f32(v).to_le_bytes()).concat();
        let brain = values.map(|v| bf16::from_f32(v).to_le_bytes()).concat();
        for (dtype, data) in [(DType::F64, wide), (DType::F32, single), (DType::F16, half), (DType::BF16, brain)] {
            assert_eq!(count_not_finite(&of(dtype, data)), 3, "{dtype:?}");
        }
        assert_eq!(count_not_finite(&of(DType::F64, 1e300_f64.to_le_bytes().to_vec())), 1, "no 32-bit float holds it");
        assert_eq!(count_not_finite(&of(DType::I64, vec![0xff; 16])), 0, "integers are finite");
    }

    #[test]
    fn the_error_names_the_first_tensor_and_the_counts() {
        let good = TensorData::from_f32(vec![2], vec![1.0, 2.0]).unwrap();
        let bad = TensorData::from_f32(vec![2], vec![f32::NAN, 2.0]).unwrap();
        let named = [("a", &good), ("b", &bad), ("c", &bad)].map(|(name, tensor)| (name.to_owned(), tensor));
        let error = check(named.iter().map(|(name, tensor)| (name, *tensor))).unwrap_err();
        assert_eq!(error.kind(), base::error::Kind::Data);
        assert!(error.what().starts_with("b is not finite: 2 of 3 tensors hold 2 values"), "{error}");
        check(named[..1].iter().map(|(name, tensor)| (name, *tensor))).unwrap();
    }
}
