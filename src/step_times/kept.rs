//! The file in the user's cache folder that holds measured speeds. One that is damaged or foreign is ignored, with a note: the next
//! measurement replaces it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::step_time::{StepConditions, StepTime};
use base::error::{Error, Result};
use base::files;

/// Edition of the file.
const SCHEMA: u32 = 1;
/// Name of the file.
const FILE: &str = "step-times.json";
/// Size limit of the file.
const LIMIT: u64 = 1 << 20;
/// Maximum number of measurements; the oldest are dropped.
const MOST: usize = 200;

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    schema: u32,
    steps: Vec<StepTime>,
}

/// The measurements that were found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeptSteps {
    /// The measurements, the newest first.
    pub steps: Vec<StepTime>,
    /// Why the file, or a part of it, was ignored.
    pub note: Option<String>,
}

impl KeptSteps {
    /// Returns the measurement under these conditions.
    pub fn find(&self, conditions: &StepConditions) -> Option<&StepTime> {
        self.steps.iter().find(|step| step.conditions == *conditions)
    }
}

/// Reads the measurements in a cache folder; a missing file is an empty one.
pub fn read(folder: &Path) -> KeptSteps {
    let path = folder.join(FILE);
    if path.symlink_metadata().is_err() {
        return KeptSteps::default();
    }
    let ignored = |why: &str| Some(format!("{} is ignored: {why}; repro bench train replaces it", path.display()));
    match parse(&path) {
        Err(why) => KeptSteps { steps: Vec::new(), note: ignored(&why) },
        Ok(mut steps) => {
            let all = steps.len();
            steps.retain(StepTime::is_plausible);
            let note = (steps.len() < all).then(|| {
                format!(
                    "{}: {} of {all} measurements are ignored: their numbers cannot be; repro bench train replaces them",
                    path.display(),
                    all - steps.len()
                )
            });
            KeptSteps { steps, note }
        }
    }
}

fn parse(path: &Path) -> Result<Vec<StepTime>, String> {
    let text = files::read_text(path, LIMIT).map_err(|error| error.what().to_owned())?;
    let head: serde_json::Value = serde_json::from_str(&text).map_err(|_| "it is not JSON".to_owned())?;
    match head.get("schema").and_then(serde_json::Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => {}
        Some(schema) => return Err(format!("it has schema {schema}, not {SCHEMA}")),
        None => return Err("it holds no measurements".to_owned()),
    }
    serde_json::from_value(head).map(|Content { steps, .. }| steps).map_err(|_| "it is damaged".to_owned())
}

/// Keeps a measurement in a cache folder, in place of an earlier one under the same conditions. Returns the path of the file.
///
/// # Errors
/// Infra or disk if it cannot be written.
pub fn keep(folder: &Path, step: StepTime) -> Result<PathBuf> {
    let path = folder.join(FILE);
    let mut steps = read(folder).steps;
    steps.retain(|kept| kept.conditions != step.conditions);
    steps.insert(0, step);
    steps.truncate(MOST);
    let text = serde_json::to_vec_pretty(&Content { schema: SCHEMA, steps })
        .map_err(|error| Error::bug("measured speeds cannot be written").because(error))?;
    files::write_bytes(&path, &text)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::super::step_time::tests::measured;
    use super::*;

    #[test]
    fn a_measurement_replaces_the_one_under_the_same_conditions() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("new/cache");
        assert_eq!(read(&folder), KeptSteps::default());
        let mut other = measured(9.0);
        other.conditions.threads = 64;
        for step in [measured(1.0), other.clone(), measured(2.0)] {
            assert_eq!(keep(&folder, step).unwrap(), folder.join(FILE));
        }
        assert_eq!(read(&folder), KeptSteps { steps: vec![measured(2.0), other.clone()], note: None });
        assert_eq!(read(&folder).find(&other.conditions), Some(&other));
        let change: [fn(&mut StepConditions); 5] = [
            |conditions| conditions.device = "cuda (NVIDIA H200)".to_owned(),
            |conditions| conditions.processor += " v2",
            |conditions| conditions.threads = 3,
            |conditions| conditions.libtorch = "2.12.0".to_owned(),
            |conditions| conditions.batch_size = 16,
        ];
        for change in change {
            let mut conditions = measured(2.0).conditions;
            change(&mut conditions);
            assert_eq!(read(&folder).find(&conditions), None, "{conditions:?}");
        }
        assert_eq!(folder.read_dir().unwrap().count(), 1, "nothing temporary is left");
    }

    #[test]
    fn a_damaged_or_foreign_file_is_ignored_with_a_note_and_replaced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(FILE);
        let good = serde_json::to_string(&Content { schema: SCHEMA, steps: vec![measured(5.1)] }).unwrap();
        for (text, why) in [
            (good[..good.len() / 2].to_owned(), "is ignored: it is not JSON; repro bench train replaces it"),
            ("[]".to_owned(), "it holds no measurements"),
            (good.replace("\"schema\":1", "\"schema\":2"), "it has schema 2, not 1"),
            (good.replace("\"threads\":2", "\"threads\":-2"), "it is damaged"),
            (good.replace("5.1", "0.0"), "1 of 1 measurements are ignored: their numbers cannot be"),
            (good.replace("2026-11-30", "yesterday"), "1 of 1 measurements are ignored"),
            (good.replace("\"cpu\"", "\"\""), "1 of 1 measurements are ignored"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let KeptSteps { steps, note } = read(place.path());
            assert!(steps.is_empty() && note.as_ref().is_some_and(|note| note.contains(why)), "{text}: {note:?}");
            keep(place.path(), measured(5.1)).unwrap();
            assert_eq!(read(place.path()), KeptSteps { steps: vec![measured(5.1)], note: None });
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(read(place.path()).note.is_some_and(|note| note.contains("is ignored")));
        assert!(keep(place.path(), measured(5.1)).is_err());
    }
}
