//! `repro all --profile paper --dry-run`: tells what a run would do, without network access and without reading large files.

use std::fmt::Write;

use super::data_stages::room;
use super::inventory::trusts;
use super::needs::Needs;
use super::settings::{PaperSettings, PaperTraining};
use super::training_rate::speed;
use crate::prepare::{self, Step, StepState, StepWork};
use crate::step_times::KeptSteps;
use assets::disk;
use assets::list::{self, Forecast};
use assets::lock::Trust;
use assets::plan::plan;
use assets::rate::Rate as DownloadRate;
use base::error::Result;
use base::format::{grouped, human_bytes, rough_time, rounded_bytes};
use data::dataset::{Scale, Task};
use judge::verdict::published::PublishedResults;
use lxmert_spec::paper::{FineTuningRecipe, PRETRAINED_FILE, fine_tuning};
use lxmert_spec::recipe::TrainingRecipe;

/// Facts of the machine that a forecast is based on.
#[derive(Debug, Clone, Default)]
pub struct ForecastFacts {
    /// Free bytes on the workspace's file system; `None` if unknown.
    pub free: Option<u64>,
    /// Download rate of earlier fetches.
    pub fetching: Option<DownloadRate>,
    /// Measured speeds of training steps.
    pub steps: KeptSteps,
}

impl ForecastFacts {
    /// Collects the facts, besides the measured `steps`.
    ///
    /// # Errors
    /// Infra if the file system cannot be queried.
    pub fn of(settings: &PaperSettings, steps: KeptSteps) -> Result<Self> {
        let (free, fetching) = (Some(disk::free(&settings.workspace)?), DownloadRate::read(&settings.workspace));
        Ok(Self { free, fetching, steps })
    }
}

/// Formats the forecast.
///
/// # Errors
/// Data if the manifest has no source for a file that a task reads.
pub fn page(settings: &PaperSettings, machine: &ForecastFacts, published: &PublishedResults) -> Result<String> {
    let (needs, assets) = (settings.needs()?, &settings.assets);
    let selection = needs.selection();
    let wanted = assets.manifest.select(&selection)?;
    let items = plan(&wanted, &assets.lock, &settings.workspace);
    let steps = prepare::steps(&assets.manifest, &assets.lock, &selection, &settings.prepare())?;
    let tasks: Vec<&str> = settings.tasks.iter().map(|task| task.name()).collect();
    let mut out = format!("What repro all --profile paper would do for {} (nothing is done now)\n", tasks.join(", "));

    heading(&mut out, "1 fetch");
    let (unpacked, stores) = added(&steps);
    let forecast = Forecast { free: machine.free, unpacked, stores, rate: machine.fetching.clone() };
    out += &list::forecast(&items, &settings.workspace, &forecast);

    heading(&mut out, "2 prepare");
    prepared(&mut out, &steps, settings);

    heading(&mut out, "3 train and evaluate");
    let model = &settings.model.name;
    let device = &settings.machine.device;
    let _ = writeln!(out, "{model} from {PRETRAINED_FILE}, BertAdam with warm-up over a tenth of the steps");
    let _ = writeln!(out, "seed {}, on {device}, {}", settings.seed, threads(settings.machine.threads));
    for &task in &settings.tasks {
        trained(&mut out, settings, &needs, &machine.steps, task);
    }

    heading(&mut out, "4 verdict");
    let _ = writeln!(out, "by golden/published.toml: {}", published.source);
    for &task in &settings.tasks {
        judged(&mut out, settings, published, task);
    }
    let _ = writeln!(
        out,
        "one run is judged with an assumed spread; the rule is meant for {} seeds: repro check RUN RUN RUN",
        published.rule.runs
    );
    let trusts = trusts(&needs, &assets.lock, &settings.workspace);
    let unpinned: Vec<&str> =
        trusts.iter().filter(|(_, trust)| *trust == Trust::Unpinned).map(|(asset, _)| asset.name.as_str()).collect();
    if !unpinned.is_empty() {
        let (count, all) = (unpinned.len(), trusts.len());
        let _ = writeln!(
            out,
            "INCONCLUSIVE at best: {count} of {all} files have no published checksum; once they are fetched, pin them:"
        );
        let _ = writeln!(out, "  repro fetch --pin {}", unpinned.join(" "));
    }
    Ok(out)
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "\n{text}\n{}", "-".repeat(text.len()));
}

