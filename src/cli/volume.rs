//! `--quiet` and `--verbose`: how much is printed on stderr.

use base::status::{Volume, set_volume};

/// The options of how much is printed.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct VolumeOptions {
    /// Print only results, warnings and errors: no notes, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Also print the worker, its device, and the files that are read
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl VolumeOptions {
    /// Applies the options; without either, changes nothing.
    pub(crate) fn apply(&self) {
        match (self.quiet, self.verbose) {
            (true, _) => set_volume(Volume::Quiet),
            (_, true) => set_volume(Volume::Verbose),
            _ => {}
        }
    }
}
