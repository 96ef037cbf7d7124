//! Where a converted model goes: the form follows from the name.

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

/// A form of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A folder of Hugging Face's port.
    Port,
    /// The original's `.pth`.
    Pth,
    /// `.safetensors` with the original's names, as this program writes them.
    Safetensors,
}

/// What is to be written.
pub(super) struct Target {
    path: PathBuf,
    form: Form,
}

impl Target {
    /// Judges by the name.
    ///
    /// # Errors
    /// Usage where the name is no form's, or is the source itself.
    pub(crate) fn of(path: &Path, source: &Path) -> Result<Self> {
        let form = match path.extension().and_then(|ending| ending.to_str()) {
            Some("pth") => Form::Pth,
            Some("safetensors") => Form::Safetensors,
            Some("bin" | "pt" | "json") => {
                return Err(Error::usage(format!("{} is no form of a checkpoint", path.display()))
                    .next("name a folder (Hugging Face's layout), a .pth file or a .safetensors file"));
            }
            _ if path.is_file() => {
                return Err(Error::usage(format!("{} is a file", path.display()))
                    .next("name a folder for Hugging Face's layout, or a .pth or .safetensors file"));
            }
            _ => Form::Port,
        };
        let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        let inside = source.is_file() && form == Form::Port && same(base::files::folder_of(source), path);
        if same(path, source) || inside {
            return Err(Error::usage(format!("{} would replace what is converted", path.display()))
                .next("name another file or folder with --to"));
        }
        training::spare(path)?;
        Ok(Self { path: path.to_owned(), form })
    }

    /// The form.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Writes, reads back and compares. `config` must be there for the port and for a task model of ours. Says what was written.
    pub(crate) fn write(
        &self,
        source: &Source,
        config: Option<&Config>,
        task: Option<Task>,
        answers: Option<&[String]>,
    ) -> Result<Written> {
        let needed = || config.ok_or_else(|| Error::bug("a model is written without its sizes"));
        let written = match (self.form, &source.catalogue.heads) {
            (Form::Port, heads) => {
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
                Written::of(format!("{} of Hugging Face's port", layout.class()), port_names(layout), &state)
            }
            (Form::Pth, _) => {
                checkpoint::write_pth(&self.path, &source.state)?;
                Written::of("the original's .pth".into(), original(source), &source.state)
            }
            (Form::Safetensors, heads) => {
                let mut metadata = match (heads, task) {
                    (ModelHeads::Answers { answers, .. }, Some(task)) => {
                        ModelDescription { task, config: needed()?.clone(), answers: *answers }.metadata()?
                    }
                    _ => BTreeMap::from([("format".to_owned(), "pt".to_owned())]),
                };
                metadata.extend(vocabulary(source));
                checkpoint::write_safetensors(&self.path, &source.state, &metadata)?;
                Written::of("safetensors with the original's names".into(), original(source), &source.state)
            }
        };
        self.check(source)?;
        Ok(written)
    }

    /// Whether a reader gets what was meant.
    fn check(&self, source: &Source) -> Result<()> {
        let back = lxmert_spec::loading::read(&self.path)?;
        let back = source.catalogue.arrange(back)?;
        if back != source.state {
            return Err(Error::bug(format!("{} does not read back as it was written", self.path.display())));
        }
        Ok(())
    }
}

/// What was written, for the report.
pub(super) struct Written {
    /// Its form.
    pub kind: String,
    /// How its names begin.
    pub names: &'static str,
    /// Tensors.
    pub tensors: usize,
    /// Bytes of them.
    pub bytes: u64,
}

impl Written {
    fn of(kind: String, names: &'static str, state: &StateDict) -> Self {
        let bytes = state.values().map(|tensor| tensor.data.len() as u64).sum();
        Self { kind, names, tensors: state.len(), bytes }
    }
}

/// What a file's metadata say about the vocabulary.
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
            .next("pass --encoder-only to write its LxmertModel without the answer head")),
    }
}
