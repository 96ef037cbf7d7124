//! The pre-training loop (src/pretrain/lxmert_pretrain.py @ 0db1182), which can stop after any step and go on exactly.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::batches::{self, Feed, training_stream, validation_stream};
use super::data::Examples;
use super::settings::{Begin, Best, Outcome, Settings};
use super::step::{Measuring, Rule, Stepper, WARMUP};
use super::sums::Sums;
use super::weights;
use crate::dataset::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::files;
use crate::lxrt::{Pass, PretrainingModel};
use crate::signals::AtWork;
use crate::train::appended::Appended;
use crate::train::batches::shuffled;
use crate::train::snapshot::{self, Next, Snapshots};

/// Folder of the snapshots below the output.
const SNAPSHOTS: &str = "snapshots";
/// The end of a run, below the output.
const OUTCOME: &str = "outcome.json";
/// The largest such file that is read.
const LARGEST: u64 = 1 << 20;

/// Hears about the run as it goes.
pub trait Observer {
    /// After each step: examples done in this epoch, and the batch's loss.
    fn step(&mut self, epoch: u64, done: usize, loss: f64);
    /// Validation goes over so many more examples.
    fn validated(&mut self, examples: usize);
    /// Lines that log.log gets too.
    fn lines(&mut self, lines: &str);
    /// Something worth knowing.
    fn note(&mut self, note: &str);
}

/// Where a run is, after a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Position {
    epoch: u64,
    sums: Sums,
    best: Option<Best>,
    log: u64,
    metrics: u64,
}

/// The end of a run, as it is written.
#[derive(Serialize, Deserialize)]
struct Ended {
    outcome: Outcome,
    run: std::collections::BTreeMap<String, Value>,
}

/// Pre-trains `model`, validating after each epoch. Data order, masking and dropout depend on the seed alone.
///
/// # Errors
/// What cannot be trained; a loss that is not finite; a signal, after a snapshot.
pub fn run(
    model: &PretrainingModel,
    tokenizer: &Tokenizer,
    train: &Examples,
    valid: Option<&Examples>,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    settings.check(train, valid)?;
    let output = &settings.output;
    std::fs::create_dir_all(output).map_err(|e| Error::io("create the folder", output, &e))?;
    let at_work = AtWork::begin()?;
    let mut snapshots = Snapshots::new(output.join(SNAPSHOTS), settings.every, settings.identity.clone());
    let left = match begin(&mut snapshots, settings, observer)? {
        Left::Ended(outcome) => return Ok(outcome),
        Left::Snapshot(left) => left,
    };
    let per_epoch = settings.steps_per_epoch(train) as u64;
    let total = per_epoch * settings.epochs;
    let rule = Rule { tasks: settings.description.tasks, lr: settings.lr, seed: settings.seed, total };
    let mut stepper = Stepper::new(model, train.sentences, rule);
    let resumed = left.is_some();
    let mut position = Position::default();
    if let Some(left) = left {
        stepper.restore(left.step, &left.tensors)?;
        position = left.position;
        observer.note(&format!("going on after step {} of {total}", left.step));
    }
    let mut run = Run {
        model,
        tokenizer,
        train,
        valid,
        settings,
        log: Appended::open(&output.join("log.log"), Some(position.log))?,
        metrics: Appended::open(&output.join("metrics.jsonl"), Some(position.metrics))?,
        stepper,
        snapshots,
        at_work,
        position,
    };
    if !resumed {
        let warm = (total as f64 * WARMUP) as u64;
        run.say(&format!("Batch per epoch: {per_epoch}\nTotal Iters: {total}\nWarm up Iters: {warm}\n"), observer)?;
    }
    run.epochs(per_epoch, observer)
}

enum Left {
    Ended(Outcome),
    Snapshot(Option<snapshot::Snapshot<Position>>),
}

