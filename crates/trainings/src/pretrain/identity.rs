//! The identity of a pre-training: every option and data digest that affects its result.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::data::{PretrainExamples, PretrainSentences};
use super::settings::PretrainSettings;
use crate::identity_parts::{features, of_run, sizes};
use crate::snapshot::RunIdentity;
use base::files::hex;

/// Returns the identity of a run with these settings and data.
pub fn identity(
    settings: &PretrainSettings,
    train: &PretrainExamples,
    valid: Option<&PretrainExamples>,
    machine: BTreeMap<String, Value>,
) -> RunIdentity {
    let data = [data(train.sentences), valid.map_or(Value::Null, |valid| data(valid.sentences))];
    of_run(options(settings), &settings.description.config, settings.vocabulary.as_deref(), data, machine)
}

/// Returns every option that affects the result. Without data digests, but enough to recognise a finished run before data are
/// read.
pub fn options(settings: &PretrainSettings) -> BTreeMap<String, Value> {
    let description = &settings.description;
    let mut run = settings.also.clone();
    for (name, value) in [
        ("tasks", json!(description.tasks.names())),
        ("answers", description.answers.into()),
        ("--qa-sets", json!(description.qa_sets)),
        ("model", sizes(&description.config)),
        ("--epochs", settings.epochs.into()),
        ("--batch-size", settings.batch_size.into()),
        ("--accumulate", settings.accumulate.into()),
        ("--eval-batch-size", settings.eval_batch_size.into()),
        ("--lr", settings.lr.into()),
        ("--seed", settings.seed.into()),
    ] {
        run.insert(name.into(), value);
    }
    run
}

/// Returns what identifies the sentences and their features.
fn data(sentences: &PretrainSentences) -> Value {
    json!({
        "sentences": sentences.usable().len(),
        "sha256": digest(sentences),
        "features": features(&sentences.source),
    })
}

/// Returns the SHA-256 over the sentences' images, words and labels, in order.
fn digest(sentences: &PretrainSentences) -> String {
    let mut hash = Sha256::new();
    let mut bytes = Vec::new();
    for &number in sentences.usable() {
        let example = &sentences.data.examples()[number];
        bytes.clear();
        bytes.extend(sentences.data.image_id(example).as_bytes());
        bytes.push(0);
        bytes.extend((sentences.pieces.of(number).len() as u64).to_le_bytes());
        bytes.extend(sentences.pieces.of(number).flat_map(u32::to_le_bytes));
        match example.label() {
            None => bytes.push(0),
            Some(label) => {
                bytes.extend((label.len() as u64 + 1).to_le_bytes());
                for (answer, score) in label {
                    bytes.extend(answer.to_le_bytes());
                    bytes.extend(score.to_bits().to_le_bytes());
                }
            }
        }
        hash.update(&bytes);
    }
    hex(&hash.finalize())
}
