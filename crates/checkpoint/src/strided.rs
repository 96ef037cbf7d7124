//! Makes contiguous tensors from views of a storage (offset, sizes, strides).

use bytes::{Bytes, BytesMut};

use super::error::damage_error;
use super::tensor::{DType, TensorData, numel};
use base::error::Result;

/// A tensor as a view of a storage, in elements of the storage.
#[derive(Debug, Clone)]
pub(super) struct StridedView {
    /// Index of the storage in its pickle.
    pub storage: usize,
    /// First element.
    pub offset: usize,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Elements between neighbours along each dimension.
    pub stride: Vec<usize>,
}

impl StridedView {
    /// Returns the view's tensor. A contiguous one shares the bytes of `storage`. Any other is copied, and its size subtracted from
    /// `copies_left`, so that a small file cannot expand to a large tensor (repeated rows have stride 0).
    pub(super) fn tensor(&self, dtype: DType, storage: &Bytes, copies_left: &mut usize) -> Result<TensorData> {
        let outside = || {
            damage_error(format!(
                "a view (offset {}, shape {:?}, strides {:?}) reaches outside its storage of {} elements",
                self.offset,
                self.shape,
                self.stride,
                storage.len() / dtype.size()
            ))
        };
        let count =
            numel(&self.shape).ok_or_else(|| damage_error(format!("the shape {:?} is too large", self.shape)))?;
        let shape = self.shape.clone();
        if count == 0 {
            return Ok(TensorData { dtype, shape, data: Bytes::new() });
        }
        let end = self.end().ok_or_else(outside)?.checked_mul(dtype.size()).ok_or_else(outside)?;
        if end > storage.len() {
            return Err(outside());
        }
        let start = self.offset * dtype.size();
        if self.is_contiguous() {
            return Ok(TensorData { dtype, shape, data: storage.slice(start..end) });
        }
        let bytes = count.checked_mul(dtype.size()).filter(|bytes| bytes <= copies_left).ok_or_else(|| {
            damage_error(format!(
                "views with repeated elements, such as one of shape {shape:?}, are far larger than the file"
            ))
        })?;
        *copies_left -= bytes;
        Ok(TensorData { dtype, shape, data: self.copied(storage, dtype.size(), bytes) })
    }

    /// Returns the index after the last element of a view that is not empty.
    fn end(&self) -> Option<usize> {
        self.shape
            .iter()
            .zip(&self.stride)
            .try_fold(self.offset, |end, (n, stride)| end.checked_add((n - 1).checked_mul(*stride)?))?
            .checked_add(1)
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.stride).rev().filter(|(n, _)| **n != 1).all(|(n, stride)| {
            let fits = *stride == expected;
            expected *= n;
            fits
        })
    }

    /// Copies the elements in row-major order. The view must be inside `storage`.
    fn copied(&self, storage: &[u8], size: usize, bytes: usize) -> Bytes {
        let mut out = BytesMut::with_capacity(bytes);
        let mut index = vec![0; self.shape.len()];
        let mut position = self.offset;
        while out.len() < bytes {
            out.extend_from_slice(&storage[position * size..][..size]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                position += self.stride[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                position -= self.stride[axis] * self.shape[axis];
                index[axis] = 0;
            }
        }
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(offset: usize, shape: &[usize], stride: &[usize]) -> Result<Vec<u8>> {
        let storage = Bytes::from((0..24).collect::<Vec<u8>>());
        let view = StridedView { storage: 0, offset, shape: shape.to_vec(), stride: stride.to_vec() };
        view.tensor(DType::U8, &storage, &mut 64).map(|t| t.data.to_vec())
    }

    #[test]
    fn a_view_gives_the_elements_in_row_major_order() {
        assert_eq!(view(6, &[2, 2], &[2, 1]).unwrap(), [6, 7, 8, 9]);
        assert_eq!(view(0, &[3, 2], &[1, 6]).unwrap(), [0, 6, 1, 7, 2, 8]);
        assert_eq!(view(1, &[2, 3], &[12, 2]).unwrap(), [1, 3, 5, 13, 15, 17]);
        assert_eq!(view(4, &[3, 2], &[0, 1]).unwrap(), [4, 5, 4, 5, 4, 5]);
        assert_eq!(view(23, &[], &[]).unwrap(), [23]);
        assert_eq!(view(3, &[1, 2, 1], &[99, 1, 7]).unwrap(), [3, 4], "a dimension of one has any stride");
        assert!(view(99, &[0, 4], &[4, 1]).unwrap().is_empty());
    }

    #[test]
    fn views_that_reach_outside_are_refused() {
        for (offset, shape, stride) in [
            (24, &[][..], &[][..]),
            (0, &[25], &[1]),
            (0, &[5, 6], &[6, 1]),
            (0, &[2], &[24]),
            (usize::MAX, &[1], &[1]),
            (0, &[3], &[usize::MAX]),
            (0, &[1 << 40, 1 << 40], &[0, 0]),
            (0, &[65], &[0]),
        ] {
            assert!(view(offset, shape, stride).is_err(), "{offset} {shape:?} {stride:?}");
        }
    }
}
