//! Pre-trains a model.

use serde_json::Value;

use super::data_summary::report_data;
use super::job_context::{JobContext, result};
use super::progress_emitter::{ProgressEmitter, TrainingKind, first_weights};
use crate::emitter::Emitter;
use base::error::{Error, Result};
use data::dataset::pretrain::sampler::PretrainRules;
use lxmert::train::pretrain::{self, weights};
use protocol::Pretrain;
use trainings::pretrain::data::{PretrainLoader, PretrainRole, PretrainSentences};

/// Pre-trains, validates after each epoch, and returns the outcome.
///
/// # Errors
/// Those of the data, the weights and the training.
pub(crate) fn run(job: Pretrain, context: &JobContext) -> Result<Value> {
    let (emitter, mut settings) = (context.emitter, job.settings);
    let vocab = job.data.vocab.clone();
    let loader = PretrainLoader::new(job.data)?;
    settings.vocabulary = Some(loader.tokenizer.sha256().to_owned());
    let read = |list: &str, role| {
        let sentences = loader.sentences(list, role, emitter)?;
        report_data_read(emitter, list, &sentences);
        Ok::<_, Error>(sentences)
    };
    let train_data = read(&job.train, PretrainRole::Train)?;
    let valid_data = job.valid.as_deref().map(|list| read(list, PretrainRole::Valid)).transpose()?;
    let rules = PretrainRules {
        match_sentences: settings.description.tasks.matched,
        word_mask_rate: job.word_mask_rate,
        box_mask_rate: job.box_mask_rate,
        ..PretrainRules::default()
    };
    let train = train_data.examples(rules)?;
    let valid = valid_data.as_ref().map(|data| data.examples(rules)).transpose()?;
    settings.description.config.visual_feat_dim = train_data.source.dim();
    settings.check(&train, valid.as_ref())?;
    let (seed, words) = (settings.seed, (vocab.as_path(), &loader.tokenizer));
    let (model, report) =
        weights::load_model(&settings.description, &job.start, words, seed, job.allow_missing, context.device)?;
    emitter.message(first_weights(report.as_ref(), seed));
    emitter.message(format_args!(
        "{} parameters, {} answers",
        model.parameters().count(),
        settings.description.answers
    ));
    let valid_examples = valid.as_ref().map_or(0, |valid| valid.sampler.len());
    let mut observer = ProgressEmitter::new(context, TrainingKind::Pretraining, valid_examples);
    result(&pretrain::run(&model, &loader.tokenizer, &train, valid.as_ref(), &settings, &mut observer)?)
}

/// Reports the sentences and features that were read for a list of collections.
fn report_data_read(emitter: &Emitter, list: &str, sentences: &PretrainSentences) {
    let used = sentences.usable().len();
    let dropped = sentences.data.examples().len() - used;
    report_data(emitter, list, (used, "sentences", dropped), &sentences.source);
}
