//! How a run deviates from the protocol of the golden file that judges it. Another seed is no deviation.

use serde_json::{Map, Value, json};

use super::golden::{Content, GoldenFile};
use crate::evidence::journal;
use crate::evidence::result::{FeatureRecord, ResultRecord, TrainingRecord};
use crate::evidence::run::{RunEvidence, TaskEvidence};
use crate::grade::vocabulary::published_vocabulary;
use crate::verdict::deviation::Deviation;
use crate::verdict::golden::GoldenRuns;
use crate::verdict::published::PublishedResults;
use crate::verdict::runs::other_split;
use base::error::{Error, Result};
use data::dataset::Task;
use lxmert_spec::Config;
use lxmert_spec::demo::DemoRecipe;
use lxmert_spec::paper::{self, FineTuningRecipe};
use lxmert_spec::recipe::TrainingRecipe;

/// Maximum number of weights that a sentence names.
const NAMED: usize = 3;

/// Returns the deviations of a result from a golden file; `run` is what the journal says of the run that it belongs to.
///
/// # Errors
/// Data if the recipe of the golden file is wrong.
pub(crate) fn deviations(
    golden: &Content,
    run: Option<&journal::RunRecord>,
    found: &TaskEvidence,
) -> Result<Vec<Deviation>> {
    let ResultRecord { task, splits, n, left_out, examples, training, features, without, models, .. } = &found.record;
    let mut all: Vec<Deviation> = Vec::new();
    if let Some(TrainingRecord { not_loaded, should_load, .. }) = training.as_ref().filter(|t| !t.not_loaded.is_empty())
    {
        let of = if *should_load > 0 { format!(" of {should_load}") } else { String::new() };
        let named: Vec<&str> = not_loaded.iter().take(NAMED).map(String::as_str).collect();
        let more = not_loaded.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let what = match (not_loaded.len(), *should_load) {
            (1, 0 | 1) => "weight was",
            (1, _) => "weights was",
            _ => "weights were",
        };
        all.push(Deviation::new(
            format!("{}{of} {what} not loaded at the start: {}{more}", not_loaded.len(), named.join(", ")),
            "train again from a checkpoint that has every weight, without --allow-missing",
        ));
    }
    if *left_out > 0 {
        all.push(Deviation::new(
            format!("{left_out} of {examples} examples left out for want of features{}", held(features)),
            "complete the feature file (repro features inspect FILE says what it holds) and evaluate again, without \
             --allow-missing-images",
        ));
    }
    let unanswered = examples.saturating_sub(n.saturating_add(*left_out));
    if unanswered > 0 {
        all.push(Deviation::new(
            format!("{unanswered} of {examples} examples have no prediction"),
            "evaluate predictions for the whole split, without --allow-missing-predictions",
        ));
    }
    if let Some(count) = training.as_ref().map(|training| training.left_out).filter(|count| *count > 0) {
        all.push(Deviation::new(
            format!("{count} training examples left out for want of features"),
            "complete the feature file (repro features inspect FILE says what it holds) and train again, without \
             --allow-missing-images",
        ));
    }
    if let Some(modality) = without {
        all.push(Deviation::new(
            format!("answered without {modality} (--ablate {modality})"),
            "evaluate it again without --ablate",
        ));
    }
    if models.len() > 1 {
        all.push(Deviation::new(format!("{} models answered together", models.len()), "evaluate each model by itself"));
    }
    if let Some(file) = features.iter().find(|file| file.precision != "f32") {
        all.push(Deviation::new(
            format!("features in half precision ({})", file.of),
            "evaluate it with full features: in another --workspace, without --half-features",
        ));
    }
    match (golden, training) {
        (Content::Published(_) | Content::Recorded(_), None) => {
            all.push(Deviation::new(
                "how its weights were trained is not known: no outcome.json lies beside them",
                "evaluate the weights in the folder that their training wrote, where its outcome.json lies",
            ));
        }
        (Content::Published(published), Some(training)) => {
            let options = options(training.options.clone().into_iter().collect());
            all.extend(of_settings(published, *task, &options)?);
            all.extend(of_vocabulary(found.record.vocabulary.as_deref())?);
        }
        (Content::Recorded(golden), Some(training)) if golden.profile == "demo" => {
            all.extend(of_demo(
                &recipe(golden)?,
                (*task, splits),
                &options(training.options.clone().into_iter().collect()),
                run,
            ));
        }
        _ => {}
    }
    for told in run.map(|run| run.departures.as_slice()).unwrap_or_default() {
        if !all.iter().any(|known| known.what.contains(&told.what)) {
            all.push(told.clone());
        }
    }
    Ok(all)
}

/// Returns how a run's result deviates from the protocol of its profile: the demo's own for a run of the demo, else the paper's.
///
/// # Errors
/// Data if the run names a profile that this program does not have.
pub fn from_protocol(run: &RunEvidence, found: &TaskEvidence) -> Result<Vec<Deviation>> {
    deviations(&GoldenFile::of_profile(run.profile())?.content, run.journal.as_ref(), found)
}