/// Returns the bytes that unpacking adds, and those of stores and processed files, over all steps that are not done.
fn added(steps: &[Step]) -> (u64, u64) {
    let (mut unpacked, mut others) = (0_u64, 0_u64);
    for step in steps.iter().filter(|step| step.state != StepState::Done) {
        match step.work {
            StepWork::Make { .. } => others = others.saturating_add(step.adds),
            _ => unpacked = unpacked.saturating_add(step.adds),
        }
        others = others.saturating_add(step.adds_store);
    }
    (unpacked, others)
}

fn prepared(out: &mut String, steps: &[Step], settings: &PaperSettings) {
    let (done, to_do): (Vec<_>, Vec<_>) = steps.iter().partition(|step| step.state == StepState::Done);
    if !done.is_empty() {
        let _ = writeln!(out, "{} of {} files are ready", done.len(), steps.len());
    }
    for step in to_do {
        let path = step.place.file().strip_prefix(&settings.workspace).unwrap_or(step.place.file());
        let mut sizes = Vec::new();
        if step.adds > 0 {
            sizes.push(format!("at most {}", rounded_bytes(step.adds)));
        }
        if step.adds_store > 0 {
            sizes.push(format!("its store at most {}", human_bytes(step.adds_store)));
        }
        let _ = writeln!(out, "  {:<6}  {}  {}", step.work.doing(), path.display(), sizes.join(", "));
    }
    if settings.assets.drop_archives {
        let most = human_bytes(room(steps, true));
        let _ = writeln!(out, "each archive is removed after unpacking, so that at most {most}");
        let _ = writeln!(out, "are needed besides the fetched files");
    }
}

fn trained(out: &mut String, settings: &PaperSettings, needs: &Needs, kept: &KeptSteps, task: Task) {
    let training = settings.training(task);
    let TrainingRecipe { epochs, batch_size, lr } = training.recipe;
    let FineTuningRecipe { train, valid, loads_answers, .. } = fine_tuning(task);
    let head = if loads_answers { "encoder and answer head" } else { "encoder" };
    let _ = writeln!(out, "  {task}: train {train}, evaluate {valid} with the best epoch; from the {head}");
    let _ = writeln!(out, "    learning rate {lr:e}, batch {batch_size}, {epochs} epochs: {}", steps(needs, &training));
    let _ = writeln!(out, "    {}", time(settings, needs, kept, &training));
}

/// `632,117 questions / 32 × 4 epochs = 79,012 steps`.
fn steps(needs: &Needs, training: &PaperTraining) -> String {
    let task = training.task;
    match (training.scale, needs.training_examples(task)) {
        (Scale::Full, Some(examples)) => {
            format!("{} examples, {} steps", grouped(examples), grouped(training.recipe.steps(examples)))
        }
        (Scale::Full, None) => "number of steps unknown until the files are fetched".to_owned(),
        _ => "the examples on the first images of each feature file only".to_owned(),
    }
}

fn time(settings: &PaperSettings, needs: &Needs, kept: &KeptSteps, training: &PaperTraining) -> String {
    let Some(speed) = speed(&settings.workspace, training, kept) else {
        return format!(
            "time unknown: no {} was trained or measured here yet; repro bench train measures a step of lxr955",
            training.model.name
        );
    };
    let measured = format!("at {speed}, {}", speed.origin());
    match needs.training_examples(training.task).filter(|_| training.scale == Scale::Full) {
        Some(examples) => {
            let seconds = speed.seconds(examples, training.recipe.epochs);
            format!("{} {measured}, without validation", rough_time(seconds))
        }
        None => measured,
    }
}

fn judged(out: &mut String, settings: &PaperSettings, published: &PublishedResults, task: Task) {
    let Some(golden) = published.task(task.name()) else { return };
    let (headline, range) = (&golden.headline, &golden.range);
    let _ = writeln!(
        out,
        "  {task:<6} {:.2} published ({}); the author expects {:.1}–{:.1} of a retraining ({}); {} items",
        headline.accuracy,
        headline.from,
        range.low,
        range.high,
        range.from,
        grouped(golden.n)
    );
    let deviations: Vec<String> = settings.deviations().into_iter().map(String::from).collect();
    if !deviations.is_empty() {
        let _ = writeln!(out, "         not comparable: {}", deviations.join(", "));
    }
}

