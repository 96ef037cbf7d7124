//! What a person sees of a pre-training: the original's lines on stdout, bars and notes on stderr.

use indicatif::ProgressBar;

use super::run::Observer;
use crate::train::progress::bar;
use base::tell;

/// Lines on stdout, everything else on stderr.
pub struct Shown {
    bar: ProgressBar,
    examples: usize,
    valid: usize,
    epoch: Option<u64>,
    validating: bool,
}

impl Shown {
    /// For so many training and validation examples.
    pub fn new(examples: usize, valid: usize) -> Self {
        Self { bar: ProgressBar::hidden(), examples, valid, epoch: None, validating: false }
    }
}

impl Observer for Shown {
    fn step(&mut self, epoch: u64, done: usize, loss: f64) {
        if self.epoch != Some(epoch) || self.validating {
            (self.epoch, self.validating) = (Some(epoch), false);
            self.bar.finish_and_clear();
            self.bar = bar(&format!("epoch {epoch}"), self.examples);
        }
        self.bar.set_position(done as u64);
        self.bar.set_message(format!("loss {loss:.4}"));
    }

    fn validated(&mut self, examples: usize) {
        if !self.validating {
            self.validating = true;
            self.bar.finish_and_clear();
            self.bar = bar("valid", self.valid);
        }
        self.bar.inc(examples as u64);
    }

    fn lines(&mut self, lines: &str) {
        self.bar.suspend(|| base::stdout::print(lines));
    }

    fn note(&mut self, note: &str) {
        self.bar.suspend(|| tell!("{note}"));
    }
}
