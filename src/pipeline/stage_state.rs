//! Decides whether the cached result of a stage can be reused, and computes what its fingerprint depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::cache::{Cache, CacheEntry, Record};
use super::decision::Reason;
use super::fingerprint::FingerprintParts;
use super::plan::{Input, Stage};
use base::error::{Error, Result};

/// Size and SHA-256 of the files from outside the cache, by stage and input name.
pub(crate) type InputHashes = BTreeMap<(String, String), (u64, String)>;

/// Folder and record of each finished stage.
pub(crate) type FinishedStages = BTreeMap<String, (PathBuf, Record)>;

/// Returns the cached result if it can be reused, and the reason for the decision. The result of a stage that always runs is
/// never reused. Whatever lies in its place is replaced once the stage has finished.
pub(crate) fn find_result(
    cache: &Cache,
    stage: &Stage,
    parts: &FingerprintParts,
    fingerprint: &str,
    interrupted: &BTreeSet<(String, String)>,
    remember: bool,
) -> Result<(Option<Record>, Reason)> {
    match cache.find(&parts.stage, fingerprint) {
        CacheEntry::Finished(mut record) => Ok(match cache.find_damage(&mut record, remember)? {
            None if stage.always => (None, Reason::Always),
            None => (Some(*record), Reason::Unchanged),
            Some(why) => (None, why),
        }),
        CacheEntry::Unreadable(why) => Ok((None, Reason::RecordUnreadable(why))),
        CacheEntry::Absent if interrupted.contains(&(parts.stage.clone(), fingerprint.to_owned())) => {
            Ok((None, if stage.resumes { Reason::Resumed } else { Reason::Interrupted }))
        }
        CacheEntry::Absent => {
            let changes = nearest(&cache.history(&parts.stage)?, |earlier| parts.changes_since(earlier));
            // A result of equal parts under a different name was moved by hand and does not count.
            Ok((None, changes.filter(|c| !c.is_empty()).map_or(Reason::NeverFinished, Reason::Changed)))
        }
    }
}

/// Returns the shortest list of changes since any earlier result; of equally short ones, that since the latest result.
pub(crate) fn nearest(history: &[Record], changes: impl Fn(&FingerprintParts) -> Vec<String>) -> Option<Vec<String>> {
    let latest_first = {
        let mut records: Vec<&Record> = history.iter().collect();
        records.sort_by(|a, b| b.finished.cmp(&a.finished));
        records
    };
    latest_first.into_iter().map(|record| changes(&record.parts)).min_by_key(Vec::len)
}

/// Returns the parts of a stage's fingerprint. All stages that it uses must be finished.
pub(crate) fn parts(stage: &Stage, outside: &InputHashes, done: &FinishedStages) -> Result<FingerprintParts> {
    let mut inputs = BTreeMap::new();
    for input in &stage.inputs {
        let missing = |what: &str| Error::bug(format!("stage {} uses {what}, which does not exist", stage.name));
        let (name, sha256) = match input {
            Input::File { name, .. } => {
                let (_, sha256) = outside.get(&(stage.name.clone(), name.clone())).ok_or_else(|| missing(name))?;
                (name.clone(), sha256.clone())
            }
            Input::Stage(from) => {
                let (_, record) = done.get(from).ok_or_else(|| missing(from))?;
                (from.clone(), record.tree_sha256())
            }
            Input::Output { stage: from, path } => {
                let name = format!("{from}/{path}");
                let (_, record) = done.get(from).ok_or_else(|| missing(from))?;
                let output = record.output(path).filter(|o| !o.volatile).ok_or_else(|| {
                    missing(&name).because("it is not among the outputs, or is one that nothing may depend on")
                })?;
                (name, output.sha256.clone())
            }
        };
        inputs.insert(name, sha256);
    }
    Ok(FingerprintParts::new(&stage.name, stage.code_version, &stage.executor, &stage.parameters, inputs))
}