fn threads(count: usize) -> String {
    format!("{count} CPU thread{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde_json::json;

    use super::super::needs::tests::MANIFEST;
    use super::super::settings::{Assets, Model};
    use super::*;
    use crate::step_times::tests::measured as step;
    use assets::lock::Lock;
    use assets::manifest::Manifest;
    use base::progress::Silent;
    use data::features::Precision;
    use lxmert_spec::Config;

    fn settings(workspace: &std::path::Path) -> PaperSettings {
        PaperSettings {
            workspace: workspace.to_owned(),
            assets: Assets {
                manifest: Rc::new(Manifest::parse(MANIFEST, "test").unwrap()),
                foreign: false,
                lock: Rc::new(Lock::default()),
                from: None,
                jobs: 3,
                network: Default::default(),
                drop_archives: false,
                observers: Rc::new(|| Box::new(Silent)),
            },
            tasks: Task::ALL.to_vec(),
            model: Model { name: "lxr955".into(), config: json!(Config::lxr955()) },
            scale: Scale::Full,
            precision: Precision::F32,
            seed: 9595,
            machine: super::super::settings::ComputeSettings {
                device: "cpu".into(),
                threads: 2,
                versions: [("libtorch".to_owned(), "2.11.0".to_owned())].into(),
            },
        }
    }

    #[test]
    fn the_plan_of_the_whole_reproduction() {
        let published = PublishedResults::embedded().unwrap();
        let machine = ForecastFacts { free: Some(200_000_000_000), ..ForecastFacts::default() };
        let nowhere = std::path::Path::new("no-such-workspace");
        insta::assert_snapshot!(page(&settings(nowhere), &machine, &published).unwrap());

        let mut trial = settings(nowhere);
        (trial.tasks, trial.scale, trial.precision) = (vec![Task::Nlvr2], Scale::Tiny, Precision::F16);
        trial.model.name = "tiny".into();
        let text = page(&trial, &machine, &published).unwrap();
        assert!(text.contains("not comparable: --model tiny, --tiny, --half-features"), "{text}");
        assert!(!text.contains("coco"), "{text}");

        // The largest archive first: its 17 GB are free again before the next is unpacked.
        let mut frugal = settings(nowhere);
        (frugal.tasks, frugal.assets.drop_archives) = (vec![Task::Vqa], true);
        let text = page(&frugal, &machine, &published).unwrap();
        assert!(text.contains("at most 68.7 GB\n"), "{text}");
    }

    #[test]
    fn the_time_is_that_of_an_earlier_training_of_the_same_model() {
        let place = tempfile::tempdir().unwrap();
        let settings = settings(place.path());
        let training = settings.training(Task::Vqa);
        let finished = |name: &str, training: &PaperTraining, speed: f64| {
            let cache = crate::pipeline::cache::Cache::new(place.path());
            let parameters = json!(training);
            let stage = crate::pipeline::plan::Stage::new("train-vqa", "", 1, |_| Ok(()))
                .volatile(super::super::training_rate::METRICS);
            let parts =
                crate::pipeline::fingerprint::FingerprintParts::new("train-vqa", 1, "host", &parameters, [].into());
            let folder = cache.begin(&stage, name).unwrap();
            let line = json!({ "kind": "epoch", "epoch": 0, "train": 1.0, "valid": 1.0, "best": 1.0, "examples_per_second": speed });
            std::fs::write(folder.join(super::super::training_rate::METRICS), format!("{line}\n")).unwrap();
            cache.finish(&stage, parts, name, &folder, 1.0).unwrap();
        };
        let mut other = training.clone();
        other.machine.threads = 64;
        finished("aa", &other, 900.0);
        // Measured steps count only until a training has ended.
        let kept = kept_at(2.0);
        let speed = |kept: &KeptSteps| speed(place.path(), &training, kept).map(|speed| speed.examples_per_second());
        let page = |kept: KeptSteps| {
            let machine = ForecastFacts { steps: kept, ..ForecastFacts::default() };
            page(&settings, &machine, &PublishedResults::embedded().unwrap()).unwrap()
        };
        assert_eq!(
            (speed(&KeptSteps::default()), speed(&kept)),
            (None, Some(2.0)),
            "with other threads it says nothing"
        );
        let text = page(kept.clone());
        // 632,117 examples, four times, at 2 a second.
        assert!(
            text.contains("    14 days 15 h at 2.0 examples/s, measured 2026-11-30, without validation\n"),
            "{text}"
        );
        finished("bb", &PaperTraining { seed: 1, ..training.clone() }, 20.0);
        assert_eq!(speed(&kept), Some(20.0));
        assert!(page(kept).contains("35 h at 20.0 examples/s, measured in the training that finished"));
        let mut other_model = training.clone();
        other_model.model.config = json!({});
        assert_eq!(super::speed(std::path::Path::new("nowhere"), &other_model, &kept_at(2.0)), None);
    }

    fn kept_at(examples_per_second: f64) -> KeptSteps {
        KeptSteps { steps: vec![step(examples_per_second)], note: None }
    }
}
