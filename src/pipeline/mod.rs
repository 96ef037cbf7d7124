//! What `repro all` runs: stages, their fingerprints and the journal of a run. The engine knows nothing of LXMERT.
//!
//! A [`plan::Plan`] is a list of [`plan::Stage`]s. [`engine::run`] executes the stages that have no cached result, has the results
//! judged, and writes the report. [`engine::explain`] tells what it would do and why.
//!
//! Files in the workspace:
//!
//! ```text
//! cache/lock                               locked while a run uses the workspace
//! cache/inputs.json                        hashes of input files, by size, time and inode
//! cache/stages/STAGE/FINGERPRINT/          a finished stage: its outputs, stage.json, and events.jsonl of its worker
//! cache/stages/STAGE/.partial-FINGERPRINT/ a running stage, or what a killed run left
//! runs/PROFILE-PLAN/                       run.json, events.jsonl, report.{json,html,md}, junit.xml, attestation.intoto.json
//! runs/PROFILE-PLAN/STAGE                  link to the finished stage
//! runs/PROFILE-PLAN/failed/STAGE/          what a failed stage had written; a link to it where the cache is on another disk
//! runs/latest                              link to the last run
//! ```
//!
//! - *Run folders.* The name of a run folder comes from the plan (stages, parameters, input files). The same plan continues or
//!   refreshes the same folder; a changed parameter opens a new one. Only the last report of a plan is kept; `events.jsonl` keeps
//!   the history. A run in which no stage had to run leaves the folder unchanged (`kept_report`).
//! - *Interruption.* A stage fills `.partial-…`, writes `stage.json` last, and is then renamed. A folder with its final name is
//!   complete. The next run removes anything else, or resumes it if the stage can ([`plan::Stage::resumes`]).
//! - *Data too large for the cache.* Fetched and prepared data lie in the workspace itself. The stages that check them run every
//!   time ([`plan::Stage::always`]) and write down what they found; later stages depend on that.
//! - *Concurrent runs.* A second process is refused: `cache/lock` is locked through the operating system, which releases it when
//!   the process ends. The file holds process id and start time, for the message.
//! - *Containers.* A stage's work can be done in an image ([`container`]), and so can that of workers ([`workers`]). Then the image
//!   is part of the fingerprint.
//! - *Dependencies.* Everything that a stage's result depends on must be in its parameters and inputs: also seeds, thread counts
//!   and library versions.

mod cache;
pub mod container;
pub mod decision;
pub mod demo;
pub mod engine;
mod stage_state;

pub mod container_entry;
pub mod fingerprint;
mod input_hashes;
pub mod journal;
mod kept_report;
pub mod outcome;
pub mod paper;
pub mod plan;
pub mod results;
mod runner;
mod stages;
pub mod workers;
pub(crate) mod workspace_lock;

#[cfg(test)]
mod tests;
