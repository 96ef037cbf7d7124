//! Finds the file that a checkpoint's name stands for. Does not open it.

use std::path::{Path, PathBuf};

use crate::weights_names::ENDINGS;
use base::error::{Error, Result};
use base::files;
use checkpoint::{folder, shards};

/// Returns the path of the checkpoint that `given` names.
///
/// As in the original, the name may lack its ending. With the suffix "_LXRT", `X` stands for the first that exists of `X`,
/// `X_LXRT.safetensors`, `X_LXRT.pth`, `X.safetensors` and `X.pth`. The safetensors file comes first because only it says what
/// model it belongs to. A folder in Hugging Face's layout stands for itself, and the index of its shards stands for the folder.
///
/// # Errors
/// Usage if `given` is empty; data, with the paths that were tried, if nothing is there.
pub fn locate(given: &str, suffix: &str) -> Result<PathBuf> {
    if given.is_empty() {
        return Err(Error::usage("the name of a checkpoint is empty").next("name a file, such as BEST.safetensors"));
    }
    let mut tried = vec![given.to_owned()];
    let middles = [suffix, ""];
    for middle in &middles[usize::from(suffix.is_empty())..] {
        tried.extend(ENDINGS.map(|ending| format!("{given}{middle}{ending}")));
    }
    let path = Path::new(given);
    if folder::weights_in(path).is_some() {
        return Ok(given.into());
    }
    if shards::is_index(path) && folder::weights_in(files::folder_of(path)).as_deref() == Some(path) {
        return Ok(files::folder_of(path).into());
    }
    // Other than regular files pass here: the error of opening them is more precise.
    let there = |candidate: &&String| Path::new(candidate).exists() && !Path::new(candidate).is_dir();
    match tried.iter().find(there) {
        Some(found) => Ok(found.into()),
        // The error says which part the folder lacks.
        None if path.is_dir() => {
            Err(folder::require_weights(path).err().unwrap_or_else(|| Error::bug("a folder is lost")))
        }
        None => Err(Error::data(format!("there is no checkpoint {given:?}"))
            .because(format!("none of these is a file: {}", tried.join(", ")))
            .next("check the path; relative ones start from the current folder")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_their_ending_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let found = |suffix: &str| locate(&at("model"), suffix).unwrap();
        let error = locate(&at("model"), "_LXRT").unwrap_err().to_string();
        for ending in ["model,", "model_LXRT.pth", "model_LXRT.safetensors", "model.pth", "model.safetensors"] {
            assert!(error.contains(ending), "{error}");
        }
        let error = locate(&at("model"), "").unwrap_err().to_string();
        assert_eq!(error.matches("model.pth").count(), 1, "{error}");
        for name in ["model.pth", "model.safetensors", "model_LXRT.pth", "model_LXRT.safetensors", "model"] {
            std::fs::write(at(name), "").unwrap();
            assert_eq!(found("_LXRT"), PathBuf::from(at(name)));
        }
        assert_eq!(locate(&at("model.pth"), "_LXRT").unwrap(), PathBuf::from(at("model.pth")));
        assert!(locate(folder.path().to_str().unwrap(), "").is_err(), "a folder is no checkpoint");
        assert!(locate("", "_LXRT").is_err());
        let port = folder.path().join("port");
        std::fs::create_dir(&port).unwrap();
        std::fs::write(port.join("config.json"), "").unwrap();
        assert!(locate(port.to_str().unwrap(), "_LXRT").is_err(), "no weights");
        std::fs::write(port.join("pytorch_model.bin"), "").unwrap();
        assert_eq!(locate(port.to_str().unwrap(), "_LXRT").unwrap(), port);
    }
}
