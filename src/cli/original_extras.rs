//! Options of the original's programs that have nothing to do here: accepted, so that its command lines work, and said.

use base::status;

/// `--tqdm`, `--multiGPU`, `--numWorkers` (src/param.py @ 0db1182); not in the help.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct OriginalExtras {
    /// A progress bar: there always is one.
    #[arg(long, hide = true)]
    pub tqdm: bool,
    /// Several GPUs.
    #[arg(long = "multiGPU", hide = true)]
    pub multi_gpu: bool,
    /// Processes that read data; any text, as in the original.
    #[arg(long = "numWorkers", hide = true, value_name = "N")]
    pub num_workers: Option<String>,
}

impl OriginalExtras {
    /// What was given and has no effect here, in one line with the reasons; none where nothing was given.
    pub(crate) fn note(&self) -> Option<String> {
        let all = [
            (self.tqdm, "--tqdm (progress is always shown)"),
            (self.multi_gpu, "--multiGPU (one device is used)"),
            (self.num_workers.is_some(), "--numWorkers (batches are always made ready beside the model)"),
        ];
        let given: Vec<&str> = all.into_iter().filter_map(|(given, what)| given.then_some(what)).collect();
        (!given.is_empty()).then(|| format!("note: without effect here: {}", given.join(", ")))
    }

    /// Prints [`note`](Self::note) to stderr.
    pub(crate) fn say(&self) {
        if let Some(note) = self.note() {
            status!("{note}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        extras: OriginalExtras,
    }

    #[test]
    fn what_has_no_effect_is_said_in_one_line() {
        let note = |line: &str| Program::parse_from(line.split(' ')).extras.note();
        assert_eq!(note("p"), None);
        assert_eq!(note("p --tqdm").unwrap(), "note: without effect here: --tqdm (progress is always shown)");
        let all = note("p --multiGPU --numWorkers 4 --tqdm").unwrap();
        assert!(["--tqdm (", "--multiGPU (", "--numWorkers ("].iter().all(|part| all.contains(part)), "{all}");
        assert!(!all.contains('\n'));
    }
}
