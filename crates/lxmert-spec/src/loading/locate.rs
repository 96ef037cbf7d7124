//! Finds the file behind a checkpoint's name.

use std::path::{Path, PathBuf};

use crate::weights_names::ENDINGS;
use base::error::{Error, Result};
use base::files;
use checkpoint::{folder, shards};

/// The checkpoint `given` names: the file itself, or, after the original's habit, a name without its ending. With the
/// suffix "_LXRT", `X` finds the first of `X`, `X_LXRT.safetensors`, `X_LXRT.pth`, `X.safetensors` and `X.pth`: where both are
/// there, both are ours and only the safetensors file says what model it belongs to. A folder of Hugging Face's layout is found
/// as it is named; the index of its shards stands for it.
pub fn locate(given: &str, suffix: &str) -> Result<PathBuf> {
    if given.is_empty() {
        return Err(Error::usage("a checkpoint's name is empty"));
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
    // What is no regular file is named by whoever opens it.
    let there = |candidate: &&String| Path::new(candidate).exists() && !Path::new(candidate).is_dir();
    match tried.iter().find(there) {
        Some(found) => Ok(found.into()),
        // Says which of its parts a folder lacks.
        None if path.is_dir() => Err(folder::weights_of(path).err().unwrap_or_else(|| Error::bug("a folder is lost"))),
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
