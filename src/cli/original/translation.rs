//! The translation of a command line of the original.

use crate::cli::interruption::quoted;

/// Folder of NLVR2's official files in the original's submodule.
pub(crate) const OFFICIAL_NLVR2: &str = "data/nlvr2/nlvr/nlvr2/data";

/// The facts about the machine that a translation depends on.
pub(crate) struct TranslationContext<'a> {
    /// Returns whether a file or folder of this name exists, or a checkpoint with the name and this suffix.
    pub found: &'a dyn Fn(&str, &str) -> bool,
    /// The workspace of this program.
    pub workspace: &'a str,
    /// Returns the GPUs that the worker can use, or `None` if there is no worker; called only for a line that names a GPU.
    pub gpus: &'a dyn Fn() -> Option<UsableGpus>,
    /// Value of `CUDA_VISIBLE_DEVICES` in the environment: the numbers of the GPUs that CUDA shows, which it counts from 0.
    pub visible: Option<&'a str>,
}

/// The GPUs that the worker can use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UsableGpus {
    /// Whether its libtorch has CUDA.
    pub cuda: bool,
    /// Why the CUDA library that lies beside libtorch could not be loaded.
    pub cuda_problem: Option<String>,
    /// How many its libtorch sees.
    pub count: usize,
}

/// The commands to run, and notes to print first.
#[derive(Debug)]
pub(crate) struct Translation {
    pub steps: Vec<Step>,
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Step {
    /// Runs a command of this program, given without the program's name.
    Repro(Vec<String>),
    /// Makes NLVR2's split files from the official ones in the submodule.
    Nlvr2Data,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nlvr2Data => write!(f, "make data/nlvr2/{{train,valid,test}}.json from {OFFICIAL_NLVR2}"),
            Self::Repro(words) => {
                f.write_str("repro")?;
                words.iter().try_for_each(|word| write!(f, " {}", quoted(word)))
            }
        }
    }
}
