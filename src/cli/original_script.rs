//! `repro bash`: the original's scripts under a command of their own. Other command lines of the original need none.

use std::ffi::OsString;

/// Run a script of the original, translated to commands of this program
///
/// Takes the words that the original's README gives to bash: the script, the GPU's number, a name for the experiment, options. Says
/// which repro command each line means, then runs it. Nothing of the original is run, and none of its files need be here. Its Python
/// programs are taken in the same way: repro python src/tasks/vqa.py …
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The script and its arguments, as the original takes them
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
  repro bash run/gqa_finetune.bash 0 gqa_lxr955 --epochs 2
  repro bash run/vqa_test.bash 0 vqa_results --test test --load snap/vqa/vqa_lxr955/BEST
  repro bash run/lxmert_pretrain.bash 0,1,2,3 --multiGPU --tqdm

Scripts: vqa_finetune.bash, gqa_finetune.bash, nlvr2_finetune.bash, vqa_test.bash, gqa_test.bash, nlvr2_test.bash,
lxmert_pretrain.bash.

An option of this program that the original does not know is passed on as it is. A line that cannot be translated is refused with
the command to use.";

impl Args {
    /// The line as the original has it.
    pub(crate) fn line(self) -> Vec<OsString> {
        std::iter::once(OsString::from("bash")).chain(self.words).collect()
    }
}
