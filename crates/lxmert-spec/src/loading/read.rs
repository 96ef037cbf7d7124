//! Reads a checkpoint under the original's names, whoever wrote it.

use std::path::Path;

use super::names::{self, Weights};
use base::error::{Error, Result};
use checkpoint::{StateDict, folder, read_as_named, read_metadata, shards};

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
    let found = if path.is_dir() { folder::weights_of(path)? } else { path.to_owned() };
    if shards::is_index(&found) {
        weights.notes.insert(0, format!("it is in {} shards", shards::files_of(&found)?.len()));
    } else if path.is_dir() && folder::is_variant(&found) {
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
