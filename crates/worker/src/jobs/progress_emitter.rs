//! Emits the progress of a training of either kind.

use super::job_context::JobContext;
use base::error::Result;
use base::progress::{ProgressTask, TaskStart, Unit};
use lxmert::train::session::TrainObserver;
use lxmert_spec::loading::LoadReport;
use protocol::Event;
use trainings::progress::TrainProgress;

/// A kind of training, which decides how the lines of an epoch are emitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrainingKind {
    /// The lines of an epoch are an event of their own.
    Finetuning,
    /// The lines, which the original prints too, are the result.
    Pretraining,
}

/// Name of the progress task of a whole training.
const TRAIN: &str = "train";

/// Emits the progress of a training.
pub(crate) struct ProgressEmitter<'a> {
    context: &'a JobContext<'a>,
    kind: TrainingKind,
    /// Number of examples of each validation.
    valid: usize,
    /// The whole training; `None` before the first step of this process.
    training: Option<ProgressTask<'a>>,
    validation: Option<ProgressTask<'a>>,
}

impl<'a> ProgressEmitter<'a> {
    /// Returns an emitter for a training that validates on `valid` examples.
    pub(crate) fn new(context: &'a JobContext<'a>, kind: TrainingKind, valid: usize) -> Self {
        Self { context, kind, valid, training: None, validation: None }
    }
}

impl TrainObserver for ProgressEmitter<'_> {
    fn started(&mut self, resumed: bool) -> Result<()> {
        self.context.begin_record(resumed)
    }

    fn step(&mut self, progress: &TrainProgress) {
        self.validation = None;
        let emitter = self.context.emitter;
        let task = self.training.get_or_insert_with(|| ProgressTask::begin(emitter, start(progress)));
        task.at(progress.step, || detail(progress));
    }

    fn validated(&mut self, examples: usize) {
        let (emitter, valid) = (self.context.emitter, self.valid as u64);
        let task = self.validation.get_or_insert_with(|| {
            let start = TaskStart::new("valid", valid, Unit::Examples);
            ProgressTask::begin(emitter, TaskStart { within: Some(TRAIN.to_owned()), ..start })
        });
        task.advance(examples as u64);
    }

    fn lines(&mut self, lines: &str) {
        self.validation = None;
        let emitter = self.context.emitter;
        match self.kind {
            TrainingKind::Finetuning => emitter.emit(&Event::Epoch { text: lines.trim().to_owned() }),
            TrainingKind::Pretraining => emitter.output(lines),
        }
    }

    fn note(&mut self, text: &str) {
        match self.kind {
            TrainingKind::Finetuning => self.context.emitter.message(format_args!("note: {text}")),
            TrainingKind::Pretraining => self.context.emitter.message(text),
        }
    }
}

/// Returns the start of the progress task of all steps; an earlier process took the steps before this one.
fn start(progress: &TrainProgress) -> TaskStart {
    let TrainProgress { step, steps, batch_size, .. } = *progress;
    let task = TaskStart::new(TRAIN, steps, Unit::Steps { examples: batch_size });
    TaskStart { from: step.saturating_sub(1), ..task }
}

/// Returns a text such as `epoch 3, loss 1.2345, accuracy 40.10`.
fn detail(progress: &TrainProgress) -> String {
    let TrainProgress { epoch, loss, score, .. } = *progress;
    let accuracy = score.map(|score| format!(", accuracy {:.2}", score * 100.0)).unwrap_or_default();
    format!("epoch {epoch}, loss {loss:.4}{accuracy}")
}

/// Returns the line about a model's initial weights, which are random with `seed` if none were loaded.
pub(crate) fn first_weights(report: Option<&LoadReport>, seed: u64) -> String {
    report.map_or_else(|| format!("weights: random, seed {seed}"), |report| format!("weights: {report}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_training_starts_at_its_position_in_the_whole_run() {
        let progress = TrainProgress {
            step: 41,
            steps: 100,
            epoch: 2,
            epochs: 5,
            batch_size: 32,
            done: 32,
            examples: 640,
            loss: 1.5,
            score: Some(0.25),
            examples_per_second: 9.0,
        };
        let start = start(&progress);
        assert_eq!((start.from, start.total, start.unit), (40, Some(100), Unit::Steps { examples: 32 }));
        assert_eq!(detail(&progress), "epoch 2, loss 1.5000, accuracy 25.00");
        assert_eq!(detail(&TrainProgress { score: None, ..progress }), "epoch 2, loss 1.5000");
    }
}
