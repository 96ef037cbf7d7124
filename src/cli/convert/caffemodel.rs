//! Converts a net of Caffe, which is not a model of LXMERT: its tensors keep their names and become safetensors.

use std::path::Path;

use super::super::output::print_line;
use super::super::progress::board::Board;
use super::target::{CheckpointForm, Target};
use base::error::{Error, Result};
use base::exit;
use base::format::human_bytes;

/// Converts the net in the file `path` to the file `to` and prints a summary. `options` are those that only models of LXMERT have, and
/// whether they are given.
///
/// # Errors
/// Usage for such an option, or a target that is not a `.safetensors` file.
pub(super) fn run(path: &Path, to: &Path, options: &[(&str, bool)]) -> Result<u8> {
    if let Some((option, _)) = options.iter().find(|(_, given)| *given) {
        return Err(Error::usage(format!(
            "{option} is for models of LXMERT, but {} is a net of Caffe",
            path.display()
        ))
        .next(format!("omit {option}")));
    }
    if Target::of(to, path)?.form() != CheckpointForm::Safetensors {
        return Err(Error::usage(format!("a net of Caffe cannot be written as {}", to.display()))
            .next("name a .safetensors file with --to"));
    }
    let tensors = checkpoint::convert_caffemodel(path, to, &Board::new())?;
    if checkpoint::read_safetensors(to)? != tensors {
        return Err(Error::bug(format!("{} does not read back as it was written", to.display())));
    }
    let values: usize = tensors.values().map(|tensor| tensor.numel()).sum();
    let bytes: u64 = tensors.values().map(|tensor| tensor.data.len() as u64).sum();
    print_line(format!(
        "from      {}: net of Caffe, {} tensors, {values} values\n\
         to        {}: safetensors with the names <layer>/<blob>, {}\n\
         checked   every tensor was read back and is identical",
        path.display(),
        tensors.len(),
        to.display(),
        human_bytes(bytes)
    ))?;
    Ok(exit::PASS)
}
