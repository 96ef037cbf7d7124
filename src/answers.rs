//! What a worker answered, in the words of evidence.

use base::host::HostFacts;
use judge::evidence::result::{FeatureRecord, Machine};
use protocol::{Answered, StoreFacts};

/// The features that were read.
pub fn features(answered: &Answered) -> Vec<FeatureRecord> {
    let record = |store: &StoreFacts| FeatureRecord {
        of: store.of.clone(),
        images: store.images,
        boxes: store.boxes,
        width: store.width,
        precision: store.precision.name().to_owned(),
        sha256: store.sha256.clone(),
    };
    answered.stores.iter().map(record).collect()
}

/// This program, and what the worker computed with.
pub fn machine(answered: &Answered) -> Machine {
    HostFacts::computing(&answered.device, answered.threads as usize, answered.versions.clone()).into()
}
