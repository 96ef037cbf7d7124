//! Encoding sentences and images.

use super::work::{Finished, Work};
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

/// Writes what the checkpoint makes of the pairs, and prints what its heads say where that is wanted; the path of what was
/// written.
///
/// # Errors
/// Those of the data, the checkpoint and the files.
pub(crate) fn run(job: &Encode, work: &Work) -> Result<Finished> {
    let emitter = work.emitter;
    let checkpoint = locate(&job.load, PRETRAINED_SUFFIX)?;
    let tokenizer = Tokenizer::from_vocab_file(&job.vocab)?;
    check_vocabulary(&checkpoint, &tokenizer)?;
    let pairs = pairs(job)?;
    let features = ImageFeatures::open(&job.features, &job.stores, job.precision, emitter)?;
    let available = |image: &str| features.source.find(image).is_some();
    let clue = |missing: &[String]| features.source.clue(missing.iter().map(String::as_str));
    let (pairs, lost) = with_features(pairs, available, clue, job.allow_missing_images)?;
    if lost > 0 {
        emitter.said(format_args!("left out: {lost} pairs whose images have no features"));
    }
    let long = pairs.iter().filter(|pair| tokenizer.tokenize(&pair.sent).len() > MAX_WORDS - 2).count();
    if long > 0 {
        let most = MAX_WORDS - 2;
        emitter.said(format_args!("cut: {long} sentences have more than {most} pieces, only the first are read"));
    }
    let heads = match job.attention_heads {
        Some(number) => AttentionHeads::Known(number),
        None => read_attention_heads(&checkpoint)?,
    };
    let encoder = Encoder::read(&checkpoint, heads, work.device)?;
    emitter.said(format_args!("{}: {}", checkpoint.display(), encoder.sizes().summary()));
    for note in encoder.notes() {
        emitter.said(format_args!("weights: {note}"));
    }
    if heads == AttentionHeads::FromWidth {
        emitter.said("the number of attention heads is BERT's for this width; --attention-heads says another");
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
        emitter.said(format_args!("kept: {} of {} files were complete already", encoded.kept, encoded.parts.len()));
    }
    if let Some(top) = job.heads {
        print(job, work, &encoding, &encoded, top)?;
    }
    Finished::with_files(&encoded.path, [encoded.path.as_path()])
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
fn print(job: &Encode, work: &Work, encoding: &EncodeInput<'_>, encoded: &EncodeOutcome, top: usize) -> Result<()> {
    let answers = answer_names(encoding.checkpoint, &job.data_root, encoding.encoder.sizes())?;
    for part in encoded.best_scores(encoding.tokenizer, answers.as_deref(), top) {
        for best_scores in part? {
            let line =
                serde_json::to_string(&best_scores).map_err(|e| Error::bug("scores cannot be shown").because(e))?;
            work.emitter.printed(line + "\n");
        }
    }
    Ok(())
}
