//! What the identity of every run says of its model and its features.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::examples::Source;
use crate::snapshot::Identity;
use data::features::FeatureStore;
use lxmert_spec::Config;

/// Returns the identity of a run with these options, this model and these data.
pub fn of_run(
    mut run: BTreeMap<String, Value>,
    config: &Config,
    vocabulary: Option<&str>,
    [train, valid]: [Value; 2],
    machine: BTreeMap<String, Value>,
) -> Identity {
    run.insert("words of the vocabulary".into(), config.vocab_size.into());
    run.insert("training data".into(), train);
    run.insert("validation data".into(), valid);
    Identity { machine, ..Identity::of_options(run, vocabulary) }
}

/// A model's sizes but for two, which the vocabulary and the features decide.
pub fn sizes(config: &Config) -> Value {
    let mut sizes = json!(config);
    for size in ["vocab_size", "visual_feat_dim"] {
        sizes.as_object_mut().map(|sizes| sizes.shift_remove(size));
    }
    sizes
}

/// What features were read.
pub fn features(source: &Source) -> Value {
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
