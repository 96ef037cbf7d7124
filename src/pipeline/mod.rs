//! What `repro all` runs: stages, their fingerprints, the journal of a run. The engine knows nothing of LXMERT.
//!
//! A [`plan::Plan`] is a list of [`plan::Stage`]s. [`engine::run`] executes those whose result is not at hand, has the result
//! judged, and writes the report; [`engine::explain`] says what it would do and why.
//!
//! In the workspace:
//!
//! ```text
//! cache/lock                               held while a run is at work
//! cache/inputs.json                        hashes of files from outside, by size, time and inode
//! cache/stages/STAGE/FINGERPRINT/          a finished stage: its outputs, stage.json, and events.jsonl of its worker
//! cache/stages/STAGE/.partial-FINGERPRINT/ a stage at work, or a leftover of a killed run
//! runs/PROFILE-PLAN/                       run.json, events.jsonl, report.{json,html,md}, junit.xml, attestation.intoto.json
//! runs/PROFILE-PLAN/STAGE                  link to the finished stage
//! runs/PROFILE-PLAN/failed/STAGE/          what a failed stage had written; a link to it where the cache is on another disk
//! runs/latest                              link to the last run
//! ```
//!
//! - *Which run folder.* Its name comes from the plan (stages, parameters, files from outside), so the same plan continues
//!   or refreshes the same folder, and a changed parameter opens a new one. Only the last report of a plan is kept;
//!   `events.jsonl` keeps the history. A run in which nothing was done leaves the folder as it is ([`standing`]).
//! - *Killed at any moment.* A stage fills `.partial-…`, writes `stage.json` last, and is renamed. What has its final name
//!   is whole; anything else is removed by the next run and done again.
//! - *What is too large for the cache.* Fetched and prepared data lie in the workspace itself. The stages that look after
//!   them run every time ([`plan::Stage::always`]) and write down what they found; what follows depends on that.
//! - *Two processes at once.* The second is refused: `cache/lock` is locked through the operating system, which lets go of it when
//!   its process ends, however it ends. It holds the process id and its start time, for the message.
//! - *In a container.* A stage's work can be done in an image ([`contained`]), and workers can be there ([`workers`]); then the
//!   image is part of its fingerprint.
//! - *What a stage depends on* must be in its parameters and inputs: also seeds, thread counts and library versions, where its
//!   result depends on them.

mod cache;
pub mod contained;
mod decide;
pub mod demo;
pub mod engine;
pub mod explain;

pub mod fingerprint;
pub mod guest;
mod inputs;
pub mod journal;
pub(crate) mod lock;
pub mod outcome;
pub mod paper;
pub mod plan;
pub mod results;
mod runner;
mod stages;
pub mod standing;
pub mod workers;

#[cfg(test)]
mod tests;
