//! What the identity of every run says of its model and its features.

use serde_json::{Value, json};

use crate::examples::Source;
use data::features::FeatureStore;
use lxmert_spec::Config;

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
