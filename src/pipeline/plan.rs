//! Plans and stages: what a stage is, what it may read, and where it may write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::Event;
use base::error::{Error, Result};
use base::files;

/// The executor of stages that run in this process.
pub const HOST: &str = "host";

/// The function of a stage, which fills [`StageContext::folder`].
pub type Work = Box<dyn Fn(&mut StageContext<'_>) -> Result<()>>;

/// All stages of one `repro all`, in order.
pub struct Plan {
    /// Name of the profile; lower-case letters, digits and hyphens.
    pub profile: String,
    /// Title of the report.
    pub title: String,
    /// Seeds, for the record; stages read theirs from their parameters.
    pub seeds: Vec<u64>,
    /// Stages; each comes after those that it uses.
    pub stages: Vec<Stage>,
}

/// Something that a stage reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// A file from outside the cache.
    File {
        /// Name for [`StageContext::file`] and explanations.
        name: String,
        /// Path of the file.
        path: PathBuf,
    },
    /// All outputs of an earlier stage.
    Stage(String),
    /// One output of an earlier stage.
    Output {
        /// Name of the stage.
        stage: String,
        /// Path within its folder.
        path: String,
    },
}

/// One step of a plan, with a result of its own.
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
    /// Creates a stage without parameters and inputs, which runs on the host. The name (lower-case letters, digits, hyphens) also
    /// names its folder. Raise `code_version` whenever `work` would give a different result for the same parameters and inputs.
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

    /// Sets everything that the result depends on besides the inputs.
    #[must_use]
    pub fn parameters(mut self, parameters: Value) -> Self {
        self.parameters = parameters;
        self
    }

    /// Adds a file from outside the cache as an input.
    #[must_use]
    pub fn file(mut self, name: &str, path: &Path) -> Self {
        self.inputs.push(Input::File { name: name.to_owned(), path: path.to_owned() });
        self
    }

    /// Adds all outputs of an earlier stage as inputs.
    #[must_use]
    pub fn after(mut self, stage: &str) -> Self {
        self.inputs.push(Input::Stage(stage.to_owned()));
        self
    }

    /// Adds one output of an earlier stage as an input, so that changes of its other outputs do not matter.
    #[must_use]
    pub fn output_of(mut self, stage: &str, path: &str) -> Self {
        self.inputs.push(Input::Output { stage: stage.to_owned(), path: path.to_owned() });
        self
    }

    /// Declares outputs with this file name volatile: they hold times or speeds. They are kept and verified, but nothing may depend
    /// on them.
    #[must_use]
    pub fn volatile(mut self, file_name: &str) -> Self {
        self.volatile.push(file_name.to_owned());
        self
    }

    /// Sets where the stage runs if not on the host, such as the digest of an image.
    #[must_use]
    pub fn executor(mut self, id: &str) -> Self {
        self.executor = id.to_owned();
        self
    }

    /// Makes the stage run every time, because it checks something outside its folder, such as fetched files. Later stages depend
    /// on the content of its outputs and are skipped as long as that stays the same.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Lets the stage resume after an interruption: it gets back the folder that it was filling, as it was when the stage was killed
    /// or failed.
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
    /// Checks that names are valid and unique, and that stages come after those that they use.
    pub(super) fn check(&self) -> Result<()> {
        let proper =
            |n: &str| !n.is_empty() && n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !proper(&self.profile) {
            return Err(Error::bug(format!("profile name {:?} is invalid", self.profile)));
        }
        let mut earlier = BTreeSet::new();
        for stage in &self.stages {
            let wrong = |why: String| Err(Error::bug(format!("stage {:?} {why}", stage.name)));
            if !proper(&stage.name) || stage.name == "failed" {
                return wrong("has an invalid name".into());
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
                return wrong("is there more than once".into());
            }
        }
        Ok(())
    }
}

/// What a running stage can access.
pub struct StageContext<'a> {
    pub(super) stage: &'a Stage,
    pub(super) folder: &'a Path,
    pub(super) stage_folders: &'a BTreeMap<String, PathBuf>,
    pub(super) emit: &'a mut dyn FnMut(Event),
}

impl StageContext<'_> {
    /// Returns the folder to fill, empty unless the stage [resumes](Stage::resumes). The files in it are the outputs; it is renamed
    /// when the stage finishes.
    pub fn folder(&self) -> &Path {
        self.folder
    }

    /// Returns the path of an output and creates its folder.
    pub fn output(&self, path: &str) -> Result<PathBuf> {
        let path = self.folder.join(path);
        files::create_folder_of(&path)?;
        Ok(path)
    }

    /// Returns the path of a declared output of an earlier stage, which must not be changed.
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

    /// Returns the folder of an earlier stage that was declared as a whole; it must not be changed.
    pub fn input_folder(&self, stage: &str) -> Result<PathBuf> {
        match self.stage_folders.get(stage) {
            Some(folder) if self.stage.inputs.contains(&Input::Stage(stage.to_owned())) => Ok(folder.clone()),
            _ => Err(Error::bug(format!("stage {} reads all of {stage}, which it did not declare", self.stage.name))),
        }
    }

    /// Returns the path of a declared input file.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        let found = self.stage.inputs.iter().find_map(|input| match input {
            Input::File { name: one, path } if one == name => Some(path.clone()),
            _ => None,
        });
        found.ok_or_else(|| {
            Error::bug(format!("stage {} reads the file {name}, which it did not declare", self.stage.name))
        })
    }

    /// Returns the parameters as the type that they were made from.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.stage.parameters.clone()).map_err(|e| {
            Error::bug(format!("the parameters of stage {} have the wrong type", self.stage.name)).because(e)
        })
    }

    /// Shows a note and writes it to `events.jsonl`.
    pub fn note(&mut self, text: &str) {
        self.emit(Event::StageNote { stage: self.stage.name.clone(), text: text.to_owned() });
    }

    /// Reports an event of this stage.
    pub(super) fn emit(&mut self, event: Event) {
        (self.emit)(event);
    }
}
