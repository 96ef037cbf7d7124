//! The tensors of an output file: describes them, and concatenates them batch by batch.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tch::{Device, Kind, Tensor};

use super::encoder::RequestedOutputs;
use super::sizes::ModelSizes;
use base::error::{Error, Result};
use checkpoint::{DType, TensorData};

/// A tensor to which batches are appended along the first dimension.
#[derive(Default)]
pub(super) struct TensorBuilder {
    dtype: Option<DType>,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl TensorBuilder {
    /// Appends a batch: floats as f32, or as f16 if `half`; integers as int64.
    ///
    /// # Errors
    /// Only on a bug: other dimensions or the element type differ.
    pub(crate) fn add(&mut self, tensor: &Tensor, half: bool) -> Result<()> {
        let (dtype, kind) = match (tensor.kind(), half) {
            (Kind::Int64, _) => (DType::I64, Kind::Int64),
            (_, true) => (DType::F16, Kind::Half),
            (_, false) => (DType::F32, Kind::Float),
        };
        let tensor = tensor.detach().to_device(Device::Cpu).to_kind(kind).contiguous();
        let shape: Vec<usize> = tensor.size().iter().map(|&n| n as usize).collect();
        if self.dtype.is_none() {
            self.shape = [&[0], shape.get(1..).unwrap_or_default()].concat();
        }
        let same = self.shape.get(1..) == shape.get(1..) && *self.dtype.get_or_insert(dtype) == dtype;
        let (Some(rows), Some(more), true) = (self.shape.first_mut(), shape.first(), same) else {
            return Err(Error::bug(format!("a batch of shape {shape:?} cannot be appended to {:?}", self.shape)));
        };
        *rows += more;
        let start = self.bytes.len();
        self.bytes.resize(start + tensor.numel() * dtype.size(), 0);
        tensor.copy_data_u8(&mut self.bytes[start..], tensor.numel());
        Ok(())
    }
}

impl From<TensorBuilder> for TensorData {
    fn from(builder: TensorBuilder) -> Self {
        Self { dtype: builder.dtype.unwrap_or(DType::F32), shape: builder.shape, data: Bytes::from(builder.bytes) }
    }
}

/// Returns a description of each tensor for the metadata of a file. R is the number of rows: one per image of each pair; those of a
/// pair are adjacent.
pub(super) fn descriptions(sizes: &ModelSizes, requested: RequestedOutputs, half: bool) -> Value {
    let mut all = vec![
        ("ids", "(R, S) word ids: [CLS], pieces, [SEP], zeros"),
        ("mask", "(R, S) 1 for words, 0 for padding"),
        ("boxes", "(R, O, 4) x1 y1 x2 y2, as parts of the image's width and height"),
        ("lang", "(R, S, H) language states; those of padding have no meaning"),
        ("visn", "(R, O, H) visual states"),
        ("pooled", "(R, H) cross-modality state of [CLS]"),
    ];
    if requested.attention {
        all.extend([
            ("attention.lang.i", "(R, heads, S, S) language layer i: words attend to words; rows sum to 1"),
            ("attention.visn.i", "(R, heads, O, O) object-relationship layer i: boxes to boxes"),
            ("attention.cross_lang.i", "(R, heads, S, O) cross-modality layer i: words to boxes"),
            ("attention.cross_visn.i", "(R, heads, O, S) cross-modality layer i: boxes to words"),
            ("attention.cross_lang_self.i", "(R, heads, S, S) the same layer, then: words to words"),
            ("attention.cross_visn_self.i", "(R, heads, O, O) the same layer, then: boxes to boxes"),
        ]);
    }
    if requested.heads && sizes.words() {
        all.extend([
            ("heads.mask_positions", "(M, 2) row and position of every [MASK]"),
            ("heads.words", "(M, vocabulary) scores of the words in the places of heads.mask_positions"),
            ("heads.matched", "(R, 2) scores of: the sentence does not belong to the image, it does"),
        ]);
    }
    let objects = [
        ("heads.obj", "(R, O, object classes) scores of each box's object class"),
        ("heads.attr", "(R, O, attribute classes) scores of each box's attribute class"),
        ("heads.feat", "(R, O, features) each box's feature as predicted"),
    ];
    all.extend(
        objects.into_iter().zip(sizes.objects()).filter_map(|(head, is)| (requested.heads && is).then_some(head)),
    );
    if requested.heads && sizes.answers().is_some() {
        all.push((
            "heads.answer",
            "(pairs, answers) scores of the answers; one row for each image where the head reads one",
        ));
    }
    let mut description: Map<String, Value> =
        all.into_iter().map(|(name, what)| (name.to_owned(), json!(what))).collect();
    description.insert("floats".to_owned(), json!(if half { "f16" } else { "f32" }));
    Value::Object(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_appended() {
        let floats = Tensor::from_slice(&[1.5_f32, -2.0, 0.0, 65504.0]).view([2, 2]).transpose(0, 1);
        for half in [false, true] {
            let mut builder = TensorBuilder::default();
            builder.add(&floats, half).unwrap();
            builder.add(&floats.narrow(0, 1, 1), half).unwrap();
            builder.add(&floats.narrow(0, 0, 0), half).unwrap();
            assert!(builder.add(&Tensor::from_slice(&[1_i64]), half).is_err());
            assert!(builder.add(&floats.reshape([1, 4]), half).is_err());
            let data = TensorData::from(builder);
            assert_eq!(
                (&data.shape[..], data.to_f32().unwrap()),
                (&[3, 2][..], vec![1.5, 0.0, -2.0, 65504.0, -2.0, 65504.0])
            );
            assert_eq!(data.dtype, if half { DType::F16 } else { DType::F32 });
        }
        let mut whole = TensorBuilder::default();
        whole.add(&Tensor::from_slice(&[7_i64, -1]), true).unwrap();
        let whole = TensorData::from(whole);
        assert_eq!((whole.dtype, &whole.data[8..]), (DType::I64, &(-1_i64).to_le_bytes()[..]));
    }
}
