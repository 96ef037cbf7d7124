//! Converts the outcome of answering in a worker to the types of evidence.

use base::host::HostFacts;
use judge::evidence::result::{FeatureRecord, MachineRecord};
use protocol::{AnswerOutcome, StoreFacts};

/// Returns the records of the features that were read.
pub fn features(outcome: &AnswerOutcome) -> Vec<FeatureRecord> {
    let record = |store: &StoreFacts| FeatureRecord {
        of: store.of.clone(),
        images: store.images,
        boxes: store.boxes,
        width: store.width,
        precision: store.precision.name().to_owned(),
        sha256: store.sha256.clone(),
    };
    outcome.stores.iter().map(record).collect()
}

/// Returns the record of this program and of the machine that the worker computed on.
pub fn machine(outcome: &AnswerOutcome) -> MachineRecord {
    let host = HostFacts::computing(&outcome.device, outcome.threads as usize, outcome.versions.clone());
    MachineRecord { halved_batch: outcome.halved_batch.map(|size| size as u64), ..host.into() }
}
