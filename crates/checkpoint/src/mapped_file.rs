//! Maps checkpoint files into memory. If a file becomes shorter while it is mapped, reading its lost bytes would kill the
//! program with SIGBUS, so its size is checked again before tensors are used.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

use super::tensor::TensorData;
use base::error::{Error, Result};
use base::files;

/// A mapped file and its address range.
struct MappedFile {
    file: File,
    path: PathBuf,
    addresses: Range<usize>,
}

/// The owner of a mapped file's [`Bytes`].
struct MappingOwner {
    map: memmap2::Mmap,
    _file: Arc<MappedFile>,
}

impl AsRef<[u8]> for MappingOwner {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

/// The mappings that are still in use.
static IN_USE: Mutex<Vec<Weak<MappedFile>>> = Mutex::new(Vec::new());

/// Maps `path` and passes it to `parse`. Errors name the file.
pub(super) fn parse_file<T>(path: &Path, parse: impl FnOnce(&Bytes) -> Result<T>) -> Result<T> {
    parse(&map_file(path)?).map_err(|e| e.while_doing(format!("cannot read the checkpoint {}", path.display())))
}

fn map_file(path: &Path) -> Result<Bytes> {
    let file = files::open_regular(path)?;
    if length(&file, path)? == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the mapping is read-only. Its bytes change only if someone rewrites the file in place while it is used,
    // which this program never does: it writes beside the file and renames.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|e| Error::io("map", path, &e))?;
    let start = map.as_ptr().addr();
    let mapped = Arc::new(MappedFile { file, path: path.to_owned(), addresses: start..start + map.len() });
    mapped.check()?;
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    in_use.retain(|mapped| mapped.strong_count() > 0);
    in_use.push(Arc::downgrade(&mapped));
    Ok(Bytes::from_owner(MappingOwner { map, _file: mapped }))
}

/// Checks that the mapped files of tensors have not become shorter. Tensors in memory pass.
///
/// # Errors
/// Data, with the path of the file.
pub fn check_not_truncated<'a>(tensors: impl IntoIterator<Item = &'a TensorData>) -> Result<()> {
    let in_use: Vec<Arc<MappedFile>> =
        IN_USE.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
    let mut checked = vec![false; in_use.len()];
    for tensor in tensors {
        let address = tensor.data.as_ptr().addr();
        if let Some(at) = in_use.iter().position(|mapped| mapped.addresses.contains(&address))
            && !std::mem::replace(&mut checked[at], true)
        {
            in_use[at].check()?;
        }
    }
    Ok(())
}

impl MappedFile {
    fn check(&self) -> Result<()> {
        let (now, mapped) = (length(&self.file, &self.path)?, self.addresses.len() as u64);
        if now >= mapped {
            return Ok(());
        }
        Err(Error::data(format!("{} was cut short while it was in use", self.path.display()))
            .because(format!("it had {mapped} bytes and has {now} now"))
            .next("download or write it again, and do not change it while it is read"))
    }
}

fn length(file: &File, path: &Path) -> Result<u64> {
    file.metadata().map(|about| about.len()).map_err(|e| Error::io("read", path, &e))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{StateDict, read_checkpoint, write_pth, write_safetensors};

    #[test]
    fn a_file_that_is_truncated_in_use_is_reported_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let tensor = TensorData::from_f32(vec![4096], vec![1.0; 4096]).unwrap();
        let state = StateDict::from([("bert.a".to_owned(), tensor)]);
        for name in ["a.safetensors", "a.pth"] {
            let path = folder.path().join(name);
            match name.ends_with(".pth") {
                true => write_pth(&path, &state).unwrap(),
                false => write_safetensors(&path, &state, &BTreeMap::new()).unwrap(),
            }
            let read = read_checkpoint(&path).unwrap();
            check_not_truncated(read.values()).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
            let copy = folder.path().join("copy.pth");
            for error in [
                check_not_truncated(read.values()).unwrap_err(),
                write_pth(&copy, &read).unwrap_err(),
                write_safetensors(&copy, &read, &BTreeMap::new()).unwrap_err(),
            ] {
                assert_eq!(error.kind(), base::error::Kind::Data);
                let text = error.to_string();
                assert!(text.contains(name) && text.contains("cut short while it was in use"), "{text}");
            }
            assert!(!copy.exists(), "nothing is written from a truncated file");
            check_not_truncated(state.values()).unwrap();
        }
    }
}
