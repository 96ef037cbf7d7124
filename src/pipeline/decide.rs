//! Whether a stage's result is at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::cache::{Cache, Found, Record};
use super::explain::Why;
use super::fingerprint::Parts;
use super::plan::{Input, Stage};
use base::error::{Error, Result};

/// Size and SHA-256 of the files from outside, by stage and name.
pub(crate) type Files = BTreeMap<(String, String), (u64, String)>;

/// Folder and record of the stages that are done.
pub(crate) type Done = BTreeMap<String, (PathBuf, Record)>;

/// The finished result, if it is at hand and whole, and why it is taken or not; that of a stage which always runs is never
/// taken. What lies in its place is removed when the stage is done.
pub(crate) fn decide(
    cache: &Cache,
    stage: &Stage,
    parts: &Parts,
    fingerprint: &str,
    interrupted: &BTreeSet<(String, String)>,
    remember: bool,
) -> Result<(Option<Record>, Why)> {
    match cache.find(&parts.stage, fingerprint) {
        Found::Whole(mut record) => Ok(match cache.damage(&mut record, remember)? {
            None if stage.always => (None, Why::Always),
            None => (Some(*record), Why::Unchanged),
            Some(why) => (None, why),
        }),
        Found::Unreadable(why) => Ok((None, Why::RecordUnreadable(why))),
        Found::Absent if interrupted.contains(&(parts.stage.clone(), fingerprint.to_owned())) => {
            Ok((None, if stage.resumes { Why::GoesOn } else { Why::Interrupted }))
        }
        Found::Absent => {
            let changes = nearest(&cache.history(&parts.stage)?, |earlier| parts.changes_since(earlier));
            // A result of equal parts under another name was moved by hand and does not count.
            Ok((None, changes.filter(|c| !c.is_empty()).map_or(Why::NeverFinished, Why::Changed)))
        }
    }
}

/// The fewest changes since any earlier result, the latest one of equals.
pub(crate) fn nearest(history: &[Record], changes: impl Fn(&Parts) -> Vec<String>) -> Option<Vec<String>> {
    let latest_first = {
        let mut records: Vec<&Record> = history.iter().collect();
        records.sort_by(|a, b| b.finished.cmp(&a.finished));
        records
    };
    latest_first.into_iter().map(|record| changes(&record.parts)).min_by_key(Vec::len)
}

/// The parts of a stage's fingerprint, once all that it uses is done.
pub(crate) fn parts(stage: &Stage, outside: &Files, done: &Done) -> Result<Parts> {
    let mut inputs = BTreeMap::new();
    for input in &stage.inputs {
        let missing = |what: &str| Error::bug(format!("stage {} uses {what}, which is not there", stage.name));
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
    Ok(Parts::new(&stage.name, stage.code_version, &stage.executor, &stage.parameters, inputs))
}
