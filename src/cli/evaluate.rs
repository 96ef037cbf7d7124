//! `repro evaluate`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::engine::{Touched, run_inside};
use super::predict::Answering;
use crate::dataset::nlvr2_official::{self, Nlvr2Gold};
use crate::dataset::{self, Prediction, Task, TaskData};
use crate::error::{Error, Result};
use crate::exit;

/// Score a model or a predictions file.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// vqa, gqa or nlvr2
    pub task: Task,
    /// The labelled split to score on
    #[arg(long, value_name = "SPLIT", required_unless_present = "examples")]
    pub split: Option<String>,
    /// Score this predictions file instead of running a model
    #[arg(long, value_name = "FILE", conflicts_with = "load")]
    pub predictions: Option<PathBuf>,
    /// NLVR2: the official examples (one JSON object a line) to score --predictions on; balanced and unbalanced subsets work too
    #[arg(long, value_name = "FILE", requires = "predictions", conflicts_with = "split")]
    pub examples: Option<PathBuf>,
    /// NLVR2: also score each linguistic category of the official annotated examples
    #[arg(long, value_name = "FILE")]
    pub categories: Option<PathBuf>,
    /// text or json
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    #[command(flatten)]
    answering: Answering,
}

/// Form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a person.
    Text,
    /// One JSON object.
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  repro evaluate vqa --load workspace/snap/vqa/BEST --split minival
  repro evaluate gqa --predictions testdev_predict.json --split testdev
  repro evaluate nlvr2 --predictions valid_predict.csv --examples nlvr/nlvr2/data/dev.json

NLVR2 prints accuracy and consistency as the official metrics do.";

/// Scores and prints.
pub fn run(args: Args) -> Result<u8> {
    let task = args.task;
    if task != Task::Nlvr2 && (args.examples.is_some() || args.categories.is_some()) {
        return Err(
            Error::usage("--examples and --categories are NLVR2's official files").next("name a split with --split")
        );
    }
    let split = args.split.as_deref().unwrap_or_default();
    let (data, device) = (&args.answering.data, &args.answering.compute.device);
    if let Some(place) = args.answering.engine.place(device)? {
        let mut reads: Vec<PathBuf> =
            [&args.predictions, &args.examples, &args.categories].into_iter().flatten().cloned().collect();
        match &args.answering.load {
            Some(load) => reads.extend(args.answering.ready(task, split, load)?),
            None => reads.push(data.data_root()),
        }
        return run_inside("evaluate", &place, device, &data.workspace, &Touched { reads, ..Touched::default() });
    }
    let (data, predictions) = match (&args.predictions, &args.answering.load) {
        (Some(file), _) => {
            let data = match args.examples {
                Some(_) => None,
                None => Some(TaskData::load(task, &args.answering.data.data_root(), split)?),
            };
            (data, dataset::read_predictions(task, file)?)
        }
        (None, Some(load)) => {
            let (questions, predictions) = args.answering.answer(task, split, load)?;
            (Some(questions.data), predictions)
        }
        (None, None) => {
            return Err(Error::usage("there is nothing to score").next("pass --load MODEL or --predictions FILE"));
        }
    };
    let mut result = json!({ "task": task.name(), "predictions": predictions.len() });
    if let Some(data) = &data {
        result["split"] = json!(data.splits.join(","));
        result["examples"] = json!(data.examples.len());
        result["score"] = json!(dataset::score(data, &predictions)?);
    }
    if task == Task::Nlvr2 {
        official(&args, data.as_ref(), &predictions, &mut result)?;
    }
    match args.format {
        Format::Json => println!("{result}"),
        Format::Text => print!("{}", text(&result)),
    }
    Ok(exit::PASS)
}

/// Adds NLVR2's official figures to the result.
fn official(args: &Args, data: Option<&TaskData>, predictions: &[Prediction], result: &mut Value) -> Result<()> {
    let gold: Vec<Nlvr2Gold> = match (&args.examples, data) {
        (Some(file), _) => nlvr2_official::read_nlvr2_gold(file)?,
        (None, Some(data)) => nlvr2_official::nlvr2_gold(data)?,
        (None, None) => return Err(Error::bug("NLVR2 is scored without examples")),
    };
    let score = nlvr2_official::nlvr2_official(&gold, predictions)?;
    result["accuracy"] = json!(score.accuracy());
    result["correct"] = json!(score.correct);
    result["examples"] = json!(score.examples);
    result["consistency"] = json!(score.consistency());
    result["consistent"] = json!(score.consistent);
    result["groups"] = json!(score.groups);
    if let Some(file) = &args.categories {
        let categories = nlvr2_official::nlvr2_categories(file, &gold, predictions)?;
        result["categories"] = json!(
            categories
                .categories
                .iter()
                .map(|(name, correct, of)| json!({"category": name, "correct": correct, "examples": of}))
                .collect::<Vec<_>>()
        );
    }
    Ok(())
}

fn text(result: &Value) -> String {
    let mut out = String::new();
    let percent = |value: &Value| value.as_f64().unwrap_or_default() * 100.0;
    if result["accuracy"].is_null() {
        out += &format!("accuracy {:.2} on {} predictions\n", percent(&result["score"]), result["predictions"]);
    } else {
        out += &format!(
            "accuracy {:.2} ({} of {})\n",
            percent(&result["accuracy"]),
            result["correct"],
            result["examples"]
        );
        out += &format!(
            "consistency {:.2} ({} of {} groups)\n",
            percent(&result["consistency"]),
            result["consistent"],
            result["groups"]
        );
    }
    for category in result["categories"].as_array().into_iter().flatten() {
        let (correct, of) = (category["correct"].as_f64().unwrap_or(0.0), category["examples"].as_f64().unwrap_or(0.0));
        let name = category["category"].as_str().unwrap_or_default();
        out += &format!("  {name}: {:.2} ({correct} of {of})\n", correct / of.max(1.0) * 100.0);
    }
    out
}
