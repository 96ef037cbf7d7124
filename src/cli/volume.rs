//! `--quiet` and `--verbose`: how much is told on stderr.

use base::status::{Volume, set_volume};

/// How much is told.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct VolumeOptions {
    /// Print only results, warnings and errors: no notes, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Also print which worker computes, on which device, and which files are read
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl VolumeOptions {
    /// Applies what was chosen; nothing if neither was.
    pub(crate) fn apply(&self) {
        match (self.quiet, self.verbose) {
            (true, _) => set_volume(Volume::Quiet),
            (_, true) => set_volume(Volume::Verbose),
            _ => {}
        }
    }
}
