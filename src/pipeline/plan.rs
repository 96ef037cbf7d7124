//! Stages and what they may touch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::Event;
use base::error::{Error, Result};
use base::files;

/// Runs on this machine, in this process.
pub const HOST: &str = "host";

/// What a stage does: fills [`StageContext::folder`].
pub type Work = Box<dyn Fn(&mut StageContext<'_>) -> Result<()>>;

/// Everything that one `repro all` does, in order.
pub struct Plan {
    /// Name of the profile; lower-case letters, digits and hyphens.
    pub profile: String,
    /// Heading of the report.
    pub title: String,
    /// Seeds that everything random comes from, for the record; stages take theirs from their parameters.
    pub seeds: Vec<u64>,
    /// Each after those that it uses.
    pub stages: Vec<Stage>,
}

/// What a stage reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// A file from outside the workspace's cache, under a name of its own.
    File {
        /// Its name in [`StageContext::file`] and in explanations.
        name: String,
        /// Where it is.
        path: PathBuf,
    },
    /// All outputs of an earlier stage.
    Stage(String),
    /// One output of an earlier stage.
    Output {
        /// The stage.
        stage: String,
        /// Path within its folder.
        path: String,
    },
}

/// One step with a result of its own.
pub struct Stage {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) code_version: u32,
    pub(super) parameters: Value,
    pub(super) inputs: Vec<Input>,
    pub(super) volatile: Vec<String>,
    pub(super) executor: String,
    pub(super) always: bool,
    pub(super) resumes: bool,
    pub(super) work: Work,
}

impl Stage {
    /// A stage without parameters and inputs, on the host. Its name (lower-case letters, digits, hyphens) is also its folder's;
    /// `code_version` is raised whenever `work` would give another result for the same parameters and inputs.
    pub fn new(
        name: &str,
        title: &str,
        code_version: u32,
        work: impl Fn(&mut StageContext<'_>) -> Result<()> + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            code_version,
            parameters: Value::Null,
            inputs: Vec::new(),
            volatile: Vec::new(),
            executor: HOST.to_owned(),
            always: false,
            resumes: false,
            work: Box::new(work),
        }
    }

    /// Everything beside its inputs that its result depends on.
    #[must_use]
    pub fn parameters(mut self, parameters: Value) -> Self {
        self.parameters = parameters;
        self
    }

    /// Reads a file from outside.
    #[must_use]
    pub fn file(mut self, name: &str, path: &Path) -> Self {
        self.inputs.push(Input::File { name: name.to_owned(), path: path.to_owned() });
        self
    }

    /// Reads all outputs of an earlier stage.
    #[must_use]
    pub fn after(mut self, stage: &str) -> Self {
        self.inputs.push(Input::Stage(stage.to_owned()));
        self
    }

    /// Reads one output of an earlier stage, and so need not run again when the others change.
    #[must_use]
    pub fn output_of(mut self, stage: &str, path: &str) -> Self {
        self.inputs.push(Input::Output { stage: stage.to_owned(), path: path.to_owned() });
        self
    }

    /// Outputs with this file name hold times or speeds: they are kept and checked, but nothing may depend on them.
    #[must_use]
    pub fn volatile(mut self, file_name: &str) -> Self {
        self.volatile.push(file_name.to_owned());
        self
    }

    /// Where it runs, such as an image digest, if not on the host.
    #[must_use]
    pub fn executor(mut self, id: &str) -> Self {
        self.executor = id.to_owned();
        self
    }

