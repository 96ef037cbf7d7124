//! What is said while a training goes on, whichever it is.

use base::error::Result;
use lxmert::train::session::Observer;
use lxmert_spec::loading::LoadReport;
use protocol::{Event, Unit};
use trainings::progress::TrainProgress;

use super::work::Work;

/// Whose lines are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingKind {
    /// An epoch's lines are an event of their own.
    Finetuning,
    /// The original's lines are the result.
    Pretraining,
}

/// Tells how a training goes.
pub struct Telling<'a> {
    work: &'a Work<'a>,
    kind: TrainingKind,
    /// Examples that are validated after each epoch.
    valid: usize,
    /// Examples validated since the epoch's last step.
    validated: Option<usize>,
    epoch: Option<u64>,
}

impl<'a> Telling<'a> {
    /// Of a training that is validated on so many examples.
    pub fn new(work: &'a Work<'a>, kind: TrainingKind, valid: usize) -> Self {
        Self { work, kind, valid, validated: None, epoch: None }
    }
}

impl Observer for Telling<'_> {
    fn started(&mut self, resumed: bool) -> Result<()> {
        self.work.begin_record(resumed)
    }

    fn step(&mut self, progress: &TrainProgress) {
        let TrainProgress { epoch, done, examples, loss, score, .. } = *progress;
        let emitter = self.work.emitter;
        if self.epoch != Some(epoch) {
            (self.epoch, self.validated) = (Some(epoch), None);
            emitter.pass(&format!("epoch {epoch}"), examples, Unit::Examples);
        }
        let accuracy = score.map(|score| format!(" accuracy {:.2}", score * 100.0)).unwrap_or_default();
        emitter.at(done, format!("loss {loss:.4}{accuracy}"));
    }

    fn validated(&mut self, examples: usize) {
        let emitter = self.work.emitter;
        let before = self.validated.unwrap_or_else(|| {
            emitter.pass("valid", self.valid as u64, Unit::Examples);
            0
        });
        self.validated = Some(before + examples);
        emitter.at((before + examples) as u64, "");
    }

    fn lines(&mut self, lines: &str) {
        let emitter = self.work.emitter;
        match self.kind {
            TrainingKind::Finetuning => {
                emitter.passed();
                emitter.say(&Event::Epoch { text: lines.trim().to_owned() });
            }
            TrainingKind::Pretraining => emitter.printed(lines),
        }
    }

    fn note(&mut self, text: &str) {
        match self.kind {
            TrainingKind::Finetuning => self.work.emitter.said(format_args!("note: {text}")),
            TrainingKind::Pretraining => self.work.emitter.said(text),
        }
    }
}

/// Returns the line about a model's first weights, which `seed` has drawn if nothing was loaded.
pub fn first_weights(report: Option<&LoadReport>, seed: u64) -> String {
    report.map_or_else(|| format!("weights: random, seed {seed}"), |report| format!("weights: {report}"))
}
