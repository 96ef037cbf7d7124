//! Options of breaks: when a run leaves snapshots, and whether it goes on from one.

use std::path::Path;

use trainings::resume::{SnapshotSettings, StartMode};
use trainings::snapshot::SnapshotInterval;

/// What `train` and `pretrain` share.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Breaks")]
pub(crate) struct BreakOptions {
    /// Write a snapshot to go on from after so many steps, or so long: 500, 90s, 20m, 1h; or never
    #[arg(long, value_name = "EVERY", default_value = "20m")]
    snapshot_every: SnapshotInterval,
    /// Go on from the newest snapshot in the output folder; begin where there is none. Says so where the run has ended
    #[arg(long, conflicts_with = "restart")]
    pub resume: bool,
    /// Begin again without the snapshots that are there; a finished run, or one with weights of finished epochs, is first moved
    /// into a folder with a date in its name beside the output folder
    #[arg(long)]
    restart: bool,
}

impl BreakOptions {
    /// The snapshots of a run with this output folder.
    pub(crate) fn settings(&self, output: &Path) -> SnapshotSettings {
        SnapshotSettings::below(output, self.snapshot_every, StartMode::of(self.resume, self.restart))
    }
}