/// Returns how the options of a fine-tuning deviate from the paper's, whether or not it has a result.
///
/// # Errors
/// A bug if the embedded golden file is wrong.
pub fn from_paper(task: Task, options: Map<String, Value>) -> Result<Vec<Deviation>> {
    let options = self::options(options);
    match GoldenFile::load("published")?.content {
        Content::Published(published) => of_settings(&published, task, &options),
        _ => Ok(Vec::new()),
    }
}

/// Returns the deviations from what was published that the options of a training show.
fn of_settings(published: &PublishedResults, task: Task, options: &Map<String, Value>) -> Result<Vec<Deviation>> {
    let mut all = published.task(task.name()).map(|of| of.deviations(options)).unwrap_or_default();
    all.extend(of_switches(options).into_iter().map(Deviation::from));
    all.extend(of_model(options, &Config::preset(paper::MODEL)?, paper::MODEL).map(Deviation::from));
    Ok(all)
}

/// Returns how many images the files of features hold.
fn held(features: &[FeatureRecord]) -> String {
    let files: Vec<String> = features.iter().map(|file| format!("{} holds {} images", file.of, file.images)).collect();
    if files.is_empty() { String::new() } else { format!(" ({})", files.join(", ")) }
}

/// Returns the options of a training with the splits that it was trained on under the option that names them.
fn options(mut options: Map<String, Value>) -> Map<String, Value> {
    let splits = options.get("training data").and_then(|data| data.get("splits")).cloned();
    if let (false, Some(splits)) = (options.contains_key("--train"), splits) {
        options.insert("--train".to_owned(), splits);
    }
    options
}

/// Returns the options in use that no published run had.
fn of_switches(options: &Map<String, Value>) -> Vec<String> {
    let is_on = |name: &str| options.get(name).is_some_and(|value| *value == json!(true));
    let mut all: Vec<String> =
        ["--tiny", "--fast", "--mce-loss"].into_iter().filter(|name| is_on(name)).map(str::to_owned).collect();
    let without = options.get("training data").and_then(|data| data.get("without")).and_then(Value::as_str);
    all.extend(without.map(|modality| format!("trained without {modality} (--ablate {modality})")));
    let features = options.get("training data").and_then(|data| data.get("features")?.as_array());
    let halves = features.into_iter().flatten().filter(|file| file["precision"] != "f32").count();
    if halves > 0 {
        all.push("trained on features in half precision (--half-features)".to_owned());
    }
    all
}

/// Returns the deviation of a model of other sizes, ignoring sizes that the data decide.
fn of_model(options: &Map<String, Value>, config: &Config, name: &str) -> Option<String> {
    let model = options.get("model")?.as_object()?;
    let expected = serde_json::to_value(config).ok()?;
    let differs = |(size, value): &(&String, &Value)| {
        expected.get(size.as_str()).is_some_and(|expected| expected != *value)
            && !["vocab_size", "visual_feat_dim"].contains(&size.as_str())
    };
    let other: Vec<String> = model
        .iter()
        .filter(differs)
        .map(|(size, value)| format!("{size} {value} for {}", expected[size.as_str()]))
        .collect();
    (!other.is_empty()).then(|| format!("not the model {name}: {}", other.join(", ")))
}

/// Returns the deviation of a tokenizer with another vocabulary than that of the published models. Results of older versions name
/// no vocabulary and pass.
fn of_vocabulary(sha256: Option<&str>) -> Result<Option<Deviation>> {
    let published = published_vocabulary()?;
    let other = sha256.filter(|sha256| *sha256 != published);
    Ok(other.map(|sha256| {
        Deviation::new(
            format!("another vocabulary than bert-base-uncased's (SHA-256 {sha256}, not {published})"),
            "train and evaluate with the published vocab.txt: repro fetch bert-vocab",
        )
    }))
}

/// Returns the recipe of the recorded runs in a golden file of the demo.
///
/// # Errors
/// Data if the recipe is invalid.
pub fn recipe(golden: &GoldenRuns) -> Result<DemoRecipe> {
    match &golden.recipe {
        None => DemoRecipe::embedded(),
        Some(table) => DemoRecipe::parse(&table.to_string())
            .map_err(|e| Error::data("the golden file's recipe is wrong").because(e)),
    }
}

fn other_recipe() -> Deviation {
    Deviation::new(
        "another recipe than the recorded runs' (--recipe)",
        "judge it by runs of its own recipe: repro all --profile demo --recipe … --seeds 10 --record FILE",
    )
}

