//! Reads `.pth` files of both of PyTorch's containers.

use std::path::Path;

use bytes::Bytes;

use super::flat_dict::{check_flat_dict, shortened};
use super::mapped_file::parse_file;
use super::pickle_value::PickleOutput;
use super::pth_zip::PthArchive;
use super::{StateDict, pickle, pth_legacy};
use base::error::{Error, Result};

/// Reads a `.pth` file of either container. Nothing in it is executed. Views are made contiguous,
/// an `nn.Parameter` counts as its tensor, and devices are ignored. Fails if it is not a flat dict of tensors.
pub fn read_pth(path: &Path) -> Result<StateDict> {
    parse_file(path, from_bytes)
}

/// Returns whether the content starts like a zip archive.
pub(super) fn looks_like_zip(content: &[u8]) -> bool {
    content.starts_with(b"PK\x03\x04") || content.starts_with(b"PK\x05\x06")
}

pub(super) fn from_bytes(content: &Bytes) -> Result<StateDict> {
    if looks_like_zip(content) {
        let mut archive = PthArchive::open(content)?;
        let program = archive.pickle()?;
        let pickled = pickle::run(&program)?;
        check_flat_dict(&pickled)?;
        let storages =
            pickled.storages.iter().map(|(key, storage)| archive.storage(key, *storage)).collect::<Result<Vec<_>>>()?;
        collect(&pickled, &storages, content.len())
    } else if pth_legacy::looks_like(content) {
        let (pickled, storages) = pth_legacy::read(content)?;
        collect(&pickled, &storages, content.len())
    } else {
        Err(Error::data("the file does not start like a file of torch.save"))
    }
}

fn collect(pickled: &PickleOutput<'_>, storages: &[Bytes], file_size: usize) -> Result<StateDict> {
    let mut copies_left = file_size.saturating_mul(4).saturating_add(4096);
    let mut tensors = StateDict::new();
    for (key, value) in pickled.dict(pickled.root).unwrap_or_default() {
        let (Some(name), Some(view)) = (pickled.text(*key), pickled.tensor(*value)) else {
            return Err(Error::bug("a dict that was checked to be flat is not"));
        };
        let (Some((_, declared)), Some(bytes)) = (pickled.storages.get_index(view.storage), storages.get(view.storage))
        else {
            return Err(Error::bug(format!("the storage of {name:?} is missing")));
        };
        let tensor = view
            .tensor(declared.dtype, bytes, &mut copies_left)
            .map_err(|e| e.while_doing(format!("the tensor {:?} is wrong", shortened(name))))?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}
