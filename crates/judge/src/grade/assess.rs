//! The one judging path: evidence in, judged rows out. `repro all`, `repro check` and `repro regrade` call [`assess`], so that
//! the same evidence has the same verdict and the same sentences whoever asks.

use super::features::{self, FeaturePair};
use super::gates::{Query, against, rows};
use super::golden::{Content, GoldenFile};
use crate::evidence::run::RunEvidence;
use crate::report::GoldenRecord;
use crate::verdict::row::Judged;
use base::error::{Error, Result};
use data::dataset::Task;

/// What is judged, and by what.
#[derive(Clone, Copy, Default)]
pub struct Request<'a> {
    /// Golden files; empty for the one of the runs' profile, or for none if the runs are compared with a reference.
    pub golden: &'a [GoldenFile],
    /// What runs left.
    pub runs: &'a [RunEvidence],
    /// The tasks; empty for all that a run did.
    pub tasks: &'a [Task],
    /// Seeds that there should be a run of; empty for those that are given.
    pub seeds: &'a [u64],
    /// A run whose answers the others are compared with.
    pub reference: Option<Reference<'a>>,
    /// Two feature files that are compared.
    pub features: Option<FeaturePair<'a>>,
}

/// A run whose answers others are compared with.
#[derive(Clone, Copy)]
pub struct Reference<'a> {
    /// What it left.
    pub run: &'a RunEvidence,
    /// Maximum number of answers that may differ.
    pub allowed_flips: u64,
}

/// Judged rows with the golden files that judged them. Only [`assess`] makes one.
#[derive(Debug, Clone, Default)]
pub struct Assessment {
    pub(crate) rows: Vec<Judged>,
    pub(crate) golden: Vec<GoldenRecord>,
}

impl Assessment {
    /// The judged rows.
    pub fn rows(&self) -> &[Judged] {
        &self.rows
    }
}

/// Judges what runs left.
///
/// # Errors
/// Checksum or data if what a run left is damaged or contradicts itself; usage for golden files, tasks, seeds or a reference
/// that cannot judge these runs, and for runs of several profiles without a golden file.
pub fn assess(request: &Request) -> Result<Assessment> {
    let Request { golden, runs, tasks, seeds, reference, features } = *request;
    let by_profile = match golden.is_empty() && reference.is_none() && !runs.is_empty() {
        true => Some(GoldenFile::of_profile(profile(runs)?)?),
        false => None,
    };
    let query = Query { runs, tasks, seeds };
    let mut all = Assessment::default();
    let of_features = |file: &&GoldenFile| matches!(file.content, Content::Features(_));
    for file in golden.iter().chain(&by_profile).filter(|file| features.is_none() || !of_features(file)) {
        all.rows.extend(rows(file, &query)?);
        all.golden.push(file.record.clone());
    }
    if let Some(Reference { run, allowed_flips }) = reference {
        all.rows.extend(against(run, allowed_flips, &query)?);
    }
    if let Some(pair) = features {
        let file = golden.iter().find(of_features).cloned().map_or_else(|| GoldenFile::load("features"), Ok)?;
        if let Content::Features(limits) = &file.content {
            all.rows.push(features::judge(limits, &pair)?);
        }
        all.golden.push(file.record);
    }
    Ok(all)
}

/// Returns the profile of all runs.
fn profile(runs: &[RunEvidence]) -> Result<Option<&str>> {
    let first = runs.first().and_then(RunEvidence::profile);
    let Some(other) = runs.iter().find(|run| run.profile() != first) else { return Ok(first) };
    let named = |run: &RunEvidence| format!("{} is of profile {}", run.name, run.profile().unwrap_or("none"));
    Err(Error::usage(format!("{}, {}", named(&runs[0]), named(other)))
        .next("judge them apart, or say by what with --golden"))
}
