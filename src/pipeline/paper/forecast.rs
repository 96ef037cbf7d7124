//! `repro all --profile paper --dry-run`: what a run would do, said without a network and without reading a large file.

use std::fmt::Write;

use super::needs::Needs;
use super::rate::{Rate, measured};
use super::recipe::{self, WEIGHTS};
use super::{Settings, Training};
use crate::assets::disk;
use crate::assets::list::{self, Forecast};
use crate::assets::lock::Trust;
use crate::assets::plan::plan;
use crate::assets::rate::Rate as Fetching;
use crate::dataset::{Scale, Task};
use crate::demo::recipe::TrainingRecipe;
use crate::error::Result;
use crate::human::{grouped, human_bytes, human_seconds, rounded_bytes};
use crate::prepare::{self, State, Step, Work};
use crate::verdict::published::Published;

/// What a forecast rests on beside the settings and what lies in the workspace.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Bytes that are free for the workspace; `None` where nobody knows.
    pub free: Option<u64>,
    /// How fast files arrived so far.
    pub fetching: Option<Fetching>,
}

impl Machine {
    /// As it is now.
    ///
    /// # Errors
    /// Infra where the file system cannot be asked.
    pub fn of(settings: &Settings) -> Result<Self> {
        Ok(Self { free: Some(disk::free(&settings.workspace)?), fetching: Fetching::read(&settings.workspace) })
    }
}

/// The page.
///
/// # Errors
/// Data where the manifest has no source for a file that a task reads.
pub fn page(settings: &Settings, machine: &Machine, published: &Published) -> Result<String> {
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
    let _ = writeln!(out, "{model} from {WEIGHTS}, BertAdam with warm-up over a tenth of the steps");
    let _ = writeln!(out, "seed {}, on {device}, {}", settings.seed, threads(settings.machine.threads));
    for &task in &settings.tasks {
        trained(&mut out, settings, &needs, task);
    }

    heading(&mut out, "4 verdict");
    let _ = writeln!(out, "by golden/published.toml: {}", published.source);
    for &task in &settings.tasks {
        judged(&mut out, settings, published, task);
    }
    let unpinned: Vec<&str> =
        items.iter().filter(|item| item.trust == Trust::Unpinned).map(|item| item.asset.name.as_str()).collect();
    if !unpinned.is_empty() {
        let _ = writeln!(
            out,
            "INCONCLUSIVE at best: {} of {} files have no known checksum; once they are here:\n  repro fetch --pin {}",
            unpinned.len(),
            items.len(),
            unpinned.join(" ")
        );
    }
    Ok(out)
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "\n{text}\n{}", "-".repeat(text.len()));
}

/// Bytes that unpacking adds, and stores and made files, by the steps that are not done.
fn added(steps: &[Step]) -> (u64, u64) {
    let (mut unpacked, mut others) = (0_u64, 0_u64);
    for step in steps.iter().filter(|step| step.state != State::Done) {
        match step.work {
            Work::Make { .. } => others = others.saturating_add(step.adds),
            _ => unpacked = unpacked.saturating_add(step.adds),
        }
        others = others.saturating_add(step.adds_store);
    }
    (unpacked, others)
}

fn prepared(out: &mut String, steps: &[Step], settings: &Settings) {
    let (done, to_do): (Vec<_>, Vec<_>) = steps.iter().partition(|step| step.state == State::Done);
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
        let _ = writeln!(out, "each archive is removed once everything in it is unpacked");
    }
}

fn trained(out: &mut String, settings: &Settings, needs: &Needs, task: Task) {
    let training = settings.training(task);
    let TrainingRecipe { epochs, batch_size, lr } = training.recipe;
    let (train, valid) = task.paper_splits();
    let head = if recipe::loads_answers(task) { "encoder and answer head" } else { "encoder" };
    let _ = writeln!(out, "  {task}: train {train}, evaluate {valid} with the best epoch; from the {head}");
    let _ = writeln!(out, "    learning rate {lr:e}, batch {batch_size}, {epochs} epochs: {}", steps(needs, &training));
    let _ = writeln!(out, "    {}", time(settings, needs, &training));
}

/// `632,117 questions / 32 × 4 epochs = 79,012 steps`.
fn steps(needs: &Needs, training: &Training) -> String {
    let task = training.task;
    match (training.scale, needs.training_examples(task)) {
        (Scale::Full, Some(examples)) => {
            format!("{} examples, {} steps", grouped(examples), grouped(recipe::steps(task, examples)))
        }
        (Scale::Full, None) => "as many steps as the files have examples, which is not known beforehand".to_owned(),
        _ => "the examples on the first images of each feature file only".to_owned(),
    }
}

fn time(settings: &Settings, needs: &Needs, training: &Training) -> String {
    let Some(Rate { examples_per_second, finished }) = measured(&settings.workspace, training) else {
        return format!(
            "time unknown: no {} was trained here yet; repro bench train measures a step on this machine",
            training.model.name
        );
    };
    let measured = format!("at {examples_per_second:.1} examples/s, measured by the training that ended {finished}");
    match needs.training_examples(training.task).filter(|_| training.scale == Scale::Full) {
        Some(examples) => {
            let seconds = examples as f64 * training.recipe.epochs as f64 / examples_per_second;
            format!("{} {measured}, validation not counted", human_seconds(seconds))
        }
        None => measured,
    }
}

fn judged(out: &mut String, settings: &Settings, published: &Published, task: Task) {
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
    let departures = settings.departures();
    if !departures.is_empty() {
        let _ = writeln!(out, "         not comparable: {}", departures.join(", "));
    }
}

fn threads(count: usize) -> String {
    format!("{count} CPU thread{}", if count == 1 { "" } else { "s" })
}
