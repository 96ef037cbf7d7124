//! The three fine-tuning tasks and the names of their splits.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base::error::{Error, Result};

/// A fine-tuning task of the paper (section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Visual question answering v2.0, soft scores over 3129 answers.
    Vqa,
    /// GQA, one answer of 1842.
    Gqa,
    /// NLVR2: is the sentence true of the two images?
    Nlvr2,
}

impl Task {
    /// All tasks, in the paper's order.
    pub const ALL: [Self; 3] = [Self::Vqa, Self::Gqa, Self::Nlvr2];

    /// Returns the name on the command line and of the folder under the data root: `vqa`, `gqa`, `nlvr2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vqa => "vqa",
            Self::Gqa => "gqa",
            Self::Nlvr2 => "nlvr2",
        }
    }

    /// Returns the field that holds an example's id in a split file: `question_id`, or NLVR2's `identifier`.
    pub fn id_field(self) -> &'static str {
        match self {
            Self::Vqa | Self::Gqa => "question_id",
            Self::Nlvr2 => "identifier",
        }
    }

    /// Returns the path of a split's examples: `<data root>/<task>/<split>.json`.
    pub fn split_file(self, data_root: &Path, split: &str) -> PathBuf {
        data_root.join(self.name()).join(format!("{split}.json"))
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|task| task.name() == text)
            .ok_or_else(|| Error::usage(format!("there is no task `{text}`")).next("choose one of vqa, gqa, nlvr2"))
    }
}

/// Takes a comma list of splits apart. An empty text is no split at all (the original's `--valid ""`); an empty, repeated
/// or path-like name inside a list is a usage error.
pub fn split_names(list: &str) -> Result<Vec<String>> {
    if list.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut names: Vec<String> = Vec::new();
    for name in list.split(',').map(str::trim) {
        let wrong = if name.is_empty() {
            "an empty split name"
        } else if name.contains(['/', '\\', '\0']) || name.starts_with('.') {
            "a path where the name of a split is expected"
        } else if names.iter().any(|seen| seen == name) {
            "the same split twice, whose examples would count double"
        } else {
            names.push(name.to_owned());
            continue;
        };
        return Err(Error::usage(format!("the splits `{list}` hold {wrong}"))
            .next("give names with commas between them, such as train,nominival"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for task in Task::ALL {
            assert_eq!(task.name().parse::<Task>().unwrap(), task);
            assert_eq!(format!("{task:>6}").trim(), task.name());
        }
        assert!("VQA".parse::<Task>().unwrap_err().to_string().contains("vqa, gqa, nlvr2"));
    }

    #[test]
    fn splits_are_checked() {
        assert!(split_names("").unwrap().is_empty());
        assert_eq!(split_names("train, nominival").unwrap(), ["train", "nominival"]);
        for bad in ["train,", ",", "train,train", "../train", "a/b", "."] {
            assert!(split_names(bad).is_err(), "{bad}");
        }
    }
}
