//! Encodes pairs of images and sentences.

use super::job_context::{JobContext, JobOutcome};
use base::error::{Error, Result};
use base::progress::{ProgressTask, TaskStart, Unit};
use data::dataset::TaskData;
use data::dataset::tokenizer::Tokenizer;
use lxmert::encode::{
    AttentionHeads, EncodeInput, EncodeOutcome, EncodeSettings, Encoder, ImageFeatures, OutputLayout, Pair,
    RequestedOutputs, answer_names, encode, pairs_of_file, pairs_of_lists, pairs_of_split, read_attention_heads,
    with_features,
};
use lxmert_spec::description::check_vocabulary;
use lxmert_spec::loading::locate;
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;
use protocol::{Encode, EncodeOutput, EncodePairs};
use trainings::examples::MAX_WORDS;

/// Writes the checkpoint's outputs for the pairs, and prints the scores of its heads if requested. Returns the path of the
/// output.
///
/// # Errors
/// Those of the data, the checkpoint and the files.
pub(crate) fn run(job: &Encode, context: &JobContext) -> Result<JobOutcome> {
    let emitter = context.emitter;
    let checkpoint = locate(&job.load, PRETRAINED_SUFFIX)?;
    let tokenizer = Tokenizer::from_vocab_file(&job.vocab)?;
    check_vocabulary(&checkpoint, &tokenizer)?;
    let pairs = pairs(job)?;
    let features = ImageFeatures::open(&job.features, &job.stores, job.precision, emitter)?;
    let available = |image: &str| features.source.find(image).is_some();
    let clue = |missing: &[String]| features.source.clue(missing.iter().map(String::as_str));
    let (pairs, lost) = with_features(pairs, available, clue, job.allow_missing_images)?;
    if lost > 0 {
        emitter.message(format_args!("skipped: {lost} pairs whose images have no features"));
    }
    let long = pairs.iter().filter(|pair| tokenizer.tokenize(&pair.sent).len() > MAX_WORDS - 2).count();
    if long > 0 {
        let most = MAX_WORDS - 2;
        emitter.message(format_args!(
            "cut: {long} sentences have more than {most} word pieces; only the first {most} are read"
        ));
    }
    let heads = match job.attention_heads {
        Some(number) => AttentionHeads::Known(number),
        None => read_attention_heads(&checkpoint)?,
    };
    let encoder = Encoder::read(&checkpoint, heads, context.device)?;
    emitter.message(format_args!("{}: {}", checkpoint.display(), encoder.sizes().summary()));
    for note in encoder.notes() {
        emitter.message(format_args!("weights: {note}"));
    }
    if heads == AttentionHeads::FromWidth {
        emitter.message(
            "note: attention heads are assumed as in BERT at this width; --attention-heads sets another number",
        );
    }
    let encoding = EncodeInput {
        encoder: &encoder,
        checkpoint: &checkpoint,
        tokenizer: &tokenizer,
        pairs: &pairs,
        features: &features,
    };
    let task: ProgressTask<'_> =
        ProgressTask::begin(emitter, TaskStart::new("encode", pairs.len() as u64, Unit::Pairs));
    let encoded = encode(&encoding, &settings(job), &mut |pairs| task.advance(pairs as u64))?;
    drop(task);
    if encoded.kept > 0 {
        emitter.message(format_args!(
            "kept: {} of {} files, which were already complete",
            encoded.kept,
            encoded.parts.len()
        ));
    }
    if let Some(top) = job.heads {
        print(job, context, &encoding, &encoded, top)?;
    }
    JobOutcome::with_files(&encoded.path, [encoded.path.as_path()])
}

fn pairs(job: &Encode) -> Result<Vec<Pair>> {
    match &job.pairs {
        EncodePairs::File(file) => pairs_of_file(file),
        EncodePairs::Lists(images, sentences) => pairs_of_lists(images, sentences),
        EncodePairs::Split(task, split) => pairs_of_split(TaskData::load(*task, &job.data_root, split)?),
    }
}

fn settings(job: &Encode) -> EncodeSettings {
    let output = match &job.output {
        EncodeOutput::File(file) => OutputLayout::File(file.clone()),
        EncodeOutput::Shards { folder, pairs } => OutputLayout::Shards { folder: folder.clone(), pairs: *pairs },
    };
    let requested = RequestedOutputs { attention: job.attention, heads: job.heads.is_some() };
    EncodeSettings { requested, half: job.half, batch_size: job.batch_size, output }
}

/// Prints a line of JSON for each pair.
fn print(
    job: &Encode,
    context: &JobContext,
    encoding: &EncodeInput<'_>,
    encoded: &EncodeOutcome,
    top: usize,
) -> Result<()> {
    let answers = answer_names(encoding.checkpoint, &job.data_root, encoding.encoder.sizes())?;
    for part in encoded.best_scores(encoding.tokenizer, answers.as_deref(), top) {
        for best_scores in part? {
            let line =
                serde_json::to_string(&best_scores).map_err(|e| Error::bug("scores cannot be shown").because(e))?;
            context.emitter.output(line + "\n");
        }
    }
    Ok(())
}
