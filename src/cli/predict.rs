//! `repro predict`: writes a submission file.

use std::path::PathBuf;

use super::answer_options::{AnswerOptions, AnsweredSplit};
use super::defaults::by_task;
use super::named_inputs::{NamedInput, check_inputs};
use super::output::print_line;
use base::error::Result;
use base::exit;
use base::status;
use data::dataset::python_format::float_repr;
use data::dataset::{self, Task, completeness};
use lxmert_spec::paper::fine_tuning;

/// Write a submission file.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// vqa, gqa or nlvr2
    pub task: Task,
    #[arg(long, value_name = "SPLIT", help = by_task("The split to answer, such as test, submit, hidden", |paper| paper.valid.to_owned()))]
    split: Option<String>,
    /// File to write [default: <workspace>/snap/<task>/<split>_predict.json, .csv for NLVR2]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub answering: AnswerOptions,
}

const AFTER_HELP: &str = "\
Examples:
  repro predict vqa --load workspace/snap/vqa/BEST --split test
  repro predict gqa --load snap/gqa/BEST.pth --model lxr955 --split submit
  repro predict nlvr2 --load a/BEST b/BEST c/BEST --split test    three models, mean of their probabilities

Prints the path of the file, whether it answers every question of the split exactly once, as test servers require, and the
score if the split has labels. The exit code is 5 if the file is incomplete; with --tiny, --fast or --allow-missing-images,
which request a part, this is only a warning.";

impl Args {
    fn split(&self) -> &str {
        self.split.as_deref().unwrap_or(fine_tuning(self.task).valid)
    }

    fn output(&self) -> PathBuf {
        let suffix = if self.task == Task::Nlvr2 { "csv" } else { "json" };
        let name = format!("{}_predict.{suffix}", self.split().replace(',', "_"));
        let folder = || self.answering.data.workspace.join("snap").join(self.task.name());
        self.output.clone().unwrap_or_else(|| folder().join(name))
    }
}

/// Answers the split, writes the file, and checks that it is complete.
pub(crate) fn run(args: Args) -> Result<u8> {
    let (task, output, answering) = (args.task, args.output(), &args.answering);
    check_inputs([NamedInput::OutputFile(&output)])?;
    answering.files()?;
    let (workspace, device) = (&answering.data.workspace, &answering.compute.device);
    let placement = answering.engine.placement("predict", device, workspace)?;
    let AnsweredSplit { data, predictions, facts, .. } =
        answering.answer("predict", task, args.split(), &placement, &output)?;
    print_line(output.display().to_string())?;
    if let Some(together) = answering.ensemble() {
        print_line(together)?;
    }
    let found = completeness(&data, Some(&facts.answers), &predictions);
    if found.complete {
        print_line(found.to_string())?;
    } else if found.only_missing() && answering.is_partial() {
        status!("warning: {} is {found}", output.display());
    } else {
        return Err(found.error(output.display()));
    }
    if data.is_labelled() {
        print_line(float_repr(dataset::score(&data, &predictions)?))?;
    }
    Ok(exit::PASS)
}
