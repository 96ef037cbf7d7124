//! `repro evaluate`: scores a model or predictions files.

use std::path::{Path, PathBuf};

use super::answer_options::{AnswerOptions, AnsweredSplit, AnsweringModel};
use super::assets::OutputFormat;
use super::defaults::by_task;
use super::named_inputs::{NamedInput, check_inputs};
use super::output::print_line;
use super::scores::{Nlvr2References, ScoreReport, score_predictions};
use crate::answers;
use base::cleanup::TemporaryFolder;
use base::error::{Error, Result};
use base::exit;
use base::host::HostFacts;
use base::status;
use data::dataset::answers::LabelTable;
use data::dataset::nlvr2_official::{self, Nlvr2Gold};
use data::dataset::{self, Completeness, Prediction, Task, TaskData};
use judge::evidence::result::ModelRecord;
use judge::evidence::write::{EvaluationFiles, write_evaluation};
use lxmert_spec::paper::fine_tuning;
use trainings::examples;

/// Score a model or predictions files, or check whether predictions are complete
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// vqa, gqa or nlvr2
    pub task: Task,
    #[arg(long, value_name = "SPLIT", help = by_task(SPLIT, |paper| paper.valid.to_owned()))]
    pub split: Option<String>,
    /// Score these predictions files, each by itself, instead of running a model
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "load")]
    pub predictions: Vec<PathBuf>,
    /// Score --predictions even if they answer only a part of the split
    #[arg(long, requires = "predictions")]
    pub allow_missing_predictions: bool,
    /// NLVR2: score --predictions on these official examples (one JSON object per line)
    #[arg(long, value_name = "FILE", requires = "predictions", conflicts_with = "split")]
    pub examples: Option<PathBuf>,
    /// NLVR2: also score a part of the split, such as the official balanced or unbalanced examples: balanced=FILE. Can be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = named)]
    pub subset: Vec<(String, PathBuf)>,
    /// NLVR2: also score each linguistic category of these official annotated examples
    #[arg(long, value_name = "FILE")]
    pub categories: Option<PathBuf>,
    /// Also write predictions, items.jsonl and result.json into this folder, for `repro check` and `repro regrade`
    #[arg(long, value_name = "DIR", conflicts_with = "examples")]
    pub output: Option<PathBuf>,
    /// What to print: text, or one line of JSON for each file
    #[arg(long, value_enum, default_value = "text")]
    pub format: OutputFormat,
    #[command(flatten)]
    answering: AnswerOptions,
}

const SPLIT: &str =
    "The split. It is scored if it has labels; any split is checked for questions without exactly one answer";

const AFTER_HELP: &str = "\
Examples:
  repro evaluate vqa --load workspace/snap/vqa/BEST                            on minival, as in the paper
  repro evaluate vqa --load workspace/snap/vqa/BEST --output runs/vqa-1
  repro evaluate gqa --load a/BEST b/BEST --average logits                     an ensemble of two models
  repro evaluate gqa --predictions testdev_predict.json
  repro evaluate vqa --predictions test_predict.json --split test              check that it is complete
  repro evaluate nlvr2 --predictions a.csv b.csv --examples nlvr/nlvr2/data/dev.json
  repro evaluate nlvr2 --load workspace/snap/nlvr2/BEST --subset balanced=balanced_dev.json \\
      --subset unbalanced=unbalanced_dev.json --categories annotated_dev_examples.txt

For NLVR2, accuracy and consistency are printed as by the official metrics. If predictions answer only a part of the split,
nothing is scored and the exit code is 5, unless --allow-missing-predictions is passed.";

fn named(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err(format!("{text:?} is not NAME=FILE, such as balanced=balanced_dev.json")),
    }
}

