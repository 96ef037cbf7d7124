//! Opens a checkpoint of any supported format; the content decides, not the name.

use std::io::Read;
use std::path::Path;

use super::at_hand::read_bytes;
use super::content::stranger;
use super::open::open;
use super::{StateDict, folder, legacy, pth, safetensors_file, shards};
use base::error::{Error, Result};
use base::files;

/// Reads a checkpoint: safetensors, or PyTorch's zip or legacy format, alone or as a folder of Hugging Face's layout, in
/// one file or in shards. Files are mapped, not copied: tensors that lie whole in one point into the mapping. It must not
/// be changed in place meanwhile (replacing it by renaming is fine). Tensors have the names that the file gives them.
///
/// # Errors
/// Data if it is no checkpoint or is damaged.
pub fn read_as_named(path: &Path) -> Result<StateDict> {
    let weights = if path.is_dir() { folder::weights_of(path)? } else { path.to_owned() };
    match shards::is_index(&weights) {
        true => shards::read(&weights),
        false => {
            shards::refuse_one_of_several(&weights)?;
            open(&weights, read_bytes)
        }
    }
}

/// Checks that all files of a checkpoint exist and begin like a format that [`read_as_named`] supports. The rest is not
/// read.
///
/// # Errors
/// Data if it is no checkpoint.
pub fn look(path: &Path) -> Result<()> {
    let file = if path.is_dir() { folder::weights_of(path)? } else { path.to_owned() };
    let files = if shards::is_index(&file) { shards::all_files_of(&file)? } else { vec![file] };
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
