//! Fine-tunes a model on a task.

use serde_json::Value;

use super::data_summary::report_split;
use super::job_context::{JobContext, result};
use super::progress_emitter::{ProgressEmitter, TrainingKind, first_weights};
use crate::emitter::Emitter;
use base::error::Result;
use base::progress::{Observer, Quiet};
use data::dataset;
use lxmert::train::{finetune, loading, weights};
use protocol::Finetune;
use trainings::examples::PreparedSplit;
use trainings::task_loader::TaskLoader;

/// Trains, validates after each epoch, and returns the outcome.
///
/// # Errors
/// Those of the data, the weights and the training.
pub(crate) fn run(job: Finetune, context: &JobContext) -> Result<Value> {
    let (emitter, mut settings) = (context.emitter, job.settings);
    let loader = TaskLoader::new(job.data)?;
    settings.vocabulary = Some(loader.tokenizer().sha256().to_owned());
    let quiet = Quiet(emitter as &dyn Observer);
    let progress: &dyn Observer = if job.stage { &quiet } else { emitter };
    let train = loader.prepare(&job.train, progress)?;
    report_data_read(emitter, &train, job.stage);
    let valid = if dataset::split_names(&job.valid)?.is_empty() {
        emitter.message("DO NOT USE VALIDATION");
        None
    } else {
        let valid = loader.prepare(&job.valid, progress)?;
        report_data_read(emitter, &valid, job.stage);
        if let Some(labels) = loader.labels().filter(|_| !job.stage) {
            let kept: Vec<usize> = valid.examples.iter().map(|q| q.index).collect();
            let oracle = dataset::oracle(&valid.data, &kept, labels.answers())?;
            emitter.message(format_args!("Valid Oracle: {:.2}", oracle * 100.0));
        }
        Some(valid)
    };
    let description = &mut settings.description;
    (description.config.vocab_size, description.config.visual_feat_dim) = (loader.vocab_size(), train.source.dim());
    description.answers = loader.classes();
    description.config.check()?;
    let seed = settings.seed;
    let (model, report) =
        loading::load_model(&settings.description, &job.start, &loader, seed, job.allow_missing, context.device)?;
    match (job.stage, first_weights(report.as_ref(), seed)) {
        (false, line) => emitter.message(line),
        (true, line) if report.is_some() => emitter.note(line),
        (true, _) => {}
    }
    settings.loaded = report;
    let parameters = model.parameters().count();
    if !job.stage {
        let steps = (train.examples.len() / settings.batch_size.max(1)).saturating_mul(settings.epochs as usize);
        emitter.message(format_args!("{parameters} parameters, {steps} steps"));
    }
    let valid_examples = valid.as_ref().map_or(0, |valid| valid.examples.len());
    let mut observer = ProgressEmitter::new(context, TrainingKind::Finetuning, valid_examples);
    let outcome = finetune::run(&model, &train, valid.as_ref(), &settings, &mut observer)?;
    if job.stage {
        let (steps, accuracy) = (outcome.steps, outcome.train * 100.0);
        emitter.note(format_args!("{parameters} parameters, {steps} steps, training accuracy {accuracy:.2}"));
    }
    if let Some(name) = &job.encoder {
        weights::save_encoder(&model, &settings.output, name, settings.vocabulary.as_deref())?;
    }
    result(&outcome)
}

/// Reports the data that were read; a stage only notes skipped examples in its journal.
fn report_data_read(emitter: &Emitter, questions: &PreparedSplit, stage: bool) {
    match (stage, questions.dropped()) {
        (false, _) => report_split(emitter, questions),
        (true, 0) => {}
        (true, dropped) => {
            let splits = questions.data.splits.join(",");
            emitter.note(format_args!("{splits}: {dropped} examples skipped because they have no features"));
        }
    }
}
