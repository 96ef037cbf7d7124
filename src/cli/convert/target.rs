//! Writes the converted model in the format that follows from its name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::source::Source;
use base::error::{Error, Result};
use checkpoint::{self, StateDict};
use data::dataset::Task;
use judge::evidence::training;
use lxmert_spec::description::VOCABULARY;
use lxmert_spec::loading::ModelHeads;
use lxmert_spec::loading::hf::{HfConfig, HfLayout, folder, names};
use lxmert_spec::{Config, ModelDescription};

/// A format of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckpointForm {
    /// A folder in the layout of Hugging Face's port.
    Port,
    /// The original's `.pth`.
    Pth,
    /// `.safetensors` with the original's names, as this program writes them.
    Safetensors,
}

/// The file or folder to write.
pub(super) struct Target {
    path: PathBuf,
    form: CheckpointForm,
}

impl Target {
    /// Determines the format from the name.
    ///
    /// # Errors
    /// Usage if the name fits no format, or the target is the source itself.
    pub(crate) fn of(path: &Path, source: &Path) -> Result<Self> {
        let form = match path.extension().and_then(|ending| ending.to_str()) {
            Some("pth") => CheckpointForm::Pth,
            Some("safetensors") => CheckpointForm::Safetensors,
            Some("bin" | "pt" | "json") => {
                return Err(Error::usage(format!("{}: unsupported format", path.display()))
                    .next("name a folder (Hugging Face's layout), a .pth file or a .safetensors file"));
            }
            _ if path.is_file() => {
                return Err(Error::usage(format!("{} is a file", path.display()))
                    .next("name a folder for Hugging Face's layout, or a .pth or .safetensors file"));
            }
            _ => CheckpointForm::Port,
        };
        let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        let inside = source.is_file() && form == CheckpointForm::Port && same(base::files::folder_of(source), path);
        if same(path, source) || inside {
            return Err(Error::usage(format!("{} would replace the model to convert", path.display()))
                .next("choose another file or folder with --to"));
        }
        training::spare(path)?;
        Ok(Self { path: path.to_owned(), form })
    }

    pub(crate) fn form(&self) -> CheckpointForm {
        self.form
    }

    /// Writes the model, reads it back and compares. `config` is required for the port and for a task's safetensors. Returns a
    /// summary.
    pub(crate) fn write(
        &self,
        source: &Source,
        config: Option<&Config>,
        task: Option<Task>,
        answers: Option<&[String]>,
    ) -> Result<WriteSummary> {
        let needed = || config.ok_or_else(|| Error::bug("a model is written without its sizes"));
        let written = match (self.form, &source.catalogue.heads) {
            (CheckpointForm::Port, heads) => {
                let layout = layout(heads)?;
                let config = needed()?;
                let mut port = HfConfig::of(&source.catalogue, layout, config.num_attention_heads);
                port.hidden_dropout_prob = config.hidden_dropout_prob;
                port.attention_probs_dropout_prob = config.attention_probs_dropout_prob;
                port.initializer_range = config.initializer_range;
                port.finetuning_task = task.map(|task| task.name().to_owned());
                if let Some(answers) = answers {
                    port.set_answers(answers);
                }
                let state = names::from_original(layout, source.state.clone());
                folder::write(&self.path, &state, &port, &vocabulary(source))?;
                WriteSummary::of(format!("{} of Hugging Face's port", layout.class()), port_names(layout), &state)
            }
            (CheckpointForm::Pth, _) => {
                checkpoint::write_pth(&self.path, &source.state)?;
                WriteSummary::of("the original's .pth".into(), original(source), &source.state)
            }
            (CheckpointForm::Safetensors, heads) => {
                let mut metadata = match (heads, task) {
                    (ModelHeads::Answers { answers, .. }, Some(task)) => {
                        ModelDescription { task, config: needed()?.clone(), answers: *answers }.metadata()?
                    }
                    _ => BTreeMap::from([("format".to_owned(), "pt".to_owned())]),
                };
                metadata.extend(vocabulary(source));
                checkpoint::write_safetensors(&self.path, &source.state, &metadata)?;
                WriteSummary::of("safetensors with the original's names".into(), original(source), &source.state)
            }
        };
        self.check(source)?;
        Ok(written)
    }

    /// Checks that the written model reads back as the source.
    fn check(&self, source: &Source) -> Result<()> {
        let back = lxmert_spec::loading::read(&self.path)?;
        let back = source.catalogue.arrange(back)?;
        if back != source.state {
            return Err(Error::bug(format!("{} does not read back as it was written", self.path.display())));
        }
        Ok(())
    }
}

/// A summary of the written model.
pub(super) struct WriteSummary {
    /// Description of its format.
    pub kind: String,
    /// Patterns of its names.
    pub names: &'static str,
    /// Number of tensors.
    pub tensors: usize,
    /// Bytes of all tensors.
    pub bytes: u64,
}

impl WriteSummary {
    fn of(kind: String, names: &'static str, state: &StateDict) -> Self {
        let bytes = state.values().map(|tensor| tensor.data.len() as u64).sum();
        Self { kind, names, tensors: state.len(), bytes }
    }
}

/// Returns the metadata entry of the vocabulary.
fn vocabulary(source: &Source) -> BTreeMap<String, String> {
    source.vocabulary.iter().map(|sha256| (VOCABULARY.to_owned(), sha256.clone())).collect()
}

fn port_names(layout: HfLayout) -> &'static str {
    match layout {
        HfLayout::PreTraining => "lxmert.*, cls.*, obj_predict_head.*, answer_head.*",
        HfLayout::QuestionAnswering => "lxmert.*, answer_head.*",
        HfLayout::Model => "embeddings.*, encoder.*, pooler.*",
    }
}

fn original(source: &Source) -> &'static str {
    match source.catalogue.heads {
        ModelHeads::Answers { .. } => "lxrt_encoder.model.bert.*, logit_fc.*",
        ModelHeads::Pretraining { .. } => "bert.*, cls.*, obj_predict_head.*, answer_head.*",
        ModelHeads::None => "bert.*",
    }
}

fn layout(heads: &ModelHeads) -> Result<HfLayout> {
    match heads {
        ModelHeads::None => Ok(HfLayout::Model),
        ModelHeads::Pretraining { .. } => Ok(HfLayout::PreTraining),
        ModelHeads::Answers { images: 1, .. } => Ok(HfLayout::QuestionAnswering),
        ModelHeads::Answers { .. } => Err(Error::usage("Hugging Face's port has no model for NLVR2")
            .next("pass --encoder-only to write an LxmertModel without the answer head")),
    }
}
