//! Tensors as data: element type, shape and bytes, without a numerical library.

use bytes::Bytes;
use half::{bf16, f16};

use base::error::{Error, Result};

/// An element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 64-bit float.
    F64,
    /// 32-bit float.
    F32,
    /// 16-bit IEEE float.
    F16,
    /// 16-bit brain float.
    BF16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// 16-bit signed integer.
    I16,
    /// 8-bit signed integer.
    I8,
    /// 8-bit unsigned integer.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl DType {
    /// Returns the bytes per element.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Returns whether it is one of the floating-point types.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }
}

/// A tensor's bytes: row-major, little-endian, contiguous. Tensors made from one storage (tied weights) share one
/// [`Bytes`], so equal data pointers and lengths mean tied.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorData {
    /// Element type.
    pub dtype: DType,
    /// Sizes, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// `numel() * dtype.size()` bytes.
    pub data: Bytes,
}

/// Tensors by name, in the file's order.
pub type StateDict = indexmap::IndexMap<String, TensorData>;

impl TensorData {
    /// Creates a tensor of 32-bit floats. Fails if the number of values is not that of the shape.
    pub fn from_f32(shape: Vec<usize>, values: Vec<f32>) -> Result<Self> {
        if numel(&shape) != Some(values.len()) {
            return Err(Error::bug(format!("{} values do not fill a tensor of shape {shape:?}", values.len())));
        }
        let mut data = Vec::with_capacity(values.len() * 4);
        for value in values {
            data.extend_from_slice(&value.to_le_bytes());
        }
        Ok(Self { dtype: DType::F32, shape, data: data.into() })
    }

    /// Returns the values as 32-bit floats; 64-bit ones are rounded. Fails for integers.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let data = &self.data[..];
        Ok(match self.dtype {
            DType::F64 => data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect(),
            DType::F32 => data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            DType::F16 => data.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
            DType::BF16 => data.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
            other => return Err(Error::data(format!("a tensor of {other:?} was found, but one of floats is needed"))),
        })
    }

    /// Returns the number of elements; 1 for a scalar.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    /// Checks that the bytes of a tensor fit its shape, before it is written.
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let bytes = numel(&self.shape).and_then(|n| n.checked_mul(self.dtype.size()));
        if bytes == Some(self.data.len()) {
            return Ok(());
        }
        Err(Error::bug(format!("{name}: {} bytes for {:?} of shape {:?}", self.data.len(), self.dtype, self.shape)))
    }

    /// Returns whether both tensors share the same bytes in memory, as tied weights do.
    pub fn shares_storage_with(&self, other: &Self) -> bool {
        self.data.as_ptr() == other.data.as_ptr() && self.data.len() == other.data.len() && !self.data.is_empty()
    }
}

/// Returns the number of elements of a shape; `None` if the sizes (zeros left out) multiply past what memory can address.
pub(super) fn numel(shape: &[usize]) -> Option<usize> {
    let bound = shape.iter().filter(|&&n| n > 0).try_fold(1_usize, |product, &n| product.checked_mul(n))?;
    Some(if shape.contains(&0) { 0 } else { bound })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_of_every_width_convert() {
        let values = [0.0_f32, -0.0, 1.5, -2.25, f32::INFINITY];
        let of = |dtype, data: Vec<u8>| TensorData { dtype, shape: vec![5], data: data.into() }.to_f32().unwrap();
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let narrow = values.map(|v| f16::from_f32(v).to_le_bytes()).concat();
        let brain = values.map(|v| bf16::from_f32(v).to_le_bytes()).concat();
        let wide = values.map(|v| f64::from(v).to_le_bytes()).concat();
        for got in [of(DType::F16, narrow), of(DType::BF16, brain), of(DType::F64, wide)] {
            assert_eq!(bits(&got), bits(&values));
        }
        assert_eq!(bits(&TensorData::from_f32(vec![5], values.to_vec()).unwrap().to_f32().unwrap()), bits(&values));
        assert!(TensorData { dtype: DType::I64, shape: vec![], data: vec![0; 8].into() }.to_f32().is_err());
        assert!(TensorData::from_f32(vec![2, 3], vec![0.0; 5]).is_err());
    }

    #[test]
    fn element_counts_do_not_overflow() {
        assert_eq!((numel(&[]), numel(&[2, 3]), numel(&[0, 4])), (Some(1), Some(6), Some(0)));
        assert_eq!((numel(&[1 << 40, 1 << 40]), numel(&[0, 1 << 40, 1 << 40])), (None, None));
    }
}
