//! Options of snapshots: when a training writes them, and whether it resumes from one.

use std::path::Path;

use trainings::resume::{SnapshotSettings, StartMode};
use trainings::snapshot::SnapshotInterval;

/// The snapshot options of `train` and `pretrain`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Snapshots")]
pub(crate) struct SnapshotOptions {
    /// How often to write a snapshot from which the run can resume: a number of steps or a time, such as 500, 90s, 20m or
    /// 1h; or never
    #[arg(long, value_name = "EVERY", default_value = "20m")]
    snapshot_every: SnapshotInterval,
    /// Resume from the newest snapshot in the output folder, or start if there is none. Does nothing if the run is finished
    #[arg(long, conflicts_with = "restart")]
    pub resume: bool,
    /// Start from scratch and ignore existing snapshots. A finished run, or one with weights of finished epochs, is first moved
    /// to a folder beside the output folder with a date in its name
    #[arg(long)]
    restart: bool,
}

impl SnapshotOptions {
    /// Returns the snapshot settings of a run with this output folder.
    pub(crate) fn settings(&self, output: &Path) -> SnapshotSettings {
        SnapshotSettings::below(output, self.snapshot_every, StartMode::of(self.resume, self.restart))
    }
}