    /// Runs every time: it looks after something outside its folder (fetched files), of which an earlier result says only
    /// how it was then. What follows depends on its outputs by content, and is taken from the cache while they stay the same.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Can go on where it was interrupted: it gets back the folder that it had begun to fill, with what lay in it when it was
    /// killed, or gave an error.
    #[must_use]
    pub fn resumes(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// Whether an output is volatile.
    pub(super) fn is_volatile(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.volatile.iter().any(|v| v == name)
    }
}

impl Plan {
    /// Names are proper and unique, and stages come after those that they use.
    pub(super) fn check(&self) -> Result<()> {
        let proper =
            |n: &str| !n.is_empty() && n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !proper(&self.profile) {
            return Err(Error::bug(format!("profile name {:?} is not proper", self.profile)));
        }
        let mut earlier = BTreeSet::new();
        for stage in &self.stages {
            let wrong = |why: String| Err(Error::bug(format!("stage {:?} {why}", stage.name)));
            if !proper(&stage.name) || stage.name == "failed" {
                return wrong("has no proper name".into());
            }
            let mut files = BTreeSet::new();
            for input in &stage.inputs {
                match input {
                    Input::File { name, .. } if !files.insert(name) => {
                        return wrong(format!("reads two files named {name}"));
                    }
                    Input::Stage(from) | Input::Output { stage: from, .. } if !earlier.contains(from.as_str()) => {
                        return wrong(format!("uses {from}, which does not come before it"));
                    }
                    _ => {}
                }
            }
            if !earlier.insert(stage.name.as_str()) {
                return wrong("is there twice".into());
            }
        }
        Ok(())
    }
}

/// What a stage at work sees.
pub struct StageContext<'a> {
    pub(super) stage: &'a Stage,
    pub(super) folder: &'a Path,
    pub(super) stage_folders: &'a BTreeMap<String, PathBuf>,
    pub(super) emit: &'a mut dyn FnMut(Event),
}

impl StageContext<'_> {
    /// The folder to fill, empty unless the stage [resumes](Stage::resumes). What lies in it afterwards are the outputs; the folder is renamed when the stage is done.
    pub fn folder(&self) -> &Path {
        self.folder
    }

    /// Path of an output, its folder created.
    pub fn output(&self, path: &str) -> Result<PathBuf> {
        let path = self.folder.join(path);
        files::create_folder_of(&path)?;
        Ok(path)
    }

    /// Path of a declared output of an earlier stage. To be read only.
    pub fn input(&self, stage: &str, path: &str) -> Result<PathBuf> {
        let declared = self.stage.inputs.iter().any(|input| match input {
            Input::Stage(from) => from == stage,
            Input::Output { stage: from, path: one } => from == stage && one == path,
            Input::File { .. } => false,
        });
        match self.stage_folders.get(stage) {
            Some(folder) if declared => Ok(folder.join(path)),
            _ => Err(Error::bug(format!("stage {} reads {stage}/{path}, which it did not declare", self.stage.name))),
        }
    }

    /// Folder of an earlier stage declared as a whole. To be read only.
    pub fn input_folder(&self, stage: &str) -> Result<PathBuf> {
        match self.stage_folders.get(stage) {
            Some(folder) if self.stage.inputs.contains(&Input::Stage(stage.to_owned())) => Ok(folder.clone()),
            _ => Err(Error::bug(format!("stage {} reads all of {stage}, which it did not declare", self.stage.name))),
        }
    }

    /// Path of a declared file from outside.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        let found = self.stage.inputs.iter().find_map(|input| match input {
            Input::File { name: one, path } if one == name => Some(path.clone()),
            _ => None,
        });
        found.ok_or_else(|| {
            Error::bug(format!("stage {} reads the file {name}, which it did not declare", self.stage.name))
        })
    }

    /// The stage's parameters as the type that they were made from.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.stage.parameters.clone()).map_err(|e| {
            Error::bug(format!("the parameters of stage {} are not what it expects", self.stage.name)).because(e)
        })
    }

    /// Says something worth keeping: shown and written to `events.jsonl`.
    pub fn note(&mut self, text: &str) {
        self.emit(Event::StageNote { stage: self.stage.name.clone(), text: text.to_owned() });
    }

    /// Reports what happened in this stage.
    pub(super) fn emit(&mut self, event: Event) {
        (self.emit)(event);
    }
}
