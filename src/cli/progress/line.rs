//! Renders the state of a running task as a line or a bar.

use base::format::{grouped, human_bytes, human_seconds};
use base::progress::{Memory, TaskStart, Unit};
use base::sanitize;

/// Columns of the name of a file, so that the bars of several files are aligned.
const FILE_NAME: usize = 20;
/// Minimum width for a bar beside the figures.
const ROOM_FOR_BAR: usize = 60;

/// A running task.
#[derive(Debug, Clone, Default)]
pub(super) struct Task {
    /// The event that started it.
    pub start: TaskStart,
    pub done: u64,
    pub total: Option<u64>,
    pub detail: String,
}

/// Times of a task, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    /// Time since its start.
    pub elapsed: f64,
    /// Part of it during which a task within this one was running.
    pub idle: f64,
}

impl Task {
    /// Returns a line for a log with all figures.
    pub(crate) fn line(&self, times: Times, memory: Option<Memory>) -> String {
        let mut parts = vec![match (self.start.unit, self.total) {
            (Unit::Bytes, Some(total)) => format!("{} of {}", human_bytes(self.done), human_bytes(total)),
            (Unit::Bytes, None) => human_bytes(self.done),
            (Unit::Steps { .. }, Some(total)) => format!("step {} of {}", grouped(self.done), grouped(total)),
            (unit, Some(total)) => format!("{} of {} {}", grouped(self.done), grouped(total), unit.plural()),
            (unit, None) => format!("{} {}", grouped(self.done), unit.plural()),
        }];
        parts.extend(Some(self.detail.clone()).filter(|detail| !detail.is_empty()));
        parts.extend(self.rate(times));
        parts.extend(self.left(times).map(|seconds| format!("{} left", human_seconds(seconds))));
        if let Some(Memory { resident, gpu }) = memory {
            parts.push(format!("memory {}", human_bytes(resident)));
            parts.extend(gpu.map(|bytes| format!("GPU memory {}", human_bytes(bytes))));
        }
        let TaskStart { name, doing, .. } = &self.start;
        let colon = if doing.is_empty() { "" } else { ": " };
        format!("{name}{colon}{doing}: {}", parts.join(", "))
    }

    /// Returns a line of at most `width` columns with a bar and the most important figures.
    pub(crate) fn bar(&self, times: Times, width: usize) -> String {
        let longest = FILE_NAME.min(width / 3);
        let mut text = shortened(&sanitize::line(&self.start.name), longest);
        if self.start.unit == Unit::Bytes {
            text = format!("{text:longest$}");
        }
        if width >= ROOM_FOR_BAR && self.total.is_some() {
            text = format!("{text} {}", graphic(self.share(), width / 8));
        }
        let room = width.saturating_sub(text.chars().count() + 1);
        shortened(&format!("{text} {}", self.figures(times, room)), width)
    }

    /// Returns as many figures as fit into `room` columns.
    fn figures(&self, times: Times, room: usize) -> String {
        let mut text = match (self.start.unit, self.total) {
            (Unit::Bytes, Some(total)) => format!("{}/{}", human_bytes(self.done), human_bytes(total)),
            (Unit::Bytes, None) => human_bytes(self.done),
            (unit, Some(total)) => format!("{}/{} {}", grouped(self.done), grouped(total), unit.plural()),
            (unit, None) => format!("{} {}", grouped(self.done), unit.plural()),
        };
        let left = self.left(times).map(|seconds| format!("{} left", short_seconds(seconds)));
        let details = sanitize::line(&self.detail);
        let details = details.split(", ").filter(|part| !part.is_empty()).map(str::to_owned);
        for part in self.rate(times).into_iter().chain(left).chain(details) {
            if text.chars().count() + 2 + part.chars().count() > room {
                break;
            }
            text = format!("{text}, {part}");
        }
        text
    }

    fn moved(&self) -> f64 {
        self.done.saturating_sub(self.start.from) as f64
    }

    /// Returns the rate with its unit, without idle time; `None` if unknown.
    fn rate(&self, times: Times) -> Option<String> {
        let seconds = times.elapsed - times.idle;
        let rate = self.moved() / seconds;
        if seconds <= 0.0 || rate <= 0.0 {
            return None;
        }
        Some(match self.start.unit {
            Unit::Bytes => format!("{}/s", human_bytes(rate as u64)),
            Unit::Steps { examples } => format!("{} examples/s", decimals(rate * examples as f64)),
            unit => format!("{} {}/s", decimals(rate), unit.plural()),
        })
    }

    /// Returns the seconds left at the average pace so far; `None` if unknown.
    fn left(&self, times: Times) -> Option<f64> {
        let rest = self.total?.saturating_sub(self.done) as f64;
        (self.moved() > 0.0 && times.elapsed > 0.0).then(|| rest * times.elapsed / self.moved())
    }

    fn share(&self) -> f64 {
        let total = self.total.unwrap_or(0).max(1);
        self.done.min(total) as f64 / total as f64
    }
}

/// Returns a bar such as `[====>     ]`.
fn graphic(share: f64, width: usize) -> String {
    let inside = width - 2;
    let full = ((share * inside as f64) as usize).min(inside);
    let head = if full < inside { ">" } else { "" };
    format!("[{:inside$}]", "=".repeat(full) + head)
}

