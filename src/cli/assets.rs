//! Options that `fetch`, `verify` and `prepare` share: which files, and what is known of them.

use std::path::PathBuf;

use clap::Args;

use crate::assets::lock::Lock;
use crate::assets::manifest::{Manifest, Selection};
use crate::error::Result;
use crate::files;

/// The manifest compiled into the program.
const MANIFEST: &str = include_str!("../../data/assets.toml");
/// The pins compiled into the program.
const LOCK: &str = include_str!("../../data/assets.lock");
const FILE_LIMIT: u64 = 4 << 20;

/// Which files, and where they lie.
#[derive(Debug, Args)]
pub struct AssetOptions {
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
    /// Another manifest than the one compiled in (data/assets.toml)
    #[arg(long, value_name = "FILE", help_heading = "Manifest")]
    pub manifest: Option<PathBuf>,
    /// Where pinned checksums are kept [default: <workspace>/data/assets.lock]
    #[arg(long, value_name = "FILE", help_heading = "Manifest")]
    pub lock: Option<PathBuf>,
}

/// The options with their files read.
#[derive(Debug)]
pub struct Known {
    /// What there is.
    pub manifest: Manifest,
    /// What is pinned: by the program (with its own manifest only) and in `lock_path`.
    pub lock: Lock,
    /// The pins of `lock_path` alone.
    pub own: Lock,
    /// The person's lock file.
    pub lock_path: PathBuf,
}

impl AssetOptions {
    /// Reads manifest and locks.
    pub fn read(&self) -> Result<Known> {
        let (manifest, mut lock) = match &self.manifest {
            None => (Manifest::parse(MANIFEST, "data/assets.toml")?, Lock::parse(LOCK, "data/assets.lock")?),
            Some(path) => {
                let text = files::read_text(path, FILE_LIMIT)?;
                (Manifest::parse(&text, &path.display().to_string())?, Lock::default())
            }
        };
        let lock_path = self.lock.clone().unwrap_or_else(|| self.workspace.join("data/assets.lock"));
        let own = Lock::read(&lock_path)?;
        lock.join(own.clone(), &lock_path)?;
        Ok(Known { manifest, lock, own, lock_path })
    }

    /// What is selected; nothing where no option says.
    pub fn selection(&self) -> Selection {
        Selection { groups: self.task.clone(), names: self.names.clone(), all: self.all }
    }
}
