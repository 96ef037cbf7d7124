//! Reads safetensors files without a copy, and writes them in a fixed order.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use super::mapped_file::check_not_truncated;
use super::mapped_file::parse_file;
use super::tensor::{DType, StateDict, TensorData};
use base::error::{Error, Result};
use base::files::{ContentDigest, ContentHasher, write_atomically};

/// Reads a safetensors file. The tensors, in the order of their bytes, point into the mapped file.
pub fn read_safetensors(path: &Path) -> Result<StateDict> {
    parse_file(path, from_bytes)
}

/// Returns the free-form metadata of a safetensors file; `None` for a file of another format.
pub fn read_metadata(path: &Path) -> Result<Option<HashMap<String, String>>> {
    parse_file(path, |content| {
        if !looks_like(content) {
            return Ok(None);
        }
        Ok(Some(header(content)?.1.metadata().clone().unwrap_or_default()))
    })
}

/// Returns whether the content starts like this format: with a header length, then a JSON object.
pub(super) fn looks_like(content: &[u8]) -> bool {
    content.get(6..9) == Some(b"\0\0{")
}

/// Returns the header's length and content.
fn header(content: &Bytes) -> Result<(usize, Metadata)> {
    SafeTensors::read_metadata(content).map_err(|e| {
        Error::data("its safetensors header does not fit the file: it is cut short or damaged")
            .because(e)
            .next("download or write it again")
    })
}

pub(super) fn from_bytes(content: &Bytes) -> Result<StateDict> {
    let (header, metadata) = header(content)?;
    let mut infos: Vec<_> = metadata.tensors().into_iter().collect();
    infos.sort_by(|(a, x), (b, y)| x.data_offsets.cmp(&y.data_offsets).then_with(|| a.cmp(b)));
    let data = content.slice(8 + header..);
    infos
        .into_iter()
        .map(|(name, info)| {
            let (start, end) = info.data_offsets;
            let dtype = dtype(info.dtype).ok_or_else(|| {
                Error::data(format!("the tensor {name:?} has elements of {:?}, which is not supported", info.dtype))
                    .next("save the weights as 16-, 32- or 64-bit floats")
            })?;
            let tensor = TensorData { dtype, shape: info.shape.clone(), data: data.slice(start..end) };
            Ok((name, tensor))
        })
        .collect()
}

fn dtype(of: Dtype) -> Option<DType> {
    Some(match of {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => DType::Bool,
        _ => return None,
    })
}

fn code(of: DType) -> &'static str {
    match of {
        DType::F64 => "F64",
        DType::F32 => "F32",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::I64 => "I64",
        DType::I32 => "I32",
        DType::I16 => "I16",
        DType::I8 => "I8",
        DType::U8 => "U8",
        DType::Bool => "BOOL",
    }
}

/// Writes a safetensors file, atomically and with the same bytes for the same content. Wider element types come first,
/// so that every tensor is aligned; otherwise the order of `tensors` is kept. Each of several tied tensors is written.
pub fn write_safetensors(path: &Path, tensors: &StateDict, metadata: &BTreeMap<String, String>) -> Result<()> {
    write(path, tensors, metadata, &mut |_| {})
}

/// Writes like [`write_safetensors`], and returns the file's digest, which is computed while writing.
///
/// # Errors
/// If it cannot be written.
pub fn write_safetensors_digested(
    path: &Path,
    tensors: &StateDict,
    metadata: &BTreeMap<String, String>,
) -> Result<ContentDigest> {
    let mut hasher = ContentHasher::default();
    write(path, tensors, metadata, &mut |bytes| hasher.update(bytes))?;
    Ok(hasher.finish())
}

/// Writes the file, and passes all its bytes to `seen` in order.
fn write(
    path: &Path,
    tensors: &StateDict,
    metadata: &BTreeMap<String, String>,
    seen: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    check_not_truncated(tensors.values())?;
    let mut ordered: Vec<_> = tensors.iter().collect();
    ordered.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.dtype.size()));
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".into(), json!(metadata));
    }
    let mut end = 0;
    for (name, tensor) in &ordered {
        tensor.check(name)?;
        let start = end;
        end += tensor.data.len();
        let entry = json!({"dtype": code(tensor.dtype), "shape": tensor.shape, "data_offsets": [start, end]});
        if name.as_str() == "__metadata__" {
            return Err(Error::bug("a tensor cannot be named __metadata__"));
        }
        header.insert((*name).clone(), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    write_atomically(path, |out| {
        let mut put = |bytes: &[u8]| {
            seen(bytes);
            out.write_all(bytes).map_err(|e| Error::io("write", path, &e))
        };
        put(&(header.len() as u64).to_le_bytes())?;
        put(&header)?;
        ordered.iter().try_for_each(|(_, tensor)| put(&tensor.data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_checkpoint;

    #[test]
    fn a_written_file_reads_back_and_has_the_same_bytes_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let mut tensors = StateDict::new();
        tensors.insert("z".into(), TensorData::from_f32(vec![2, 1], vec![1.0, -0.0]).unwrap());
        tensors.insert("b".into(), TensorData { dtype: DType::U8, shape: vec![3], data: vec![1, 2, 3].into() });
        tensors.insert("é\"".into(), TensorData { dtype: DType::I64, shape: vec![], data: vec![7; 8].into() });
        tensors.insert("none".into(), TensorData::from_f32(vec![0, 4], vec![]).unwrap());
        let metadata = (0..20).map(|i| (format!("key {i}"), i.to_string())).collect();
        write_safetensors(&path, &tensors, &metadata).unwrap();
        let first = std::fs::read(&path).unwrap();
        let back = read_checkpoint(&path).unwrap();
        assert_eq!(back, tensors);
        assert_eq!(back.keys().next().unwrap(), "é\"", "the widest first");
        write_safetensors(&path, &tensors, &metadata).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        let digest = write_safetensors_digested(&path, &tensors, &metadata).unwrap();
        assert_eq!(digest, ContentDigest::of(&path).unwrap());
        assert_eq!((digest.bytes, std::fs::read(&path).unwrap()), (first.len() as u64, first.clone()));
        let (_, header) = SafeTensors::read_metadata(&first).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["key 7"], "7");
        write_safetensors(&path, &StateDict::new(), &BTreeMap::new()).unwrap();
        assert!(read_checkpoint(&path).unwrap().is_empty());
        let wrong = TensorData { dtype: DType::F32, shape: vec![2], data: vec![0; 4].into() };
        assert!(write_safetensors(&path, &StateDict::from([("w".into(), wrong)]), &BTreeMap::new()).is_err());
    }
}
