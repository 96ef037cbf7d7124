//! What is converted: read, recognised, and brought under the original's names.

use std::path::{Path, PathBuf};

use crate::checkpoint::{self, Catalogue, Heads, StateDict, hf};
use crate::dataset::Task;
use crate::error::{Error, Result};
use crate::lxrt::description::{pretrained_sizes, task_of, vocabulary_of};
use crate::lxrt::{Config, Description};

/// A model under the original's names, and what its file says about it.
pub(super) struct Source {
    /// The file or folder.
    pub path: PathBuf,
    /// All tensors, in the original's order.
    pub state: StateDict,
    /// What the tensors are.
    pub catalogue: Catalogue,
    /// How names in the file begin.
    pub names: &'static str,
    /// What the file calls itself.
    pub kind: String,
    /// Tensors that are no part of the model, each with a reason.
    pub left_out: Vec<String>,
    /// All sizes, where the file tells them.
    pub config: Option<Config>,
    /// The answers of the rows of the head, where the file tells them.
    pub answers: Option<Vec<String>>,
    /// The task, where the file or the number of answers tells it.
    pub task: Option<Task>,
    /// SHA-256 of the vocabulary that it was trained with, where the file tells it.
    pub vocabulary: Option<String>,
}

impl Source {
    /// Reads a checkpoint of any layout.
    ///
    /// # Errors
    /// Data where it is no model of LXMERT, or not all of one.
    pub fn read(given: &str) -> Result<Self> {
        let path = if Path::new(given).is_dir() { PathBuf::from(given) } else { checkpoint::locate(given, "_LXRT")? };
        Self::of(path.clone()).map_err(|e| e.while_doing(format!("cannot convert {}", path.display())))
    }

    fn of(path: PathBuf) -> Result<Self> {
        let state = checkpoint::read_as_named(&path)?;
        let Some(layout) = hf::names::recognise(&state) else { return Self::of_original(path, state) };
        let (state, left_out) = hf::names::to_original(layout, state);
        let catalogue = Catalogue::of(&state)?;
        let config = hf::folder::config_of(&path)?;
        if let Some(config) = &config {
            config.check(&catalogue)?;
        }
        Ok(Self {
            state: catalogue.arrange(state)?,
            names: if layout == hf::Layout::Model { "embeddings.*, encoder.*, pooler.*" } else { "lxmert.*" },
            kind: format!("{} of Hugging Face's port", layout.class()),
            left_out,
            answers: config.as_ref().map(hf::HfConfig::answers).transpose()?.flatten(),
            task: task(&catalogue, Description::read(&path)?.map(|d| d.task)),
            config: config.as_ref().map(Config::from),
            vocabulary: vocabulary_of(&path)?,
            path,
            catalogue,
        })
    }

    fn of_original(path: PathBuf, state: StateDict) -> Result<Self> {
        let mut plain = StateDict::with_capacity(state.len());
        for (name, tensor) in state {
            // Models saved under several GPUs have it before all names, or before those of the encoder.
            let short = name.replace("module.", "");
            if plain.insert(short.clone(), tensor).is_some() {
                return Err(Error::data(format!("{short} is there twice, with and without \"module.\"")));
            }
        }
        let catalogue = Catalogue::of(&plain)?;
        let described = Description::read(&path)?;
        let pretrained = pretrained_sizes(&path)?;
        let (names, kind) = match catalogue.heads {
            Heads::None => ("bert.*", "encoder of the original"),
            Heads::Pretraining { .. } => ("bert.*", "pre-training model of the original"),
            Heads::Answers { images: 2, .. } => ("lxrt_encoder.model.bert.*", "NLVR2 model of the original"),
            Heads::Answers { .. } => ("lxrt_encoder.model.bert.*", "question answering model of the original"),
        };
        Ok(Self {
            state: catalogue.arrange(plain)?,
            names,
            kind: kind.to_owned(),
            left_out: Vec::new(),
            answers: None,
            task: task(&catalogue, described.as_ref().map(|d| d.task)),
            config: described.map(|d| d.config).or(pretrained),
            vocabulary: vocabulary_of(&path)?,
            path,
            catalogue,
        })
    }

    /// Leaves all heads out.
    pub fn keep_encoder(&mut self) -> Result<()> {
        let state = std::mem::take(&mut self.state);
        let mut kept = StateDict::with_capacity(state.len());
        for (name, tensor) in state {
            match name.find("bert.") {
                Some(at) => drop(kept.insert(name[at..].to_owned(), tensor)),
                None => self.left_out.push(format!("{name} (only the encoder is wanted)")),
            }
        }
        self.catalogue.heads = Heads::None;
        self.state = self.catalogue.arrange(kept)?;
        (self.task, self.answers) = (None, None);
        Ok(())
    }
}

/// The task of a head: two images are NLVR2's, otherwise what the file says, otherwise what the number of answers says.
fn task(catalogue: &Catalogue, said: Option<Task>) -> Option<Task> {
    match catalogue.heads {
        Heads::Answers { images: 2, .. } => Some(Task::Nlvr2),
        Heads::Answers { answers, .. } => said.or_else(|| task_of(answers)),
        _ => None,
    }
}
