//! A blob of Caffe: the shape and values of one tensor, as a message of a layer.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::wire::{Field, Fields, Payload, packed_varints};
use crate::error::damage_error;
use crate::tensor::{DType, TensorData, numel};
use base::error::{Error, Result};

/// Caffe's own limit of dimensions (`kMaxBlobAxes`).
const MOST_DIMENSIONS: usize = 32;
/// What the message is, for errors.
const WHAT: &str = "the blob";

/// Numbers of the fields of `BlobProto`. Those that are not here are ignored, such as the gradients `diff` and `double_diff`.
mod fields {
    /// The first of `num`, `channels`, `height` and `width`: the shape in old files.
    pub(super) const NUM: u32 = 1;
    pub(super) const WIDTH: u32 = 4;
    pub(super) const DATA: u32 = 5;
    pub(super) const SHAPE: u32 = 7;
    pub(super) const DOUBLE_DATA: u32 = 8;
    /// The only field of the message `BlobShape`.
    pub(super) const DIM: u32 = 1;
}

/// Returns whether shapes are equal as Caffe compares them: after dimensions of 1 are put before the shorter one. Old files have
/// four dimensions for every tensor.
pub fn same_shape(a: &[usize], b: &[usize]) -> bool {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let (ones, rest) = long.split_at(long.len() - short.len());
    rest == short && ones.iter().all(|&n| n == 1)
}

/// A blob of which everything is checked and nothing is copied.
pub(super) struct BlobPlan {
    shape: Vec<usize>,
    values: BlobValues,
}

/// Where a blob's values are in the file.
enum BlobValues {
    /// In one run of 32-bit floats.
    Run(Range<usize>),
    /// In several fields of the message, or as 64-bit floats.
    Scattered {
        /// The message.
        message: Range<usize>,
        /// Number of values.
        count: usize,
    },
}

/// What the fields of a blob say.
#[derive(Default)]
struct BlobFields {
    legacy: [Option<u64>; 4],
    shape: Option<Vec<u64>>,
    floats: usize,
    doubles: usize,
    /// The one run of 32-bit floats, if there is no other value.
    run: Option<Range<usize>>,
}

impl BlobPlan {
    /// Checks the blob in a `range` of the file `content`.
    ///
    /// # Errors
    /// Data if it is damaged, or its shape does not fit its values.
    pub(super) fn of(content: &[u8], range: Range<usize>) -> Result<Self> {
        let mut found = BlobFields::default();
        for field in Fields::new(content, &range, WHAT) {
            found.add(content, field?)?;
        }
        let shape = found.shape()?;
        let (count, kind) = match (found.floats, found.doubles) {
            (floats, 0) => (floats, "floats"),
            (0, doubles) => (doubles, "doubles"),
            (floats, doubles) => {
                return Err(damage_error(format!(
                    "it holds values twice: {floats} in data and {doubles} in double_data"
                )));
            }
        };
        if numel(&shape) != Some(count) {
            return Err(damage_error(format!("it holds {count} {kind}, which do not fill its shape {shape:?}")));
        }
        let values = match found.run {
            Some(run) => BlobValues::Run(run),
            None => BlobValues::Scattered { message: range, count },
        };
        Ok(Self { shape, values })
    }

    /// Returns the tensor. One run of floats points into `content`, which must be the file that was checked.
    pub(super) fn tensor(self, content: &Bytes) -> Result<TensorData> {
        let data = match self.values {
            BlobValues::Run(run) => content.slice(run),
            BlobValues::Scattered { message, count } => copied(content, &message, count)?,
        };
        Ok(TensorData { dtype: DType::F32, shape: self.shape, data })
    }
}

