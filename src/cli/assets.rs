//! Options that `fetch`, `verify` and `prepare` share: which files, and what is known of them.

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

/// Form of what is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For scripts
    Json,
}

/// Which files, and where they lie.
#[derive(Debug, Args)]
pub(crate) struct AssetOptions {
    /// Assets by name (see repro fetch --list)
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

/// What is known of the files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Manifest")]
pub(crate) struct ManifestOptions {
    /// Another manifest than the one compiled in (data/assets.toml)
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Where pinned checksums are kept [default: <workspace>/data/assets.lock]
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
}

/// How files are fetched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkOptions {
    /// Files that are fetched at the same time
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// A source that sends nothing for so long is asked again
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    stall_timeout: u64,
    /// How often a source is asked again without any progress before the next one is tried
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
        false => Err("choose from 0 to 3600 seconds".into()),
    }
}

impl NetworkOptions {
    /// How patient to be with servers.
    pub(crate) fn patience(&self) -> Network {
        Network {
            stall: Duration::from_secs(self.stall_timeout),
            retries: self.retries,
            first_wait: Duration::from_secs_f64(self.retry_wait),
        }
    }
}

/// The options with their files read.
#[derive(Debug)]
pub(crate) struct Known {
    /// What there is.
    pub manifest: Manifest,
    /// What is pinned: by the program (with its own manifest only) and in `lock_path`.
    pub lock: Lock,
    /// The person's lock file.
    pub lock_path: PathBuf,
}

impl AssetOptions {
    /// Reads manifest and locks.
    pub(crate) fn read(&self) -> Result<Known> {
        self.manifest.read(&self.workspace)
    }

    /// What is selected; nothing where no option says.
    pub(crate) fn selection(&self) -> Selection {
        Selection { groups: self.task.clone(), names: self.names.clone(), all: self.all }
    }
}

impl ManifestOptions {
    /// Reads manifest and locks for a workspace.
    pub(crate) fn read(&self, workspace: &Path) -> Result<Known> {
        let (manifest, mut lock) = match &self.manifest {
            None => (Manifest::embedded()?, Lock::parse(LOCK, "data/assets.lock")?),
            Some(path) => {
                let text = files::read_text(path, FILE_LIMIT)?;
                (Manifest::parse(&text, &path.display().to_string())?, Lock::default())
            }
        };
        let lock_path = self.lock.clone().unwrap_or_else(|| workspace.join("data/assets.lock"));
        lock.join(Lock::read(&lock_path)?, &lock_path)?;
        Ok(Known { manifest, lock, lock_path })
    }
}
