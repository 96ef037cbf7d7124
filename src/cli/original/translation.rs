//! What a command line of the original means here.

use crate::cli::stopping::quoted;

/// Where the original's submodule has NLVR2's official files.
pub(crate) const OFFICIAL_NLVR2: &str = "data/nlvr2/nlvr/nlvr2/data";

/// What a translation depends on.
pub(crate) struct Here<'a> {
    /// Whether there is a file or folder of this name, or a checkpoint of it, with the suffix or an ending added.
    pub found: &'a dyn Fn(&str, &str) -> bool,
    /// Our own folder for everything.
    pub workspace: &'a str,
    /// Counts the GPUs that can be used: asked only where a line names one.
    pub gpus: &'a dyn Fn() -> usize,
}

/// What to run, and what to say before.
#[derive(Debug)]
pub(crate) struct Translation {
    pub steps: Vec<Step>,
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Step {
    /// Our own command, without the program's name.
    Repro(Vec<String>),
    /// NLVR2's split files, made of the official ones in the submodule.
    Nlvr2Data,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nlvr2Data => write!(f, "making data/nlvr2/{{train,valid,test}}.json of {OFFICIAL_NLVR2}"),
            Self::Repro(words) => {
                f.write_str("repro")?;
                words.iter().try_for_each(|word| write!(f, " {}", quoted(word)))
            }
        }
    }
}
