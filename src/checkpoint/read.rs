//! Opens a checkpoint of any supported format; the content decides, not the name.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use super::content::stranger;
use super::names::{self, Weights};
use super::safetensors_file::read_metadata;
use super::{StateDict, hf, legacy, mapped, pth, safetensors_file};
use crate::error::{Error, Result};
use crate::files;

/// Reads a checkpoint: safetensors, or PyTorch's zip or legacy format, alone or as a folder of Hugging Face's layout, in
/// one file or in shards. Files are mapped, not copied: tensors that lie whole in one point into the mapping. It must not
/// be changed in place meanwhile (replacing it by renaming is fine).
///
/// All tensors get the original's names.
///
/// # Errors
/// Data where it is no checkpoint, is damaged, or is a file that this program writes for another purpose.
pub fn read_weights(path: &Path) -> Result<Weights> {
    refuse_other_files_of_ours(path)?;
    let mut weights = with_original_names(path)?;
    let found = if path.is_dir() { hf::folder::weights_of(path)? } else { path.to_owned() };
    if hf::shards::is_index(&found) {
        weights.notes.insert(0, format!("it is in {} shards", hf::shards::files_of(&found)?.len()));
    } else if path.is_dir() && hf::folder::is_variant(&found) {
        weights.notes.insert(0, format!("its weights are {}", found.file_name().unwrap_or_default().display()));
    }
    Ok(weights)
}

/// The tensors of [`read_weights`] alone; also of files that this program writes for other purposes.
pub fn read(path: &Path) -> Result<StateDict> {
    Ok(with_original_names(path)?.state)
}

fn with_original_names(path: &Path) -> Result<Weights> {
    names::to_original(read_as_named(path)?)
        .map_err(|e| e.while_doing(format!("cannot read the checkpoint {}", path.display())))
}

/// The tensors of [`read_weights`] with the names that the file has.
pub fn read_as_named(path: &Path) -> Result<StateDict> {
    let weights = if path.is_dir() { hf::folder::weights_of(path)? } else { path.to_owned() };
    match hf::shards::is_index(&weights) {
        true => hf::shards::read(&weights),
        false => {
            hf::shards::refuse_one_of_several(&weights)?;
            open(&weights, read_bytes)
        }
    }
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

/// Looks at the beginning of a checkpoint: whether all its files are there and of a format that [`read`] knows. Says nothing of the
/// rest.
///
/// # Errors
/// Data where it is no checkpoint.
pub fn look(path: &Path) -> Result<()> {
    let file = if path.is_dir() { hf::folder::weights_of(path)? } else { path.to_owned() };
    let files = if hf::shards::is_index(&file) { hf::shards::all_files_of(&file)? } else { vec![file] };
    for file in &files {
        let mut start = Vec::new();
        let read = files::open_regular(file)?.take(512).read_to_end(&mut start);
        read.map_err(|e| Error::io("read", file, &e))?;
        let known = safetensors_file::looks_like(&start) || pth::looks_like_zip(&start) || legacy::looks_like(&start);
        if !known {
            return Err(stranger(&start).while_doing(format!("cannot read the checkpoint {}", path.display())));
        }
    }
    Ok(())
}

/// Refuses safetensors files that this program writes for other purposes; their metadata tell.
fn refuse_other_files_of_ours(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(metadata) = read_metadata(path)? else { return Ok(()) };
    let is = |key: &str| metadata.contains_key(key);
    let (what, next) = if metadata.get("schema").is_some_and(|schema| schema.starts_with("lxmert-repro features")) {
        ("a store of image features", "name it where features are asked for, and a checkpoint here")
    } else if is("lxmert_repro.snapshot") {
        ("a snapshot of a training in progress", "resume that training, or name the BEST or LAST that it wrote")
    } else if is("lxmert_repro.encode") {
        ("what repro encode wrote", "name the checkpoint that it was made with")
    } else {
        return Ok(());
    };
    Err(Error::data(format!("{} is {what}, not a checkpoint", path.display())).next(next))
}

/// An error about content that contradicts itself.
pub(super) fn damaged(what: impl std::fmt::Display) -> Error {
    Error::data(what).next("the file is damaged: fetch or write it again")
}

/// Maps `path`, hands it to `parse` and names the file in whatever goes wrong.
pub(super) fn open<T>(path: &Path, parse: impl FnOnce(&Bytes) -> Result<T>) -> Result<T> {
    parse(&mapped::map(path)?).map_err(|e| e.while_doing(format!("cannot read the checkpoint {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_model_says_what_it_needs() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("config.json"));
        assert!(read(&folder.path().join("absent")).is_err());
    }
}