/// Scores and prints.
pub(crate) fn run(args: Args) -> Result<u8> {
    let (task, answering) = (args.task, &args.answering);
    if task != Task::Nlvr2 && (args.examples.is_some() || args.categories.is_some() || !args.subset.is_empty()) {
        return Err(Error::usage(format!("--examples, --subset and --categories are for nlvr2, not {task}"))
            .next("choose the split with --split"));
    }
    if args.predictions.is_empty() && answering.load.is_empty() {
        return Err(Error::usage("there is nothing to score").next("pass --load MODEL or --predictions FILE"));
    }
    if args.output.is_some() && args.predictions.len() > 1 {
        return Err(Error::usage("--output holds the result of one predictions file, not of several")
            .next("run the command once for each file, with its own --output"));
    }
    let split = args.split.as_deref().unwrap_or(fine_tuning(task).valid);
    check_files(&args)?;
    let (workspace, device) = (&answering.data.workspace, &answering.compute.device);
    let mut results = Vec::new();
    if args.predictions.is_empty() {
        answering.files()?;
        let placement = answering.engine.placement("evaluate", device, workspace)?;
        let place = TemporaryFolder::new(None).map_err(|e| Error::io("write in", &std::env::temp_dir(), &e))?;
        let file = place.path().join("answers");
        let answered = answering.answer("evaluate", task, split, &placement, &file)?;
        if let Some(folder) = &args.output {
            write_evaluation(folder, model_evaluation(&answered, answering)?)?;
        }
        let AnsweredSplit { data, predictions, facts, .. } = answered;
        let mut gold = official(&args, Some(&data))?;
        if answering.is_partial() {
            gold.retain_answered(&predictions);
        }
        let mut result = score_predictions(Some((&data, Some(&facts.answers))), &gold, &predictions)?;
        result.models.clone_from(&answering.load);
        result.ensemble = answering.ensemble();
        results.push(result);
    } else {
        // No worker runs, so the options are only checked.
        answering.engine.container_options(device)?;
        let data = match args.examples {
            Some(_) => None,
            None => Some(TaskData::load(task, &answering.data.data_root(), split)?),
        };
        let answers = table(task, &answering.data.data_root())?;
        let all = official(&args, data.as_ref())?;
        for file in &args.predictions {
            let predictions = dataset::read_predictions(task, file)?;
            let against = data.as_ref().map(|data| (data, answers.as_deref()));
            let mut gold = all.clone();
            if args.allow_missing_predictions {
                gold.retain_answered(&predictions);
            } else if let Some((data, answers)) = against.filter(|(data, _)| data.is_labelled()) {
                refuse_part(&dataset::completeness(data, answers, &predictions), file)?;
            }
            let scored = score_predictions(against, &gold, &predictions);
            let mut result = scored.map_err(|error| error.while_doing(format!("cannot score {}", file.display())))?;
            if let (Some(folder), Some(data)) = (&args.output, &data) {
                write_evaluation(folder, file_evaluation(data, &predictions))?;
            }
            result.file = Some(file.display().to_string());
            results.push(result);
        }
    }
    for result in &results {
        match args.format {
            OutputFormat::Json => print_line(result.json()?.to_string())?,
            OutputFormat::Text => print_line(result.text(results.len() > 1).trim_end())?,
        }
    }
    verdict(&results, answering.is_partial() || args.allow_missing_predictions)
}

/// Checks that predictions answer the whole split; the accuracy of a part could be mistaken for the split's.
///
/// # Errors
/// Data if a prediction is missing.
fn refuse_part(found: &Completeness, file: &Path) -> Result<()> {
    match found.missing.count {
        0 => Ok(()),
        _ => Err(found.error(file.display()).next(
            "score a file that answers every question, or pass --allow-missing-predictions to score the answered part",
        )),
    }
}

