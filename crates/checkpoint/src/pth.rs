//! Reads `.pth` files: what both of PyTorch's containers have in common.

use std::path::Path;

use bytes::Bytes;

use super::flat::{check_flat, shortened};
use super::open::open;
use super::pickle_value::Pickled;
use super::zipped::Archive;
use super::{StateDict, legacy, pickle};
use base::error::{Error, Result};

/// Reads a `.pth` file of either container through a machine that executes nothing. Views are made contiguous,
/// `nn.Parameter` counts as its tensor, device tags are ignored. What is no flat dict of tensors is refused.
pub fn read_pth(path: &Path) -> Result<StateDict> {
    open(path, from_bytes)
}

/// Returns whether the content starts as a zip archive does.
pub(super) fn looks_like_zip(content: &[u8]) -> bool {
    content.starts_with(b"PK\x03\x04") || content.starts_with(b"PK\x05\x06")
}

pub(super) fn from_bytes(content: &Bytes) -> Result<StateDict> {
    if looks_like_zip(content) {
        let mut archive = Archive::open(content)?;
        let program = archive.pickle()?;
        let pickled = pickle::run(&program)?;
        check_flat(&pickled)?;
        let storages =
            pickled.storages.iter().map(|(key, storage)| archive.storage(key, *storage)).collect::<Result<Vec<_>>>()?;
        collect(&pickled, &storages, content.len())
    } else if legacy::looks_like(content) {
        let (pickled, storages) = legacy::read(content)?;
        collect(&pickled, &storages, content.len())
    } else {
        Err(Error::data("the file does not start as a file of torch.save does"))
    }
}

fn collect(pickled: &Pickled<'_>, storages: &[Bytes], file_size: usize) -> Result<StateDict> {
    let mut copies_left = file_size.saturating_mul(4).saturating_add(4096);
    let mut tensors = StateDict::new();
    for (key, value) in pickled.dict(pickled.root).unwrap_or_default() {
        let (Some(name), Some(view)) = (pickled.text(*key), pickled.tensor(*value)) else {
            return Err(Error::bug("a dict was found flat and is not"));
        };
        let (Some((_, declared)), Some(bytes)) = (pickled.storages.get_index(view.storage), storages.get(view.storage))
        else {
            return Err(Error::bug(format!("the storage of {name:?} was not kept")));
        };
        let tensor = view
            .tensor(declared.dtype, bytes, &mut copies_left)
            .map_err(|e| e.while_doing(format!("the tensor {:?} is wrong", shortened(name))))?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}