/// Looks at what an earlier run has left, and removes it where this one begins anew.
fn begin(snapshots: &mut Snapshots, settings: &Settings, observer: &mut dyn Observer) -> Result<Left> {
    let ended = settings.output.join(OUTCOME);
    match settings.begin {
        Begin::New if snapshots.any()? => {
            return Err(Error::usage(format!("a run that has not ended is in {}", settings.output.display()))
                .next("pass --resume to go on, --restart to begin anew, or name another --output"));
        }
        Begin::New | Begin::Restart => {
            snapshots.clear()?;
            match std::fs::remove_file(&ended) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("remove", &ended, &e)),
                _ => {}
            }
        }
        Begin::Resume if ended.exists() => {
            let text = files::read_text(&ended, LARGEST)?;
            let found: Ended = serde_json::from_str(&text)
                .map_err(|e| Error::data(format!("{} is damaged", ended.display())).because(e))?;
            if found.run != settings.identity.run {
                return Err(Error::usage(format!("another run has ended in {}", settings.output.display()))
                    .next("name another --output, or begin anew with --restart"));
            }
            snapshots.clear()?;
            observer.note(&format!("this run has ended: {}", ended.display()));
            return Ok(Left::Ended(found.outcome));
        }
        Begin::Resume => {
            let found = snapshots.newest(&mut |warning| observer.note(warning))?;
            if found.is_none() {
                observer.note("there is no snapshot to go on from: beginning");
            }
            return Ok(Left::Snapshot(found));
        }
    }
    Ok(Left::Snapshot(None))
}

/// A run in progress.
struct Run<'a> {
    model: &'a PretrainingModel,
    tokenizer: &'a Tokenizer,
    train: &'a Examples<'a>,
    valid: Option<&'a Examples<'a>>,
    settings: &'a Settings,
    stepper: Stepper<'a>,
    snapshots: Snapshots,
    log: Appended,
    metrics: Appended,
    at_work: AtWork,
    position: Position,
}

impl<'a> Run<'a> {
    fn epochs(mut self, per_epoch: u64, observer: &mut dyn Observer) -> Result<Outcome> {
        let Settings { output, pth, description, .. } = self.settings;
        let tasks = description.tasks;
        let mut outcome = Outcome { steps: 0, train_loss: 0.0, valid_loss: None, best: None };
        while self.position.epoch < self.settings.epochs {
            let epoch = self.position.epoch;
            let (started, before) = (Instant::now(), self.position.sums.batches);
            self.epoch(per_epoch, observer)?;
            let examples = (per_epoch - before) as f64 * self.settings.batch_size as f64;
            let speed = examples / started.elapsed().as_secs_f64();
            // A run stopped while it validates goes on from here.
            self.mark()?;
            let title = format!("The training loss for Epoch {epoch}");
            self.say(&self.position.sums.lines(&title, tasks), observer)?;
            let valid = self.validate(observer)?;
            let mut best = self.position.best;
            if let Some(sums) = &valid {
                self.say(&sums.lines("The valid loss", tasks), observer)?;
                if best.is_none_or(|best| sums.loss() < best.loss) {
                    best = Some(Best { loss: sums.loss(), epoch });
                    weights::save(self.model, output, "BEST_EVAL_LOSS", description, *pth)?;
                }
            }
            weights::save(self.model, output, &format!("Epoch{:02}", epoch + 1), description, *pth)?;
            self.measure(&json!({
                "kind": "epoch",
                "epoch": epoch,
                "train": self.position.sums.metrics(tasks),
                "valid": valid.as_ref().map(|sums| sums.metrics(tasks)),
                "best": best,
                "examples_per_second": speed,
            }))?;
            self.metrics.flush()?;
            let train_loss = self.position.sums.loss();
            let steps = self.stepper.steps();
            outcome = Outcome { steps, train_loss, valid_loss: valid.map(|sums| sums.loss()), best };
            self.position = Position { epoch: epoch + 1, best, ..Position::default() };
        }
        let ended = Ended { outcome: outcome.clone(), run: self.settings.identity.run.clone() };
        let text =
            serde_json::to_string_pretty(&ended).map_err(|e| Error::bug("a run's end cannot be written").because(e))?;
        (self.log.mark()?, self.metrics.mark()?);
        files::write_bytes(&output.join(OUTCOME), format!("{text}\n").as_bytes())?;
        self.snapshots.clear()?;
        Ok(outcome)
    }

