//! Reads a checkpoint of any program and renames its tensors to the original's names.

use std::path::Path;

use super::original_names::{self, CheckpointWeights};
use base::error::{Error, Result};
use checkpoint::{StateDict, folder, read_checkpoint, read_metadata, shards};

/// Reads a checkpoint and renames its tensors to the original's names.
///
/// Supported are safetensors and PyTorch's zip and legacy formats, as a single file, in shards, or in a folder in Hugging
/// Face's layout. Files are mapped, not copied: a tensor that is contiguous in a file points into the mapping. A file must not
/// be changed in place while its tensors are in use; replacing it by renaming is safe.
///
/// # Errors
/// Data if it is not a checkpoint, is damaged, or is a file that this program writes for another purpose.
pub fn read_weights(path: &Path) -> Result<CheckpointWeights> {
    refuse_other_files_of_ours(path)?;
    let mut weights = with_original_names(path)?;
    let found = if path.is_dir() { folder::require_weights(path)? } else { path.to_owned() };
    if shards::is_index(&found) {
        weights.notes.insert(0, format!("read from {} shards", shards::shard_files(&found)?.len()));
    } else if path.is_dir() && folder::is_variant(&found) {
        weights.notes.insert(0, format!("read from {}", found.file_name().unwrap_or_default().display()));
    }
    Ok(weights)
}

/// Like [`read_weights`], but returns the tensors alone and also accepts files that this program writes for other purposes.
pub fn read(path: &Path) -> Result<StateDict> {
    Ok(with_original_names(path)?.state)
}

fn with_original_names(path: &Path) -> Result<CheckpointWeights> {
    original_names::to_original(read_checkpoint(path)?)
        .map_err(|e| e.while_doing(format!("cannot read the checkpoint {}", path.display())))
}

/// Refuses safetensors files that this program writes for other purposes, which it recognises by their metadata.
fn refuse_other_files_of_ours(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(metadata) = read_metadata(path)? else { return Ok(()) };
    let is = |key: &str| metadata.contains_key(key);
    let (what, next) = if metadata.get("schema").is_some_and(|schema| schema.starts_with("lxmert-repro features")) {
        ("a store of image features", "name a checkpoint instead, such as BEST.safetensors")
    } else if is("lxmert_repro.snapshot") {
        (
            "a snapshot of an unfinished training",
            "finish that training with --resume, or name the BEST or LAST that it wrote",
        )
    } else if is("lxmert_repro.encode") {
        ("an output of `repro encode`", "name the checkpoint that it was made with")
    } else {
        return Ok(());
    };
    Err(Error::data(format!("{} is {what}, not a checkpoint", path.display())).next(next))
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
