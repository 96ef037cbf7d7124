//! Finds the training that wrote a weights file: the one whose `outcome.json` lies beside it, if that names the file's checksum.

use std::path::{Path, PathBuf};

use super::result::TrainingRecord;
use super::training::{self, FinishedTraining, OUTCOME};
use base::error::{Error, Result};
use base::files::{self, ContentDigest};
use data::dataset::Task;
use lxmert_spec::ModelDescription;
use lxmert_spec::weights_names::{BEST_FILE, LAST_FILE};

/// The origin of a weights file, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attribution {
    /// The training that wrote it, if its folder holds one.
    pub training: Option<TrainingRecord>,
    /// SHA-256 of the vocabulary of that training, if it names one.
    pub vocabulary: Option<String>,
    /// SHA-256 of the file, if it had to be read.
    pub sha256: Option<String>,
    /// Why no training is named, or why it is not certain, for people.
    pub note: Option<String>,
}

/// Finds the training that wrote the weights in a file or folder. The weights are for `task` unless they name another task.
///
/// # Errors
/// Data if the outcome beside them is of another task, or names another checksum for a file of this name.
pub fn find(weights: &Path, task: Task) -> Result<Attribution> {
    let folder = files::folder_of(weights);
    let Some(ended) = training::read(folder)? else { return Ok(Attribution::default()) };
    let task = ModelDescription::read(weights)?.map_or(task, |described| described.task);
    let outcome = folder.join(OUTCOME);
    same_task(&ended, &outcome, weights, task)?;
    let name = weights.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if ended.weights.is_empty() {
        let note = format!(
            "{} names no checksum (an older version wrote it): that {name} is of that training is not certain",
            outcome.display()
        );
        return Ok(Attribution { training: Some(ended.training), note: Some(note), ..Attribution::default() });
    }
    let found = ContentDigest::of(&content_of(weights))?;
    if let Some(written) = ended.weights.get(&name).filter(|written| **written != found) {
        return Err(other_content(weights, &outcome, written, &found));
    }
    if ended.weights.values().any(|written| *written == found) {
        let (training, vocabulary) = (Some(ended.training), ended.vocabulary);
        return Ok(Attribution { training, vocabulary, sha256: Some(found.sha256), note: None });
    }
    let note = format!("{name} is none of the weights that {} names: no training is named for it", outcome.display());
    Ok(Attribution { sha256: Some(found.sha256), note: Some(note), ..Attribution::default() })
}

/// Refuses the folder of a training if it holds weights that the training did not write. Missing weights are accepted.
///
/// # Errors
/// As [`find`].
pub(super) fn check_folder(folder: &Path, ended: &FinishedTraining) -> Result<()> {
    let outcome = folder.join(OUTCOME);
    for name in [BEST_FILE, LAST_FILE].map(|name| folder.join(name)) {
        if name.is_file()
            && let Some(described) = ModelDescription::read(&name)?
        {
            same_task(ended, &outcome, &name, described.task)?;
        }
    }
    for (name, written) in &ended.weights {
        // It may only name files beside it.
        let path = folder.join(Path::new(name).file_name().unwrap_or_default());
        if path.is_file() {
            let found = ContentDigest::of(&path)?;
            if found != *written {
                return Err(other_content(&path, &outcome, written, &found));
            }
        }
    }
    Ok(())
}

/// Returns the file that holds the weights; `weights` may be a folder in the layout of Hugging Face.
fn content_of(weights: &Path) -> PathBuf {
    checkpoint::folder::weights_in(weights).unwrap_or_else(|| weights.to_owned())
}

fn same_task(ended: &FinishedTraining, outcome: &Path, weights: &Path, task: Task) -> Result<()> {
    match ended.task() {
        Some(learnt) if learnt != task => Err(Error::data(format!(
            "{} is of a training on {learnt}, but {} is a model for {task}",
            outcome.display(),
            weights.display()
        ))
        .because("the outcome and the weights in one folder must be of one training")
        .next(ADVICE)),
        _ => Ok(()),
    }
}

const ADVICE: &str = "put the training's own weights back; or copy these into a folder of their own and evaluate them there \
                      (then no training is named)";

fn other_content(weights: &Path, outcome: &Path, written: &ContentDigest, found: &ContentDigest) -> Error {
    let told = |digest: &ContentDigest| format!("SHA-256 {} ({} bytes)", digest.sha256, digest.bytes);
    Error::data(format!("{} is not what the training beside it wrote", weights.display()))
        .because(format!("{} names {}, the file has {}", outcome.display(), told(written), told(found)))
        .next(ADVICE)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::training::tests::outcome;
    use super::*;
    use base::error::Kind;

    fn write(folder: &Path, name: &str, content: &str) -> Value {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        serde_json::to_value(ContentDigest::of(&path).unwrap()).unwrap()
    }

    #[test]
    fn a_training_is_named_for_the_weights_that_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let put = |value: &Value| std::fs::write(folder.join(OUTCOME), value.to_string()).unwrap();
        let best = write(folder, "BEST.pth", "best");
        assert_eq!(find(&folder.join("BEST.pth"), Task::Vqa).unwrap(), Attribution::default());
        let mut told = outcome(Some(0.625), 7);
        put(&told);
        let old = find(&folder.join("BEST.pth"), Task::Vqa).unwrap();
        assert_eq!((old.training.unwrap().seed(), old.sha256), (Some(7), None));
        assert!(old.note.unwrap().contains("names no checksum (an older version wrote it)"));

        told["weights"] = json!({ "BEST.pth": best });
        told["identity"]["vocabulary"] = "abc".into();
        put(&told);
        write(folder, "copy.pth", "best");
        for name in ["BEST.pth", "copy.pth"] {
            let found = find(&folder.join(name), Task::Vqa).unwrap();
            let training = found.training.unwrap();
            assert_eq!(training.weights["BEST.pth"], best["sha256"]);
            assert_eq!((found.sha256.as_deref(), found.note), (best["sha256"].as_str(), None));
            assert_eq!(found.vocabulary.as_deref(), Some("abc"));
        }
        write(folder, "other.pth", "something else");
        let other = find(&folder.join("other.pth"), Task::Vqa).unwrap();
        assert!(other.training.is_none() && other.note.unwrap().contains("none of the weights"));

        // Of the same size, or not; and another task.
        for content in ["tseb", "longer"] {
            write(folder, "BEST.pth", content);
            let ended = training::read(folder).unwrap().unwrap();
            for error in
                [find(&folder.join("BEST.pth"), Task::Vqa).unwrap_err(), check_folder(folder, &ended).unwrap_err()]
            {
                assert_eq!(error.kind(), Kind::Data);
                let text = error.to_string();
                assert!(
                    text.contains(best["sha256"].as_str().unwrap()) && text.contains("folder of their own"),
                    "{text}"
                );
            }
        }
        write(folder, "BEST.pth", "best");
        check_folder(folder, &training::read(folder).unwrap().unwrap()).unwrap();
        let error = find(&folder.join("BEST.pth"), Task::Gqa).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.what().contains("a training on vqa") && error.what().contains("a model for gqa"), "{error}");
    }
}
