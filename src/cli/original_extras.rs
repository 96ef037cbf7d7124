//! Options of the original's programs that have no effect here. They are accepted, so that its command lines work, with a note.

use base::status;

/// `--tqdm`, `--multiGPU` and `--numWorkers` (src/param.py @ 0db1182), which the help does not list.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct OriginalExtras {
    /// Progress bar, which is always shown.
    #[arg(long, hide = true)]
    pub tqdm: bool,
    /// Several GPUs.
    #[arg(long = "multiGPU", hide = true)]
    pub multi_gpu: bool,
    /// Number of processes that read data; any text, as in the original.
    #[arg(long = "numWorkers", hide = true, value_name = "N")]
    pub num_workers: Option<String>,
}

impl OriginalExtras {
    /// Returns one line with the given options and why each has no effect; `None` if none was given.
    pub(crate) fn note(&self) -> Option<String> {
        let all = [
            (self.tqdm, "--tqdm (progress is always shown)"),
            (self.multi_gpu, "--multiGPU (one device is used)"),
            (self.num_workers.is_some(), "--numWorkers (batches are always prepared in the background)"),
        ];
        let given: Vec<&str> = all.into_iter().filter_map(|(given, what)| given.then_some(what)).collect();
        (!given.is_empty()).then(|| format!("note: ignored here: {}", given.join(", ")))
    }

    /// Prints [`note`](Self::note) to stderr.
    pub(crate) fn print_note(&self) {
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
    fn options_without_effect_are_noted_in_one_line() {
        let note = |line: &str| Program::parse_from(line.split(' ')).extras.note();
        assert_eq!(note("p"), None);
        assert_eq!(note("p --tqdm").unwrap(), "note: ignored here: --tqdm (progress is always shown)");
        let all = note("p --multiGPU --numWorkers 4 --tqdm").unwrap();
        assert!(["--tqdm (", "--multiGPU (", "--numWorkers ("].iter().all(|part| all.contains(part)), "{all}");
        assert!(!all.contains('\n'));
    }
}
