//! Progress of training and prediction on stderr, for a person who watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::finetune::Observer;
use base::tell;

/// A bar with examples, rate and time left; nothing where stderr is no terminal.
pub fn bar(what: &str, examples: usize) -> ProgressBar {
    const TEMPLATE: &str = "{prefix} [{bar:30}] {pos}/{len} {per_sec}, {eta} left {msg}";
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(examples as u64).with_style(style.progress_chars("=> ")).with_prefix(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// The training loop's progress: a bar an epoch with loss and accuracy, and the lines that log.log gets.
pub struct Training {
    bar: ProgressBar,
    examples: usize,
    valid: usize,
    validating: bool,
    epoch: Option<u64>,
}

impl Training {
    /// For so many training and validation examples.
    pub fn new(examples: usize, valid: usize) -> Self {
        Self { bar: ProgressBar::hidden(), examples, valid, validating: false, epoch: None }
    }
}

impl Observer for Training {
    fn step(&mut self, epoch: u64, done: usize, score: f64, loss: f64) {
        if self.epoch != Some(epoch) {
            self.epoch = Some(epoch);
            self.validating = false;
            self.bar = bar(&format!("epoch {epoch}"), self.examples);
        }
        self.bar.set_position(done as u64);
        self.bar.set_message(format!("loss {loss:.4} accuracy {:.2}", score * 100.0));
    }

    fn validated(&mut self, examples: usize) {
        if !self.validating {
            self.validating = true;
            self.bar.finish_and_clear();
            self.bar = bar("valid", self.valid);
        }
        self.bar.inc(examples as u64);
    }

    fn epoch(&mut self, lines: &str) {
        self.bar.finish_and_clear();
        tell!("{}", lines.trim());
    }

    fn note(&mut self, text: &str) {
        tell!("note: {text}");
    }
}
