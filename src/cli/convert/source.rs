//! Reads the model to convert, recognises its layout, and renames its tensors to the original's names.

use std::path::{Path, PathBuf};

use base::error::Result;
use checkpoint::{self, StateDict};
use data::dataset::Task;
use lxmert_spec::description::{pretrained_config, task_with_answers, vocabulary_sha256_of};
use lxmert_spec::loading::{CheckpointOrigin, CheckpointWeights, ModelHeads, TensorCatalogue, hf};
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;
use lxmert_spec::{Config, ModelDescription};

/// A model with the original's names, and the facts that its file states. A fact is `None` if it is not stated.
pub(super) struct Source {
    /// The file or folder.
    pub path: PathBuf,
    /// All tensors, in the original's order.
    pub state: StateDict,
    /// The sizes and heads that the tensors show.
    pub catalogue: TensorCatalogue,
    /// Patterns of the names in the file.
    pub names: &'static str,
    /// Description of the model and its layout.
    pub kind: String,
    /// Sentences about changes of names.
    pub notes: Vec<String>,
    /// Tensors that are not part of the model, each with a reason.
    pub left_out: Vec<String>,
    /// All sizes.
    pub config: Option<Config>,
    /// The answers of the rows of the head.
    pub answers: Option<Vec<String>>,
    /// The task, which the number of answers can also determine.
    pub task: Option<Task>,
    /// SHA-256 of the vocabulary that the model was trained with.
    pub vocabulary: Option<String>,
}

impl Source {
    /// Reads a checkpoint of any layout.
    ///
    /// # Errors
    /// Data if it is not an LXMERT model, or not a complete one.
    pub(crate) fn read(given: &str) -> Result<Self> {
        let path = if Path::new(given).is_dir() {
            PathBuf::from(given)
        } else {
            lxmert_spec::loading::locate(given, PRETRAINED_SUFFIX)?
        };
        Self::of(path.clone()).map_err(|e| e.while_doing(format!("cannot convert {}", path.display())))
    }

    fn of(path: PathBuf) -> Result<Self> {
        let CheckpointWeights { state, origin, notes, left_out } = lxmert_spec::loading::read_weights(&path)?;
        let catalogue = TensorCatalogue::of(&state)?;
        let port = hf::folder::config_of(&path)?;
        if let Some(port) = &port {
            port.check(&catalogue)?;
        }
        let described = ModelDescription::read(&path)?;
        let config = match &port {
            Some(port) => Some(Config::from(port)),
            None => described.as_ref().map(|d| d.config.clone()).or(pretrained_config(&path)?),
        };
        let model = match catalogue.heads {
            ModelHeads::None => "encoder",
            ModelHeads::Pretraining { .. } => "pre-training model",
            ModelHeads::Answers { images: 2, .. } => "NLVR2 model",
            ModelHeads::Answers { .. } => "question answering model",
        };
        let (names, kind) = match (origin, &catalogue.heads) {
            (CheckpointOrigin::Port(hf::HfLayout::Model), _) => {
                ("embeddings.*, encoder.*, pooler.*", format!("{} of Hugging Face's port", hf::HfLayout::Model.class()))
            }
            (CheckpointOrigin::Port(layout), _) => ("lxmert.*", format!("{} of Hugging Face's port", layout.class())),
            (CheckpointOrigin::Volta, _) => ("bert.encoder.layer.*.attention_self.*", format!("{model} of VOLTA")),
            (CheckpointOrigin::Original, ModelHeads::Answers { .. }) => {
                ("lxrt_encoder.model.bert.*", format!("{model} of the original"))
            }
            (CheckpointOrigin::Original, _) => ("bert.*", format!("{model} of the original")),
        };
        Ok(Self {
            state: catalogue.arrange(state)?,
            names,
            kind,
            notes,
            left_out,
            answers: port.as_ref().map(hf::HfConfig::answers).transpose()?.flatten(),
            task: task(&catalogue, described.map(|d| d.task)),
            config,
            vocabulary: vocabulary_sha256_of(&path)?,
            path,
            catalogue,
        })
    }

    /// Removes all heads.
    pub(crate) fn keep_encoder(&mut self) -> Result<()> {
        let state = std::mem::take(&mut self.state);
        let mut kept = StateDict::with_capacity(state.len());
        for (name, tensor) in state {
            match name.find("bert.") {
                Some(at) => drop(kept.insert(name[at..].to_owned(), tensor)),
                None => self.left_out.push(format!("{name} (--encoder-only)")),
            }
        }
        self.catalogue.heads = ModelHeads::None;
        self.state = self.catalogue.arrange(kept)?;
        (self.task, self.answers) = (None, None);
        Ok(())
    }
}

/// Returns the task of a head: NLVR2 if it reads two images, else the task that the file states or the number of answers shows.
fn task(catalogue: &TensorCatalogue, stated: Option<Task>) -> Option<Task> {
    match catalogue.heads {
        ModelHeads::Answers { images: 2, .. } => Some(Task::Nlvr2),
        ModelHeads::Answers { answers, .. } => stated.or_else(|| task_with_answers(answers)),
        _ => None,
    }
}