/// Shortens a text to at most `width` characters.
fn shortened(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(1)).chain(['…']).take(width).collect(),
        false => text.to_owned(),
    }
}

fn decimals(rate: f64) -> String {
    match rate {
        100.0.. => grouped(rate.round() as u64),
        10.0.. => format!("{rate:.1}"),
        _ => format!("{rate:.2}"),
    }
}

/// Returns a time such as `45s`, `12m`, `3h05m` or `2d04h`.
fn short_seconds(seconds: f64) -> String {
    let (minutes, hours) = ((seconds / 60.0) as u64, (seconds / 3600.0) as u64);
    match (hours, minutes) {
        (0, 0) => format!("{}s", seconds as u64),
        (0, _) => format!("{minutes}m"),
        (..24, _) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{}d{:02}h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, done: u64, total: impl Into<Option<u64>>, unit: Unit) -> Task {
        let total = total.into();
        Task { start: TaskStart::new(name, total, unit), done, total, detail: String::new() }
    }

    fn seconds(elapsed: f64) -> Times {
        Times { elapsed, idle: 0.0 }
    }

    fn training() -> Task {
        let start = TaskStart { from: 100, ..TaskStart::new("train", 4000, Unit::Steps { examples: 32 }) };
        Task { start, done: 300, total: Some(4000), detail: "epoch 2, loss 1.2345, accuracy 40.10".to_owned() }
    }

    #[test]
    fn a_line_of_a_training_counts_the_whole_run_and_only_what_this_run_did_is_its_rate() {
        // 200 steps in 20 s of steps and 5 s of validation.
        let times = Times { elapsed: 25.0, idle: 5.0 };
        assert_eq!(
            training().line(times, Some(Memory { resident: 2_100_000_000, gpu: Some(3_000_000_000) })),
            "train: step 300 of 4,000, epoch 2, loss 1.2345, accuracy 40.10, 320 examples/s, 7 min 43 s left, memory 2.1 GB, \
             GPU memory 3.0 GB"
        );
    }

    #[test]
    fn lines_of_other_work_name_done_total_rate_and_time_left_with_units() {
        let mut file = task("features", 51_000_000, 101_000_000, Unit::Bytes);
        file.start.from = 1_000_000;
        file.start.doing = "fetch".to_owned();
        for (task, line) in [
            (&file, "features: fetch: 51.0 MB of 101 MB, 5.0 MB/s, 10.0 s left"),
            (&task("build", 5_000_000, None, Unit::Bytes), "build: 5.0 MB, 500 kB/s"),
            (&task("extract", 12, 40, Unit::Images), "extract: 12 of 40 images, 1.20 images/s, 23.3 s left"),
            (
                &task("predict", 1200, 1200, Unit::Examples),
                "predict: 1,200 of 1,200 examples, 120 examples/s, 0.0 s left",
            ),
            (&task("encode", 0, 1200, Unit::Pairs), "encode: 0 of 1,200 pairs"),
        ] {
            assert_eq!(task.line(seconds(10.0), None), line);
        }
        assert_eq!(file.line(Times::default(), None), "features: fetch: 51.0 MB of 101 MB", "no time has passed");
    }

    #[test]
    fn bars_fit_80_and_40_columns() {
        let mut long = task(&"name of a file ".repeat(9), 120_000_000, 1_000_000_000, Unit::Bytes);
        long.detail = "3 of 5 layers".to_owned();
        for (task, wide, narrow) in [
            (
                &training(),
                "train [>       ] 300/4,000 steps, 320 examples/s, 6m left, epoch 2, loss 1.2345",
                "train 300/4,000 steps, 320 examples/s",
            ),
            (
                &long,
                "name of a file name… [>       ] 120 MB/1.0 GB, 6.0 MB/s, 2m left, 3 of 5 layers",
                "name of a fi… 120 MB/1.0 GB, 6.0 MB/s",
            ),
            (
                &task("extracting train", 12, 40, Unit::Images),
                "extracting train [==>     ] 12/40 images, 0.60 images/s, 46s left",
                "extracting t… 12/40 images",
            ),
            (
                &task("a", 5_000_000, None, Unit::Bytes),
                "a                    5.0 MB, 250 kB/s",
                "a             5.0 MB, 250 kB/s",
            ),
        ] {
            for (width, text) in [(80, wide), (40, narrow)] {
                let bar = task.bar(seconds(20.0), width);
                assert!(bar.chars().count() <= width, "{} columns: {bar}", bar.chars().count());
                assert_eq!(bar, text);
            }
            for width in 0..200 {
                assert!(task.bar(seconds(20.0), width).chars().count() <= width, "{width} columns");
            }
        }
    }

    #[test]
    fn a_bar_is_full_at_the_end_and_never_beyond() {
        assert_eq!([0.0, 0.5, 1.0].map(|share| graphic(share, 6)), ["[>   ]", "[==> ]", "[====]"]);
        assert!(task("a", 7, 5, Unit::Examples).bar(seconds(1.0), 80).contains("=]"));
    }

    #[test]
    fn short_times() {
        assert_eq!([9.6, 90.0, 11_100.0, 187_200.0].map(short_seconds), ["9s", "1m", "3h05m", "2d04h"]);
    }
}