/// Returns the deviations of a run of the demo from runs with this recipe.
fn of_demo(
    recipe: &DemoRecipe,
    (task, splits): (Task, &str),
    options: &Map<String, Value>,
    run: Option<&journal::RunRecord>,
) -> Vec<Deviation> {
    let mut all: Vec<Deviation> = Vec::new();
    let FineTuningRecipe { train, valid, .. } = paper::fine_tuning(task);
    if splits != valid {
        all.push(other_split(splits, valid));
    }
    let drawn = run.and_then(|run| run.parameters("scenes")).filter(|drawn| !drawn.is_null());
    match drawn {
        Some(drawn) if *drawn != json!(recipe) => all.push(other_recipe()),
        None if run.is_some() => all.push("its recipe is not recorded (the stage scenes of run.json)".into()),
        _ => {}
    }
    let TrainingRecipe { epochs, batch_size, lr } = recipe.training.of(task);
    for (name, recorded) in [
        ("--epochs", json!(epochs)),
        ("--batch-size", json!(batch_size)),
        ("--lr", json!(lr)),
        ("--optim", json!(paper::OPTIM)),
        ("--train", json!(train)),
    ] {
        match options.get(name) {
            Some(given) if *given != recorded => {
                all.push(format!("{name} {}, recorded {}", bare(given), bare(&recorded)).into());
            }
            None => all.push(format!("{name} is not known, recorded {}", bare(&recorded)).into()),
            _ => {}
        }
    }
    all.extend(of_switches(options).into_iter().map(Deviation::from));
    all.extend(of_model(options, &Config::demo(), "demo").map(Deviation::from));
    all
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(options: Value) -> TaskEvidence {
        let options = serde_json::from_value(options).unwrap();
        let mut record = crate::evidence::result::tests::sample();
        record.training = Some(TrainingRecord { options, ..TrainingRecord::default() });
        record.vocabulary = Some(published_vocabulary().unwrap());
        TaskEvidence { record, folder: "x".into(), baselines: Vec::new(), metrics: None }
    }

    fn of(golden: &Content, found: &TaskEvidence) -> Vec<String> {
        let line = |Deviation { what, next }| next.map_or(what.clone(), |next| format!("{what}; next: {next}"));
        deviations(golden, None, found).unwrap().into_iter().map(line).collect()
    }

    fn published(found: &TaskEvidence) -> String {
        of(&GoldenFile::load("published").unwrap().content, found).join("\n")
    }

    #[test]
    fn a_faithful_run_has_no_deviation() {
        let options = json!({ "task": "vqa", "--lr": 5e-5, "--epochs": 4, "--batch-size": 32, "--optim": "bert",
            "--seed": 1, "start": { "--load-lxmert-qa": "model" }, "--tiny": false, "--mce-loss": false,
            "model": Config::lxr955(), "training data": { "splits": "train,nominival", "without": null, "features": [] } });
        assert_eq!(published(&found(options.clone())), "");
        let mut older = found(options);
        older.record.vocabulary = None;
        assert_eq!(published(&older), "");
        let recipe = DemoRecipe::embedded().unwrap().training.vqa;
        let minival = |mut found: TaskEvidence| {
            found.record.splits = "minival".into();
            found
        };
        let demo = json!({ "--lr": recipe.lr, "--epochs": recipe.epochs, "--batch-size": recipe.batch_size, "--optim": "bert",
            "model": Config::demo(), "training data": { "splits": "train,nominival" } });
        let content = GoldenFile::load("demo").unwrap().content;
        assert_eq!(of(&content, &minival(found(demo))), [""; 0]);
        let other = json!({ "--lr": 0.1, "--train": "train" });
        let other = of(&content, &minival(found(other)));
        assert_eq!(
            other,
            [
                format!("--epochs is not known, recorded {}", recipe.epochs),
                format!("--batch-size is not known, recorded {}", recipe.batch_size),
                format!("--lr 0.1, recorded {}", recipe.lr),
                "--optim is not known, recorded bert".into(),
                "--train train, recorded train,nominival".into()
            ]
        );
    }

    #[test]
    fn every_deviation_is_a_sentence() {
        let mut run = found(json!({ "--lr": 1e-3, "--tiny": true, "start": { "--from-scratch": true },
            "model": Config::tiny(), "training data": { "splits": "train", "without": "vision", "features": [{ "precision": "f16" }] } }));
        let training = run.record.training.as_mut().unwrap();
        training.not_loaded = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        (training.should_load, training.left_out) = (474, 9);
        (run.record.left_out, run.record.examples) = (12, 15);
        run.record.without = Some("language".into());
        run.record.vocabulary = Some("07".into());
        run.record.features = vec![FeatureRecord {
            of: "val2014_obj36.tsv".into(),
            images: 1,
            boxes: 36,
            width: 2048,
            precision: "f16".into(),
            sha256: String::new(),
        }];
        insta::assert_snapshot!(published(&run));
        run.record.training = None;
        assert!(published(&run).contains("no outcome.json lies beside them"));
    }
}