impl BlobFields {
    fn add(&mut self, content: &[u8], field: Field) -> Result<()> {
        let Field { number, at, payload } = field;
        match (number, payload) {
            (fields::NUM..=fields::WIDTH, Payload::Varint(size)) => {
                self.legacy[(number - fields::NUM) as usize] = Some(size);
            }
            (fields::SHAPE, Payload::Bytes(message)) => {
                if self.shape.is_some() {
                    return Err(damage_error(format!("it has a second shape, at byte {at}")));
                }
                self.shape = Some(dimensions(content, &message)?);
            }
            (fields::DATA, Payload::Bytes(run)) => {
                let count = count_of(&run, DType::F32, at)?;
                if count > 0 {
                    self.run = (self.floats == 0).then_some(run);
                    self.floats += count;
                }
            }
            (fields::DATA, Payload::Fixed32(_)) => {
                self.run = None;
                self.floats += 1;
            }
            (fields::DOUBLE_DATA, Payload::Bytes(run)) => self.doubles += count_of(&run, DType::F64, at)?,
            (fields::DOUBLE_DATA, Payload::Fixed64(_)) => self.doubles += 1,
            (fields::NUM..=fields::DATA | fields::SHAPE | fields::DOUBLE_DATA, _) => {
                return Err(damage_error(format!("its field {number} at byte {at} does not have the type of Caffe")));
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the shape. An old one keeps its four dimensions; a missing one is 0, as in Caffe. No shape is that of a scalar.
    fn shape(&self) -> Result<Vec<usize>> {
        let legacy = self.legacy.iter().any(Option::is_some).then(|| self.legacy.map(Option::unwrap_or_default));
        let legacy = legacy.as_ref().map(|sizes| checked(sizes)).transpose()?;
        let shape = self.shape.as_deref().map(checked).transpose()?;
        match (legacy, shape) {
            (Some(legacy), Some(shape)) if !same_shape(&legacy, &shape) => {
                Err(damage_error(format!("it has two shapes: {shape:?}, and {legacy:?} in the fields of old files")))
            }
            (_, Some(shape)) | (Some(shape), None) => Ok(shape),
            (None, None) => Ok(Vec::new()),
        }
    }
}

/// Returns the number of packed values in a run of bytes.
fn count_of(run: &Range<usize>, dtype: DType, at: usize) -> Result<usize> {
    if !run.len().is_multiple_of(dtype.size()) {
        return Err(damage_error(format!(
            "its field at byte {at} has {} bytes, which are no whole number of values of {} bytes",
            run.len(),
            dtype.size()
        )));
    }
    Ok(run.len() / dtype.size())
}

/// Reads the message `BlobShape`, which may be packed or not.
fn dimensions(content: &[u8], message: &Range<usize>) -> Result<Vec<u64>> {
    let mut sizes = Vec::new();
    let mut add = |size: u64| {
        if sizes.len() == MOST_DIMENSIONS {
            return Err(Error::data(format!(
                "its shape has more than {MOST_DIMENSIONS} dimensions, which Caffe has not"
            ))
            .next("do not trust this file"));
        }
        sizes.push(size);
        Ok(())
    };
    for field in Fields::new(content, message, "the shape") {
        let Field { number, at, payload } = field?;
        match (number, payload) {
            (fields::DIM, Payload::Varint(size)) => add(size)?,
            (fields::DIM, Payload::Bytes(run)) => packed_varints(content, &run).try_for_each(|size| add(size?))?,
            (fields::DIM, _) => {
                return Err(damage_error(format!("the dimension at byte {at} is no whole number")));
            }
            _ => {}
        }
    }
    Ok(sizes)
}

/// Returns sizes that are not negative. Protobuf has negative numbers as their two's complement in 64 bits.
fn checked(sizes: &[u64]) -> Result<Vec<usize>> {
    let size = |&size: &u64| match i64::try_from(size) {
        Ok(_) => usize::try_from(size).map_err(|e| damage_error("its shape is too large").because(e)),
        Err(_) => Err(damage_error(format!("its shape has a negative size: {}", size.cast_signed()))),
    };
    sizes.iter().map(size).collect()
}

/// Copies values that are in several fields, or are rounded from 64 bits as Caffe does.
fn copied(content: &[u8], message: &Range<usize>, count: usize) -> Result<Bytes> {
    let mut out = BytesMut::with_capacity(count * DType::F32.size());
    let round = |bits: u64| (f64::from_bits(bits) as f32).to_le_bytes();
    for field in Fields::new(content, message, WHAT) {
        let Field { number, payload, .. } = field?;
        match (number, payload) {
            (fields::DATA, Payload::Bytes(run)) => out.extend_from_slice(&content[run]),
            (fields::DATA, Payload::Fixed32(bits)) => out.extend_from_slice(&bits.to_le_bytes()),
            (fields::DOUBLE_DATA, Payload::Bytes(run)) => {
                content[run].as_chunks().0.iter().for_each(|&b| out.extend_from_slice(&round(u64::from_le_bytes(b))));
            }
            (fields::DOUBLE_DATA, Payload::Fixed64(bits)) => out.extend_from_slice(&round(bits)),
            _ => {}
        }
    }
    Ok(out.freeze())
}
