//! The classes of files that can be removed.

use std::path::PathBuf;

/// A class of files, by why they can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Class {
    /// Feature stores whose TSV is here
    Stores,
    /// Published feature TSVs that have a complete, checked store
    Tsv,
    /// Finished stages that no run links to, or that hold no result
    Cache,
    /// Snapshots of trainings that have finished
    Snapshots,
    /// Snapshots of trainings that have NOT finished, which cannot resume then
    Unfinished,
    /// What failed stages had written
    Failed,
    /// Partial downloads, damaged downloads that were set aside, temporary files
    Partial,
    /// Archives whose whole content is unpacked
    Archives,
    /// libtorch, as ci/setup fetched it
    Libtorch,
}

impl Class {
    /// All classes, as they are listed.
    pub const ALL: [Self; 9] = [
        Self::Stores,
        Self::Tsv,
        Self::Archives,
        Self::Partial,
        Self::Cache,
        Self::Failed,
        Self::Snapshots,
        Self::Unfinished,
        Self::Libtorch,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stores => "stores",
            Self::Tsv => "tsv",
            Self::Cache => "cache",
            Self::Snapshots => "snapshots",
            Self::Unfinished => "unfinished",
            Self::Failed => "failed",
            Self::Partial => "partial",
            Self::Archives => "archives",
            Self::Libtorch => "libtorch",
        }
    }

    /// What is in it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Stores => "feature stores whose TSV is here",
            Self::Tsv => "published TSVs with a complete, checked store",
            Self::Cache => "finished stages that no run links to, or that hold no result",
            Self::Snapshots => "snapshots of finished trainings",
            Self::Unfinished => "snapshots of unfinished trainings, which cannot resume without them",
            Self::Failed => "what failed stages had written",
            Self::Partial => "partial downloads and temporary files",
            Self::Archives => "archives whose whole content is unpacked",
            Self::Libtorch => "libtorch that ci/setup fetched; installed programs do not need it",
        }
    }

    /// How a person has it again.
    pub fn again(self) -> &'static str {
        match self {
            Self::Stores => "the next training builds the store from its TSV; so does repro prepare",
            Self::Tsv => "training reads the store alone; repro fetch and repro prepare bring the TSV back",
            Self::Cache => "the next repro all makes what it needs",
            Self::Snapshots => "nothing needs them: the trainings have finished",
            Self::Unfinished => "train from the beginning: repro train … --restart",
            Self::Failed => "the next repro all starts these stages from scratch",
            Self::Partial => "repro fetch starts these downloads from the beginning",
            Self::Archives => "repro fetch NAME",
            Self::Libtorch => "ci/setup fetches it; programs in the target folder do not start without it",
        }
    }
}

/// Something that goes as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Why it can go.
    pub class: Class,
    /// The file or folder; for a download, all files of it.
    pub paths: Vec<PathBuf>,
    /// Bytes of all files in it.
    pub bytes: u64,
    pub(super) guard: Guard,
}

/// What keeps other commands away while it is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Guard {
    /// The lock of the workspace's runs, which is held in any case.
    Workspace,
    /// The lock of a training's folder.
    Training(PathBuf),
    /// The claim of a published file; for an archive, its receipt gets a note.
    Claim { claim: PathBuf, archive: Option<String> },
}
