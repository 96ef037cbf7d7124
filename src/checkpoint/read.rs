//! Opens a checkpoint of any supported format; the content decides, not the name.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use super::{StateDict, hf, legacy, pth, safetensors_file};
use crate::error::{Error, Result};
use crate::files;

/// Reads a checkpoint: safetensors, or PyTorch's zip or legacy format. The file is mapped, not copied: tensors that lie
/// whole in it point into the mapping. It must not be changed in place meanwhile (replacing it by renaming is fine).
///
/// A model of Hugging Face's port, as a folder or as its weights alone, gets the original's names ([`hf`]).
pub fn read(path: &Path) -> Result<StateDict> {
    let state = read_as_named(path)?;
    Ok(match hf::names::recognise(&state) {
        Some(layout) => hf::names::to_original(layout, state).0,
        None => state,
    })
}

/// [`read`] with the names that the file has.
pub fn read_as_named(path: &Path) -> Result<StateDict> {
    if path.is_dir() { open(&hf::folder::weights_of(path)?, read_bytes) } else { open(path, read_bytes) }
}

/// [`read_as_named`] for content at hand.
pub fn read_bytes(content: &Bytes) -> Result<StateDict> {
    if safetensors_file::looks_like(content) {
        safetensors_file::from_bytes(content)
    } else if pth::looks_like_zip(content) || legacy::looks_like(content) {
        pth::from_bytes(content)
    } else {
        Err(stranger(content))
    }
}

/// Looks at the beginning of a checkpoint: whether it is there and of a format that [`read`] knows. Says nothing of the rest.
///
/// # Errors
/// Data where it is no checkpoint.
pub fn look(path: &Path) -> Result<()> {
    let file = if path.is_dir() { hf::folder::weights_of(path)? } else { path.to_owned() };
    let mut start = Vec::new();
    let read = files::open_regular(&file)?.take(512).read_to_end(&mut start);
    read.map_err(|e| Error::io("read", &file, &e))?;
    let known = safetensors_file::looks_like(&start) || pth::looks_like_zip(&start) || legacy::looks_like(&start);
    match known {
        true => Ok(()),
        false => Err(stranger(&start).while_doing(format!("cannot read the checkpoint {}", path.display()))),
    }
}

/// An error about content that contradicts itself.
pub(super) fn damaged(what: impl std::fmt::Display) -> Error {
    Error::data(what).next("the file is damaged: fetch or write it again")
}

/// Maps `path`, hands it to `parse` and names the file in whatever goes wrong.
pub(super) fn open<T>(path: &Path, parse: impl FnOnce(&Bytes) -> Result<T>) -> Result<T> {
    parse(&map(path)?).map_err(|e| e.while_doing(format!("cannot read the checkpoint {}", path.display())))
}

fn map(path: &Path) -> Result<Bytes> {
    let file = files::open_regular(path)?;
    if file.metadata().map_err(|e| Error::io("read", path, &e))?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the mapping is read-only. Its bytes change only if someone rewrites the file in place while it is used,
    // which this program never does: it writes beside the file and renames.
    let mapped = unsafe { memmap2::Mmap::map(&file) }.map_err(|e| Error::io("map", path, &e))?;
    Ok(Bytes::from_owner(mapped))
}

/// What to say about content that is no checkpoint.
fn stranger(content: &[u8]) -> Error {
    const EXPECTED: &str = "a checkpoint is a safetensors file or a .pth file written by torch.save";
    let start = content.get(..content.len().min(512)).unwrap_or_default().trim_ascii_start().to_ascii_lowercase();
    if content.is_empty() {
        Error::data("the file is empty").next("fetch or write it again")
    } else if start.starts_with(b"<!doctype") || start.starts_with(b"<html") {
        Error::data("the file is a web page, not a checkpoint").next("the download was refused: fetch it again")
    } else if start.starts_with(b"version https://git-lfs") {
        Error::data("the file is a Git LFS pointer, not the checkpoint itself").next("run git lfs pull")
    } else if content.first() == Some(&0x80) {
        Error::data("the file is a Python pickle, but not one written by torch.save").next(EXPECTED)
    } else {
        Error::data("the file's first bytes are not those of a checkpoint").next(EXPECTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_a_stranger_is() {
        for (content, word) in [
            (&b""[..], "empty"),
            (b"\n<!DOCTYPE html><html>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
            (b"\x80\x03}q\x00.", "pickle"),
            (b"hello", "first bytes"),
        ] {
            let message = read_bytes(&Bytes::from_static(content)).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("config.json"));
        assert!(read(&folder.path().join("absent")).is_err());
    }
}