/// Returns the evaluation files of models that answered.
fn model_evaluation<'a>(answered: &'a AnsweredSplit, answering: &AnswerOptions) -> Result<EvaluationFiles<'a>> {
    let AnsweredSplit { data, predictions, models, facts } = answered;
    let record = |AnsweringModel { file, parameters, origin }: &AnsweringModel| -> Result<ModelRecord> {
        let sha256 = match &origin.sha256 {
            Some(sha256) => sha256.clone(),
            None => checkpoint::folder::sha256(file)?,
        };
        let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(ModelRecord { file, sha256, parameters: *parameters })
    };
    let ablation = answering.data.ablate.and_then(|ablation| serde_json::to_value(ablation).ok());
    Ok(EvaluationFiles {
        data,
        predictions,
        left_out: facts.left_out,
        models: models.iter().map(record).collect::<Result<_>>()?,
        training: models.first().and_then(|model| model.origin.training.clone()),
        vocabulary: Some(facts.vocabulary.clone()),
        without: ablation.and_then(|name| name.as_str().map(str::to_owned)),
        features: answers::features(facts),
        environment: answers::machine(facts),
    })
}

/// Returns the evaluation files of a predictions file, whose origin is unknown.
fn file_evaluation<'a>(data: &'a TaskData, predictions: &'a [Prediction]) -> EvaluationFiles<'a> {
    EvaluationFiles {
        data,
        predictions,
        left_out: 0,
        models: Vec::new(),
        training: None,
        vocabulary: None,
        without: None,
        features: Vec::new(),
        environment: HostFacts::here().into(),
    }
}

/// Warns about incomplete predictions if they could be scored or if only a part was requested.
///
/// # Errors
/// Data for all other incomplete predictions: without labels, completeness is the result.
fn verdict(results: &[ScoreReport], in_part: bool) -> Result<u8> {
    let mut wrong = None;
    for result in results {
        let Some(found) = result.complete.as_ref().filter(|found| !found.complete) else { continue };
        let name = result.file.clone().unwrap_or_else(|| "the set of answers".to_owned());
        if result.score.is_some() || (found.only_missing() && in_part) {
            status!("warning: {name} is {found}");
        } else {
            let error = found.error(name);
            wrong = Some(match wrong {
                None => error,
                Some(before) => error.because(before),
            });
        }
    }
    wrong.map_or(Ok(exit::PASS), Err)
}

/// Checks the named files before a model answers.
fn check_files(args: &Args) -> Result<()> {
    let files = args.predictions.iter().chain(&args.examples).chain(&args.categories);
    let files = files.chain(args.subset.iter().map(|(_, file)| file)).map(|file| NamedInput::Text(file.clone()));
    check_inputs(files.chain(args.output.as_deref().map(NamedInput::OutputFolder)))
}

/// Returns the possible answers; `None` for VQA and GQA if the answer table is missing, without which a predictions file can still
/// be scored.
fn table(task: Task, data_root: &Path) -> Result<Option<Vec<String>>> {
    if task == Task::Nlvr2 {
        return Ok(Some(examples::answers(None)));
    }
    if !data_root.join(task.name()).join("trainval_label2ans.json").is_file() {
        return Ok(None);
    }
    let table = if task == Task::Vqa { LabelTable::vqa(data_root)? } else { LabelTable::gqa(data_root)? };
    Ok(Some(examples::answers(Some(&table))))
}

/// Returns NLVR2's official examples and files; empty for other tasks and for a split without labels.
fn official(args: &Args, data: Option<&TaskData>) -> Result<Nlvr2References> {
    let gold: Option<Vec<Nlvr2Gold>> = match (&args.examples, data) {
        (Some(file), _) => Some(nlvr2_official::read_nlvr2_gold(file)?),
        (None, Some(data)) if data.task == Task::Nlvr2 && data.is_labelled() => Some(nlvr2_official::nlvr2_gold(data)?),
        _ => None,
    };
    let subsets = args
        .subset
        .iter()
        .map(|(name, file)| Ok((name.clone(), nlvr2_official::read_nlvr2_gold(file)?)))
        .collect::<Result<_>>()?;
    Ok(Nlvr2References { gold, subsets, categories: args.categories.clone() })
}
