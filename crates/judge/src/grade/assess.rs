//! The only judging path: evidence in, judged rows out. `repro all`, `repro check` and `repro regrade` call [`assess`], so that
//! the same evidence always has the same verdict and the same sentences.

use super::features::{self, FeaturePair};
use super::gates::{GateQuery, judge_by_golden, judge_by_reference};
use super::golden::{Content, GoldenFile};
use crate::evidence::run::RunEvidence;
use crate::report::GoldenRecord;
use crate::verdict::row::JudgedRow;
use base::error::{Error, Result};
use data::dataset::Task;

/// The runs or feature files to judge, and what to judge them by.
#[derive(Clone, Copy, Default)]
pub struct AssessRequest<'a> {
    /// Golden files; empty for the one of the runs' profile, or for none if the runs are compared with a reference.
    pub golden: &'a [GoldenFile],
    /// Evidence of the runs.
    pub runs: &'a [RunEvidence],
    /// The tasks to judge; empty for all that a run did.
    pub tasks: &'a [Task],
    /// Seeds of which a run must be given; empty to accept the given runs.
    pub seeds: &'a [u64],
    /// The run with whose answers the others are compared.
    pub reference: Option<ReferenceRun<'a>>,
    /// Two feature files to compare.
    pub features: Option<FeaturePair<'a>>,
}

/// A run with whose answers others are compared.
#[derive(Clone, Copy)]
pub struct ReferenceRun<'a> {
    /// Evidence of that run.
    pub run: &'a RunEvidence,
    /// Maximum number of answers that may differ.
    pub allowed_flips: u64,
}

/// Judged rows with the golden files that judged them. Only [`assess`] makes one.
#[derive(Debug, Clone, Default)]
pub struct Assessment {
    pub(crate) rows: Vec<JudgedRow>,
    pub(crate) golden: Vec<GoldenRecord>,
}

impl Assessment {
    /// The judged rows.
    pub fn rows(&self) -> &[JudgedRow] {
        &self.rows
    }
}

/// Judges the evidence of runs or two feature files.
///
/// # Errors
/// Checksum or data if the evidence of a run is damaged or contradicts itself; usage for golden files, tasks, seeds or a reference
/// that cannot judge these runs, and for runs of several profiles without a golden file.
pub fn assess(request: &AssessRequest) -> Result<Assessment> {
    let AssessRequest { golden, runs, tasks, seeds, reference, features } = *request;
    let by_profile = match golden.is_empty() && reference.is_none() && !runs.is_empty() {
        true => Some(GoldenFile::of_profile(profile(runs)?)?),
        false => None,
    };
    let query = GateQuery { runs, tasks, seeds };
    let mut all = Assessment::default();
    let of_features = |file: &&GoldenFile| matches!(file.content, Content::Features(_));
    for file in golden.iter().chain(&by_profile).filter(|file| features.is_none() || !of_features(file)) {
        all.rows.extend(judge_by_golden(file, &query)?);
        all.golden.push(file.record.clone());
    }
    if let Some(ReferenceRun { run, allowed_flips }) = reference {
        all.rows.extend(judge_by_reference(run, allowed_flips, &query)?);
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

/// Returns the profile that all runs share.
fn profile(runs: &[RunEvidence]) -> Result<Option<&str>> {
    let first = runs.first().and_then(RunEvidence::profile);
    let Some(other) = runs.iter().find(|run| run.profile() != first) else { return Ok(first) };
    let named = |run: &RunEvidence| format!("{} is of profile {}", run.name, run.profile().unwrap_or("none"));
    Err(Error::usage(format!("{}, {}", named(&runs[0]), named(other)))
        .next("judge them apart, or say by what with --golden"))
}
