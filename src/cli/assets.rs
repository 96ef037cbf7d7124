//! Options that `fetch`, `verify` and `prepare` share: the selected files, the manifest, the pins and the network.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use assets::fetch::Network;
use assets::lock::Lock;
use assets::manifest::{Manifest, Selection};
use base::error::Result;
use base::files;

/// The pins compiled into the program.
const LOCK: &str = include_str!("../../data/assets.lock");
const FILE_LIMIT: u64 = 4 << 20;

/// The format of results on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    Text,
    /// For scripts
    Json,
}

/// The options of which files to use, and in which workspace.
#[derive(Debug, Args)]
pub(crate) struct AssetOptions {
    /// Names of assets (see repro fetch --list)
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// All assets of a task: vqa, gqa, nlvr2, pretrain, extract (repro fetch --list shows more groups). Can be repeated
    #[arg(long, value_name = "TASK", value_delimiter = ',')]
    pub task: Vec<String>,
    /// Every asset of the manifest
    #[arg(long)]
    pub all: bool,
    /// Folder that holds data/, snap/ and downloads/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    pub workspace: PathBuf,
    #[command(flatten)]
    manifest: ManifestOptions,
}

/// The options of the manifest and the pins.
#[derive(Debug, Args)]
#[command(next_help_heading = "Manifest")]
pub(crate) struct ManifestOptions {
    /// Manifest to use instead of the embedded one (data/assets.toml)
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// File of pinned checksums [default: <workspace>/data/assets.lock]
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
}

/// The network options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkOptions {
    /// Number of files to fetch at the same time
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// Retry a source that sends nothing for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    stall_timeout: u64,
    /// Number of retries without progress before the next source is tried
    #[arg(long, value_name = "N", default_value_t = 8)]
    retries: u32,
    /// Pause before the first retry; each further pause is longer
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = pause)]
    retry_wait: f64,
}

fn pause(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    match (0.0..=3600.0).contains(&seconds) {
        true => Ok(seconds),
        false => Err("it must be from 0 to 3600 seconds".into()),
    }
}

impl NetworkOptions {
    /// Returns the timeouts and retries.
    pub(crate) fn network(&self) -> Network {
        Network {
            stall: Duration::from_secs(self.stall_timeout),
            retries: self.retries,
            first_wait: Duration::from_secs_f64(self.retry_wait),
        }
    }
}

/// The manifest and the pins.
#[derive(Debug)]
pub(crate) struct KnownAssets {
    pub manifest: Manifest,
    /// The pins in `lock_path`, and with the embedded manifest those of the program.
    pub lock: Lock,
    /// The user's lock file.
    pub lock_path: PathBuf,
}

impl AssetOptions {
    /// Reads the manifest and the pins.
    pub(crate) fn read(&self) -> Result<KnownAssets> {
        self.manifest.read(&self.workspace)
    }

    /// Returns the selection; empty if no option selects anything.
    pub(crate) fn selection(&self) -> Selection {
        Selection { groups: self.task.clone(), names: self.names.clone(), all: self.all }
    }
}

impl ManifestOptions {
    /// Reads the manifest and the pins for a workspace.
    pub(crate) fn read(&self, workspace: &Path) -> Result<KnownAssets> {
        let (manifest, mut lock) = match &self.manifest {
            None => (Manifest::embedded()?, Lock::parse(LOCK, "data/assets.lock")?),
            Some(path) => {
                let text = files::read_text(path, FILE_LIMIT)?;
                (Manifest::parse(&text, &path.display().to_string())?, Lock::default())
            }
        };
        let lock_path = self.lock.clone().unwrap_or_else(|| workspace.join("data/assets.lock"));
        lock.join(Lock::read(&lock_path)?, &lock_path)?;
        Ok(KnownAssets { manifest, lock, lock_path })
    }
}
