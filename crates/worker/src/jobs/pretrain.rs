//! Pre-training.

use base::error::{Error, Result};
use data::dataset::pretrain::sampler::Rules;
use lxmert::train::pretrain::run::{self, Observer};
use lxmert::train::pretrain::weights;
use protocol::Pretrain;
use serde_json::Value;
use trainings::pretrain::data::{Loader, Role, Sentences};

use super::reading::Reading;
use super::telling::Telling;
use super::work::{Work, result};
use crate::emit::Emitter;

/// Pre-trains, validating after each epoch; the outcome.
///
/// # Errors
/// Those of the data, the weights and the training.
pub fn run(job: Pretrain, work: &Work) -> Result<Value> {
    let (emitter, mut settings) = (work.emitter, job.settings);
    let vocab = job.data.vocab.clone();
    let loader = Loader::new(job.data)?;
    settings.vocabulary = Some(loader.tokenizer.sha256().to_owned());
    let reading = Reading::new(emitter);
    let read = |list: &str, role| {
        let sentences = loader.sentences(list, role, &reading)?;
        say_what_was_read(emitter, list, &sentences);
        Ok::<_, Error>(sentences)
    };
    let train_data = read(&job.train, Role::Train)?;
    let valid_data = job.valid.as_deref().map(|list| read(list, Role::Valid)).transpose()?;
    let rules = Rules {
        match_sentences: settings.description.tasks.matched,
        word_mask_rate: job.word_mask_rate,
        box_mask_rate: job.box_mask_rate,
        ..Rules::default()
    };
    let train = train_data.examples(rules)?;
    let valid = valid_data.as_ref().map(|data| data.examples(rules)).transpose()?;
    settings.description.config.visual_feat_dim = train_data.source.dim();
    settings.check(&train, valid.as_ref())?;
    let (seed, words) = (settings.seed, (vocab.as_path(), &loader.tokenizer));
    let (model, report) =
        weights::model(&settings.description, &job.start, words, seed, job.allow_missing, work.device)?;
    match report {
        Some(report) => emitter.said(format_args!("weights: {report}")),
        None => emitter.said(format_args!("weights: random, seed {seed}")),
    }
    emitter.said(format_args!("{} parameters, {} answers", model.parameters().count(), settings.description.answers));
    let valid_examples = valid.as_ref().map_or(0, |valid| valid.sampler.len());
    let mut observer = Telling::new(work, train.sampler.len(), valid_examples);
    result(&run::run(&model, &loader.tokenizer, &train, valid.as_ref(), &settings, &mut observer)?)
}

fn say_what_was_read(emitter: &Emitter, list: &str, sentences: &Sentences) {
    let all = sentences.data.examples().len();
    let dropped = match all - sentences.usable().len() {
        0 => String::new(),
        n => format!(", {n} left out for want of features"),
    };
    emitter.said(format_args!(
        "{list}: {} sentences{dropped}; {} images with {} boxes of {} features",
        sentences.usable().len(),
        sentences.source.images(),
        sentences.source.boxes(),
        sentences.source.dim()
    ));
}

/// The original's lines are the result.
impl Observer for Telling<'_> {
    fn begun(&mut self, resumed: bool) -> Result<()> {
        self.begin(resumed)
    }

    fn step(&mut self, epoch: u64, done: usize, loss: f64) {
        self.at(epoch, done, format!("loss {loss:.4}"));
    }

    fn validated(&mut self, examples: usize) {
        self.validate(examples);
    }

    fn lines(&mut self, lines: &str) {
        self.work.emitter.printed(lines);
    }

    fn note(&mut self, note: &str) {
        self.work.emitter.said(note);
    }
}
