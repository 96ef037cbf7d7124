//! Answers splits with one or several models.

use std::path::Path;

use super::job_context::{JobContext, JobOutcome};
use base::error::{Error, Result};
use base::progress::{Observer, ProgressTask, Quiet, TaskStart, Unit};
use data::dataset::write_predictions;
use data::features::FeatureStore;
use lxmert::libtorch;
use lxmert::model::TaskModel;
use lxmert::train::machine::device_name;
use lxmert::train::predict::{EvalBatch, predict};
use lxmert::train::{loading, weights};
use lxmert_spec::{Config, ModelDescription};
use protocol::{Answer, AnswerOutcome, ModelFacts, StoreFacts};
use trainings::examples::PreparedSplit;
use trainings::initial_weights::InitialWeights;
use trainings::task_loader::TaskLoader;

/// Reads the questions once, loads all models, answers, and writes the answers.
///
/// # Errors
/// Usage or data that names the model's file if a model does not fit the task or the data; those of reading and writing.
pub(crate) fn run(job: &Answer, context: &JobContext) -> Result<JobOutcome> {
    let (emitter, task) = (context.emitter, job.data.task);
    context.begin_record(false)?;
    let loader = TaskLoader::new(job.data.clone())?;
    let quiet = Quiet(emitter as &dyn Observer);
    let progress: &dyn Observer = if job.stage { &quiet } else { emitter };
    let questions = loader.prepare(&job.splits, progress)?;
    let (mut models, mut facts) = (Vec::with_capacity(job.models.len()), Vec::with_capacity(job.models.len()));
    for file in &job.models {
        let name = || format!("{} cannot answer {task} {}", file.display(), job.splits);
        let description = description(job, file, &loader, &questions)?;
        description
            .check_fits(task, loader.vocab_size(), questions.source.dim(), loader.classes())
            .map_err(|error| error.while_doing(name()))?;
        let start = InitialWeights::FineTuned(file.display().to_string());
        // Every weight is loaded, so the seed decides nothing.
        let (model, report) = loading::load_model(&description, &start, &loader, 0, job.allow_missing, context.device)?;
        if let Some(report) = report.filter(|_| !job.stage) {
            emitter.message(format_args!("weights: {report}"));
        }
        facts.push(ModelFacts { file: file.clone(), parameters: model.parameters().count() as u64 });
        models.push(model);
    }
    let models: Vec<&TaskModel> = models.iter().collect();
    let examples = TaskStart::new("predict", questions.examples.len() as u64, Unit::Examples);
    let answering: ProgressTask<'_> = ProgressTask::begin(emitter, examples);
    let batch = EvalBatch::new(job.batch_size);
    let predictions = predict(&models, job.average, &questions, &batch, |examples| answering.advance(examples as u64))?;
    drop(answering);
    if let Some(note) = batch.note() {
        emitter.message(note);
    }
    write_predictions(task, &job.output, &predictions)?;
    let outcome = AnswerOutcome {
        left_out: questions.dropped(),
        models: facts,
        vocabulary: loader.tokenizer().sha256().to_owned(),
        stores: questions.source.stores().iter().map(store_facts).collect(),
        answers: questions.answers,
        versions: libtorch::versions(),
        threads: u64::try_from(tch::get_num_threads()).unwrap_or_default(),
        device: device_name(context.device),
        halved_batch: batch.halved(),
    };
    JobOutcome::with_files(&outcome, [job.output.as_path()])
}

/// Returns the description in a model's file, or the sizes of the job if the file has none or the job overrules it.
fn description(job: &Answer, file: &Path, loader: &TaskLoader, questions: &PreparedSplit) -> Result<ModelDescription> {
    if let Some(description) = weights::describe(file)?.filter(|_| !job.overrule) {
        return Ok(description);
    }
    let Some(sizes) = &job.sizes else {
        return Err(Error::bug(format!("{} does not describe its model", file.display())));
    };
    let (vocab_size, visual_feat_dim) = (loader.vocab_size(), questions.source.dim());
    let config = Config { vocab_size, visual_feat_dim, ..sizes.clone() };
    config.check()?;
    Ok(ModelDescription { task: job.data.task, config, answers: loader.classes() })
}

fn store_facts(store: &FeatureStore) -> StoreFacts {
    let source = store.source();
    StoreFacts {
        of: source.name.clone(),
        images: store.len() as u64,
        boxes: store.boxes() as u64,
        width: store.dim() as u64,
        precision: store.precision(),
        sha256: source.sha256.clone(),
    }
}
