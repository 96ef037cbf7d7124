//! The identity of a fine-tuning: every option and data digest that affects its result.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::settings::FinetuneSettings;
use crate::examples::{ExampleTarget, PreparedSplit};
use crate::identity_parts::{features, of_run, sizes};
use crate::snapshot::RunIdentity;
use base::files::hex;

/// Returns the identity of a run with these settings and data.
pub fn identity(
    settings: &FinetuneSettings,
    train: &PreparedSplit,
    valid: Option<&PreparedSplit>,
    machine: BTreeMap<String, Value>,
) -> RunIdentity {
    let mut run = options(settings);
    run.insert("answers".into(), settings.description.answers.into());
    let data = [data(train), valid.map_or(Value::Null, data)];
    of_run(run, &settings.description.config, settings.vocabulary.as_deref(), data, machine)
}

/// Returns every option that affects the result. Without data digests, but enough to recognise a finished run before data are
/// read.
pub fn options(settings: &FinetuneSettings) -> BTreeMap<String, Value> {
    let mut run = settings.also.clone();
    for (name, value) in [
        ("task", json!(settings.description.task)),
        ("model", sizes(&settings.description.config)),
        ("--epochs", settings.epochs.into()),
        ("--batch-size", settings.batch_size.into()),
        ("--eval-batch-size", settings.eval_batch_size.into()),
        ("--lr", settings.lr.into()),
        ("--optim", json!(settings.optim)),
        ("--seed", settings.seed.into()),
        ("--mce-loss", settings.mce_loss.into()),
    ] {
        run.insert(name.into(), value);
    }
    run
}

/// Returns what identifies the examples and their features.
fn data(questions: &PreparedSplit) -> Value {
    json!({
        "splits": questions.data.splits.join(","),
        "examples": questions.examples.len(),
        "sha256": digest(questions),
        "without": questions.ablation,
        "features": features(&questions.source),
    })
}

/// Returns the SHA-256 over the examples' ids, images, words and targets, in order.
fn digest(questions: &PreparedSplit) -> String {
    let mut hash = Sha256::new();
    for question in &questions.examples {
        let example = &questions.data.examples[question.index];
        hash.update(format!("{}\0{}\0", example.id, example.images.join("\0")));
        hash.update((question.words.len() as u64).to_le_bytes());
        question.words.iter().for_each(|word| hash.update(word.to_le_bytes()));
        match &question.target {
            None => hash.update("none"),
            Some(ExampleTarget::Class(class)) => hash.update(class.to_le_bytes()),
            Some(ExampleTarget::Soft(scores)) => {
                hash.update((scores.len() as u64).to_le_bytes());
                for (label, score) in scores {
                    hash.update(label.to_le_bytes());
                    hash.update(score.to_bits().to_le_bytes());
                }
            }
        }
    }
    hex(&hash.finalize())
}
