//! What this program and the program in an image say to each other: a request as a file, answers as lines of JSON on
//! stdout.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pipeline::plan::Input;
use base::error::Error;

/// Of everything here; another one is not understood.
pub const PROTOCOL: u32 = 1;
/// Where the request lies in the container.
pub const REQUEST: &str = "/request.json";

/// A stage to be run. Paths are absolute and the same on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Whose stage it is.
    pub profile: String,
    /// The stage.
    pub stage: String,
    /// Its parameters.
    pub parameters: Value,
    /// What it may read of earlier stages and from outside.
    pub inputs: Vec<Input>,
    /// The folder to fill.
    pub folder: PathBuf,
    /// Folders of the earlier stages that it may read.
    pub stage_folders: BTreeMap<String, PathBuf>,
    /// The workspace, where the stage reads data there.
    pub workspace: Option<PathBuf>,
    /// Where it computes: cpu, cuda, cuda:N or auto.
    pub device: String,
}

/// One line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// Who it is.
    Description(Description),
    /// Something worth keeping.
    Note {
        /// What.
        text: String,
    },
    /// The last line of a stage that was done.
    Done,
    /// The last line of one that was not.
    Failed {
        /// Why.
        error: Error,
    },
}

/// Who a program in an image is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Version of the program.
    pub program: String,
    /// Its git commit, where known when it was built.
    pub commit: Option<String>,
    /// Versions of what its arithmetic stands on.
    pub versions: BTreeMap<String, String>,
    /// The device it was asked for, with the name of its hardware.
    pub device: String,
}

impl Answer {
    /// Reads a line; `None` for anything else.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::error::Kind;

    #[test]
    fn an_error_comes_back_as_it_was() {
        let error = Error::data("row 3 is cut short").because("4 columns").next("fetch it again");
        let (kind, text) = (error.kind(), error.to_string());
        let line = serde_json::to_string(&Answer::Failed { error }).unwrap();
        assert!(!line.contains('\n'));
        let Some(Answer::Failed { error }) = Answer::parse(&line) else { panic!("{line}") };
        assert_eq!((error.kind(), error.to_string()), (kind, text));
        assert_eq!(error.kind(), Kind::Data);
        for other in ["", "{}", "progress", r#"{"answer":"maybe"}"#] {
            assert!(Answer::parse(other).is_none(), "{other}");
        }
    }
}
