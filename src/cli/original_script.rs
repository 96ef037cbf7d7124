//! `repro bash`: lists the original's scripts in the help. Other command lines of the original need no command of their own.

use std::ffi::OsString;

/// Run a script of the original, translated to commands of this program
///
/// The arguments are those that the original's README passes to bash: the script, the number of the GPU, a name for the experiment,
/// and options. The command prints the repro command that the line means, and runs it. It runs nothing of the original and needs
/// none of its files. The original's Python programs work in the same way: repro python src/tasks/vqa.py …
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The script and its arguments, as in the original
    #[arg(
        value_name = "SCRIPT",
        value_names = ["SCRIPT", "GPU", "NAME", "OPTIONS"],
        num_args = 0..,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

const AFTER_HELP: &str = "\
Examples:
  repro bash run/vqa_finetune.bash 0 vqa_lxr955
  repro bash run/vqa_finetune.bash 0 vqa_lxr955 --device cpu    where there is no GPU
  repro bash run/gqa_finetune.bash 0 gqa_lxr955 --epochs 2
  repro bash run/vqa_test.bash 0 vqa_results --test test --load snap/vqa/vqa_lxr955/BEST
  repro bash run/lxmert_pretrain.bash 0,1,2,3 --multiGPU --tqdm

Scripts: vqa_finetune.bash, gqa_finetune.bash, nlvr2_finetune.bash, vqa_test.bash, gqa_test.bash, nlvr2_test.bash,
lxmert_pretrain.bash.

A GPU that the line names and that is not there is an error. Options of this program that the original does not have, such as
--device cpu, are passed on unchanged. For a line that cannot be translated, the error
names the command to use.";

impl Args {
    /// Returns the original's command line.
    pub(crate) fn line(self) -> Vec<OsString> {
        std::iter::once(OsString::from("bash")).chain(self.words).collect()
    }
}
