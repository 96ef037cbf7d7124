//! Reads a checkpoint file or folder, in the format that the content shows.

use std::io::Read;
use std::path::Path;

use super::foreign_file::foreign_file_error;
use super::from_bytes::read_bytes;
use super::mapped_file::parse_file;
use super::{StateDict, caffemodel, folder, pth, pth_legacy, safetensors_file, shards};
use base::error::{Error, Result};
use base::files;

/// Reads a checkpoint: safetensors, PyTorch's zip or legacy format, or Caffe's `.caffemodel`, alone or in a folder of Hugging Face's
/// layout, in one file or in shards. Tensors keep the names of the file. Files are mapped, not copied: tensors that are contiguous in a file point
/// into the mapping, so the file must not be changed in place while they are used (it may be replaced by renaming).
///
/// # Errors
/// Data if it is not a checkpoint or is damaged.
pub fn read_checkpoint(path: &Path) -> Result<StateDict> {
    let weights = if path.is_dir() { folder::require_weights(path)? } else { path.to_owned() };
    match shards::is_index(&weights) {
        true => shards::read(&weights),
        false => {
            shards::check_not_single_shard(&weights)?;
            parse_file(&weights, read_bytes)
        }
    }
}

/// Checks that all files of a checkpoint exist and begin like a format that [`read_checkpoint`] supports. The rest of them is not
/// read.
///
/// # Errors
/// Data if it is not a checkpoint.
pub fn check_format(path: &Path) -> Result<()> {
    let file = if path.is_dir() { folder::require_weights(path)? } else { path.to_owned() };
    let files = if shards::is_index(&file) { shards::existing_shard_files(&file)? } else { vec![file] };
    for file in &files {
        let mut start = Vec::new();
        let read = files::open_regular(file)?.take(512).read_to_end(&mut start);
        read.map_err(|e| Error::io("read", file, &e))?;
        let known = safetensors_file::looks_like(&start)
            || pth::looks_like_zip(&start)
            || pth_legacy::looks_like(&start)
            || caffemodel::looks_like(&start);
        if !known {
            return Err(
                foreign_file_error(&start).while_doing(format!("cannot read the checkpoint {}", path.display()))
            );
        }
    }
    Ok(())
}
