//! What a fine-tuning run is: the options and the data that decide its result.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::settings::Settings;
use crate::examples::{Questions, Target};
use crate::identity::{features, of_run, sizes};
use crate::snapshot::Identity;
use base::files::hex;

/// Of a run with these settings and data.
pub fn identity(
    settings: &Settings,
    train: &Questions,
    valid: Option<&Questions>,
    machine: BTreeMap<String, Value>,
) -> Identity {
    let mut run = options(settings);
    run.insert("answers".into(), settings.description.answers.into());
    let data = [data(train), valid.map_or(Value::Null, data)];
    of_run(run, &settings.description.config, settings.vocabulary.as_deref(), data, machine)
}

/// Of its settings alone, without what the data add: enough to recognise a finished run before they are read.
pub fn options(settings: &Settings) -> BTreeMap<String, Value> {
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

/// The examples that are used, and their features.
fn data(questions: &Questions) -> Value {
    json!({
        "splits": questions.data.splits.join(","),
        "examples": questions.questions.len(),
        "sha256": digest(questions),
        "without": questions.ablation,
        "features": features(&questions.source),
    })
}

/// Over ids, words, images and targets, in order.
fn digest(questions: &Questions) -> String {
    let mut hash = Sha256::new();
    for question in &questions.questions {
        let example = &questions.data.examples[question.index];
        hash.update(format!("{}\0{}\0", example.id, example.images.join("\0")));
        hash.update((question.words.len() as u64).to_le_bytes());
        question.words.iter().for_each(|word| hash.update(word.to_le_bytes()));
        match &question.target {
            None => hash.update("none"),
            Some(Target::Class(class)) => hash.update(class.to_le_bytes()),
            Some(Target::Soft(scores)) => {
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