    /// Takes the steps of the epoch that are still to be taken.
    fn epoch(&mut self, per_epoch: u64, observer: &mut dyn Observer) -> Result<()> {
        let (epoch, done) = (self.position.epoch, self.position.sums.batches);
        if done == per_epoch {
            return Ok(());
        }
        let size = self.settings.batch_size;
        let order = shuffled(self.train.sampler.len(), self.settings.seed, epoch);
        let feed = self.feed(self.train, training_stream(epoch), size, self.settings.accumulate);
        std::thread::scope(|scope| {
            for ready in batches::stream(scope, feed, order, done as usize, true) {
                let Some(step) = self.stepper.part(&ready?)? else { continue };
                let names = self.settings.description.tasks.names().into_iter();
                let losses: serde_json::Map<String, Value> =
                    names.zip(&step.measured.losses).map(|(name, loss)| (name.to_owned(), (*loss).into())).collect();
                self.measure(&json!({
                    "kind": "step",
                    "step": self.stepper.steps(),
                    "loss": step.measured.loss,
                    "losses": losses,
                    "grad_norm": step.grad_norm,
                    "lr": step.lr,
                }))?;
                self.position.sums.add(&step.measured, &self.train.sentences.data);
                observer.step(epoch, self.position.sums.batches as usize * size, step.measured.loss);
                match self.snapshots.next(self.stepper.steps(), &self.at_work) {
                    Next::Step => {}
                    next => {
                        self.mark()?;
                        self.snapshot()?;
                        if let Next::Stop(signal) = next {
                            return Err(self.stopped(signal));
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// The losses on the validation data, on which masking is drawn anew after each epoch.
    fn validate(&mut self, observer: &mut dyn Observer) -> Result<Option<Sums>> {
        let Some(valid) = self.valid else { return Ok(None) };
        let feed = self.feed(valid, validation_stream(self.position.epoch), self.settings.eval_batch_size, 1);
        let order = (0..valid.sampler.len()).collect();
        let tasks = self.settings.description.tasks;
        let mut sums = Sums::default();
        std::thread::scope(|scope| {
            for ready in batches::stream(scope, feed, order, 0, false) {
                let ready = ready?;
                let mut measuring = Measuring::default();
                tch::no_grad(|| drop(measuring.add(self.model, &ready, tasks, Pass::EVAL)));
                sums.add(&measuring.finish(tasks, ready.counts), &valid.sentences.data);
                observer.validated(ready.examples.len());
                if let Some(signal) = self.at_work.asked_by() {
                    self.snapshot()?;
                    return Err(self.stopped(signal));
                }
            }
            Ok(Some(sums))
        })
    }

    fn feed(&self, examples: &'a Examples<'a>, stream: u64, batch_size: usize, parts: usize) -> Feed<'a> {
        Feed {
            tokenizer: self.tokenizer,
            examples,
            lenders: self.train,
            seed: self.settings.seed,
            stream,
            batch_size,
            parts,
            tasks: self.settings.description.tasks,
            device: self.model.parameters().device(),
        }
    }

    /// Remembers how long the logs are after the last step.
    fn mark(&mut self) -> Result<()> {
        (self.position.log, self.position.metrics) = (self.log.mark()?, self.metrics.mark()?);
        Ok(())
    }

    /// Writes where the run is after the last step, the logs being as long as they were at the last mark.
    fn snapshot(&mut self) -> Result<()> {
        self.snapshots.write(self.stepper.steps(), &self.position, &self.stepper.state())
    }

    fn stopped(&self, signal: i32) -> Error {
        snapshot::stopped(signal, self.stepper.steps(), self.snapshots.folder())
    }

    fn say(&mut self, lines: &str, observer: &mut dyn Observer) -> Result<()> {
        observer.lines(lines);
        self.log.write(lines.as_bytes())?;
        self.log.flush()
    }

    fn measure(&mut self, line: &Value) -> Result<()> {
        self.metrics.write(format!("{line}\n").as_bytes())
    }
}
