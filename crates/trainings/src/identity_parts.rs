//! The parts of a run's identity that fine-tuning and pre-training share: model, vocabulary and features.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::examples::FeatureSource;
use crate::snapshot::RunIdentity;
use data::features::FeatureStore;
use lxmert_spec::Config;

/// Returns the identity of a run with these options, this model, and these training and validation data.
pub fn of_run(
    mut run: BTreeMap<String, Value>,
    config: &Config,
    vocabulary: Option<&str>,
    [train, valid]: [Value; 2],
    machine: BTreeMap<String, Value>,
) -> RunIdentity {
    run.insert("words of the vocabulary".into(), config.vocab_size.into());
    run.insert("training data".into(), train);
    run.insert("validation data".into(), valid);
    RunIdentity { machine, ..RunIdentity::of_options(run, vocabulary) }
}

/// Returns a model's sizes without the two that the vocabulary and the features decide.
pub fn sizes(config: &Config) -> Value {
    let mut sizes = json!(config);
    for size in ["vocab_size", "visual_feat_dim"] {
        sizes.as_object_mut().map(|sizes| sizes.shift_remove(size));
    }
    sizes
}

/// Returns the origin, extent and digest of each feature store.
pub fn features(source: &FeatureSource) -> Value {
    let of = |store: &FeatureStore| {
        json!({
            "of": store.source().name,
            "images": store.len(),
            "boxes": store.boxes(),
            "width": store.dim(),
            "precision": store.precision().name(),
            "bytes": store.source().covered,
            "sha256": store.source().sha256,
        })
    };
    source.stores().iter().map(of).collect()
}
