//! Maps checkpoint files into memory. If a file becomes shorter while it is mapped, reading the lost bytes would kill the
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
struct Watched {
    file: File,
    path: PathBuf,
    place: Range<usize>,
}

/// The owner of a mapped file's [`Bytes`].
struct Mapping {
    map: memmap2::Mmap,
    _watched: Arc<Watched>,
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

/// The mappings that are still in use.
static IN_USE: Mutex<Vec<Weak<Watched>>> = Mutex::new(Vec::new());

/// Maps a regular file.
pub(super) fn map(path: &Path) -> Result<Bytes> {
    let file = files::open_regular(path)?;
    if length(&file, path)? == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the mapping is read-only. Its bytes change only if someone rewrites the file in place while it is used,
    // which this program never does: it writes beside the file and renames.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|e| Error::io("map", path, &e))?;
    let start = map.as_ptr().addr();
    let watched = Arc::new(Watched { file, path: path.to_owned(), place: start..start + map.len() });
    watched.check()?;
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    in_use.retain(|watched| watched.strong_count() > 0);
    in_use.push(Arc::downgrade(&watched));
    Ok(Bytes::from_owner(Mapping { map, _watched: watched }))
}

/// Refuses tensors whose file has become shorter since it was mapped. Tensors in memory pass.
///
/// # Errors
/// Data that names the file.
pub fn still_whole<'a>(tensors: impl IntoIterator<Item = &'a TensorData>) -> Result<()> {
    let in_use: Vec<Arc<Watched>> =
        IN_USE.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
    let mut looked_at = vec![false; in_use.len()];
    for tensor in tensors {
        let address = tensor.data.as_ptr().addr();
        if let Some(at) = in_use.iter().position(|watched| watched.place.contains(&address))
            && !std::mem::replace(&mut looked_at[at], true)
        {
            in_use[at].check()?;
        }
    }
    Ok(())
}

impl Watched {
    fn check(&self) -> Result<()> {
        let (now, mapped) = (length(&self.file, &self.path)?, self.place.len() as u64);
        if now >= mapped {
            return Ok(());
        }
        Err(Error::data(format!("{} was cut short while it was in use", self.path.display()))
            .because(format!("it had {mapped} bytes and has {now} now"))
            .next("fetch or write it again, and leave it alone while it is read"))
    }
}

fn length(file: &File, path: &Path) -> Result<u64> {
    file.metadata().map(|about| about.len()).map_err(|e| Error::io("read", path, &e))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{StateDict, read_as_named, write_pth, write_safetensors};

    #[test]
    fn a_file_cut_short_in_use_is_named_and_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let tensor = TensorData::from_f32(vec![4096], vec![1.0; 4096]).unwrap();
        let state = StateDict::from([("bert.a".to_owned(), tensor)]);
        for name in ["a.safetensors", "a.pth"] {
            let path = folder.path().join(name);
            match name.ends_with(".pth") {
                true => write_pth(&path, &state).unwrap(),
                false => write_safetensors(&path, &state, &BTreeMap::new()).unwrap(),
            }
            let read = read_as_named(&path).unwrap();
            still_whole(read.values()).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
            let copy = folder.path().join("copy.pth");
            for error in [
                still_whole(read.values()).unwrap_err(),
                write_pth(&copy, &read).unwrap_err(),
                write_safetensors(&copy, &read, &BTreeMap::new()).unwrap_err(),
            ] {
                assert_eq!(error.kind(), base::error::Kind::Data);
                let text = error.to_string();
                assert!(text.contains(name) && text.contains("cut short while it was in use"), "{text}");
            }
            assert!(!copy.exists(), "nothing is written from a file that is gone");
            still_whole(state.values()).unwrap();
        }
    }
}
