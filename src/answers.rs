//! Converts the answer of a worker to the types of evidence.

use base::host::HostFacts;
use judge::evidence::result::{FeatureRecord, Machine};
use protocol::{Answered, StoreFacts};

/// Returns the records of the features that were read.
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

/// Returns the record of this program and of the machine that the worker computed on.
pub fn machine(answered: &Answered) -> Machine {
    HostFacts::computing(&answered.device, answered.threads as usize, answered.versions.clone()).into()
}
