//! What a person or a script sees while files are fetched, verified and prepared.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use super::style::style;
use assets::event::{Event, Observer};
use assets::lock::Trust;
use base::human::{human_bytes, human_seconds};
use base::tell;
use base::{plain, stdout};

/// Without a terminal, a file that is at work says so this often.
const EVERY: Duration = Duration::from_secs(30);
/// The same for scripts.
const EVERY_JSON: Duration = Duration::from_secs(1);
const FILE: &str =
    "{msg:24!} {decimal_bytes:>9} of {decimal_total_bytes:9} [{wide_bar}] {decimal_bytes_per_sec:>11} {eta:>4} left";
const FILE_OF_UNKNOWN_SIZE: &str = "{msg:24!} {decimal_bytes:>9} {spinner} {decimal_bytes_per_sec:>11}";

/// Shows events: results on stdout, everything else on stderr. On a terminal a bar for each file at work and one for all;
/// elsewhere plain lines; for scripts one line of JSON for each event, on stdout.
pub struct Display {
    form: Form,
    /// Stdout belongs to other results.
    beside: bool,
    state: Mutex<State>,
}

enum Form {
    Json,
    Lines,
    Bars(MultiProgress),
}

#[derive(Default)]
struct State {
    /// When scripts were last told of a file's progress.
    told: BTreeMap<String, Instant>,
    files: BTreeMap<String, File>,
    total: Option<ProgressBar>,
    /// Bytes that are to come in all, as far as anybody knows.
    expected: u64,
    /// What failed, in full.
    failures: Vec<String>,
    /// Bytes of files that are done or given up, in the total.
    ended: u64,
}

struct File {
    bar: ProgressBar,
    doing: &'static str,
    from: u64,
    done: u64,
    total: Option<u64>,
    began: Instant,
    said: Instant,
}

impl Display {
    /// JSON, or what suits stderr.
    pub fn new(json: bool) -> Self {
        let form = match json {
            true => Form::Json,
            false if std::io::stderr().is_terminal() => {
                Form::Bars(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
            }
            false => Form::Lines,
        };
        Self { form, beside: false, state: Mutex::default() }
    }

    /// What suits stderr, for a command whose results are others: all goes there.
    pub fn beside() -> Self {
        let mut display = Self::new(false);
        display.beside = true;
        display
    }

    /// So many bytes are to come in all, those of files that are not begun included.
    pub fn expect(&self, bytes: u64) {
        self.state().expected = bytes;
    }

    /// Prints a line of results on stdout, above the bars.
    pub fn result(&self, line: &str) {
        match self.beside {
            true => self.above(|| tell!("{line}")),
            false => self.above(|| stdout::line(&plain::lines(line))),
        }
    }

    /// Prints a line on stderr, above the bars; nothing where scripts read.
    pub fn say(&self, line: &str) {
        if !matches!(self.form, Form::Json) {
            self.above(|| tell!("{line}"));
        }
    }

    fn above(&self, print: impl FnOnce()) {
        match &self.form {
            Form::Bars(bars) => bars.suspend(print),
            Form::Lines | Form::Json => print(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Progress of a file that scripts were told of a moment ago.
    fn is_too_soon(&self, event: &Event) -> bool {
        let Event::Progress { name, .. } = event else { return false };
        let mut state = self.state();
        if state.told.get(name).is_some_and(|told| told.elapsed() < EVERY_JSON) {
            return true;
        }
        state.told.insert(name.clone(), Instant::now());
        false
    }

    fn started(&self, name: &str, doing: &'static str, source: &str, total: Option<u64>, from: u64) {
        let mut state = self.state();
        let again = state.files.remove(name);
        let bar = match (&self.form, again) {
            (_, Some(known)) => known.bar,
            (Form::Bars(bars), None) => {
                let all = state.total.get_or_insert_with(|| total_bar(bars));
                bars.insert_before(all, ProgressBar::no_length())
            }
            _ => ProgressBar::hidden(),
        };
        dress(&bar, name, total);
        bar.set_position(from);
        bar.reset_eta();
        let now = Instant::now();
        state.files.insert(name.to_owned(), File { bar, doing, from, done: from, total, began: now, said: now });
        drop(state);
        if matches!(self.form, Form::Lines) {
            let resumed = if from > 0 { format!(", from {}", human_bytes(from)) } else { String::new() };
            let size = total.map_or_else(String::new, |total| format!(" ({})", human_bytes(total)));
            tell!("{name}: {doing}{resumed}: {source}{size}");
        }
    }

    fn progress(&self, name: &str, done: u64, total: Option<u64>) {
        let mut state = self.state();
        let Some(file) = state.files.get_mut(name) else { return };
        (file.done, file.total) = (done, total);
        if let Some(total) = total.filter(|total| file.bar.length() != Some(*total)) {
            dress(&file.bar, name, Some(total));
        }
        file.bar.set_position(done);
        if matches!(self.form, Form::Lines) && file.said.elapsed() >= EVERY {
            file.said = Instant::now();
            tell!("{name}: {}: {}", file.doing, file.text());
        }
        state.show_total();
    }

    /// Nothing more happens to a file.
    pub fn ended(&self, name: &str) {
        let mut state = self.state();
        if let Some(file) = state.files.remove(name) {
            state.ended = state.ended.saturating_add(file.done.saturating_sub(file.from));
            file.bar.finish_and_clear();
        }
        state.show_total();
    }
}

impl Drop for Display {
    /// Removes the bars. Of several failures each is told in full; a single one is the error that the command ends with.
    fn drop(&mut self) {
        let state = self.state();
        state.files.values().map(|file| &file.bar).chain(&state.total).for_each(ProgressBar::finish_and_clear);
        if state.failures.len() > 1 {
            state.failures.iter().for_each(|failure| tell!("{failure}"));
        }
    }
}

impl Observer for Display {
    fn event(&self, event: &Event) {
        if matches!(self.form, Form::Json) {
            if self.is_too_soon(event) {
                return;
            }
            // An event holds nothing that JSON could refuse.
            if let Ok(line) = serde_json::to_string(event) {
                stdout::line(&line);
            }
            return;
        }
        match event {
            Event::Started { name, doing, source, total, from } => self.started(name, doing, source, *total, *from),
            Event::Progress { name, done, total } => self.progress(name, *done, *total),
            Event::Waiting { name, why, seconds } => {
                let long = seconds.map_or_else(String::new, |seconds| format!(" for {}", human_seconds(seconds)));
                self.say(&format!("{name}: waiting{long}: {why}"));
            }
            Event::Note { name, text } => self.say(&format!("{name}: {text}")),
            Event::Done { name, outcome, size, sha256, trust, seconds, transferred } => {
                self.ended(name);
                self.result(&done(name, outcome, *size, sha256, *trust, *seconds, *transferred));
            }
            Event::Failed { name, said: true, .. } => self.ended(name),
            Event::Failed { name, error, class, said: false } => {
                self.ended(name);
                self.say(&format!("{name}: {class}: {}", error.lines().next().unwrap_or_default()));
                self.state().failures.push(error.clone());
            }
        }
    }
}

impl State {
    fn show_total(&self) {
        let Some(bar) = &self.total else { return };
        let (mut done, mut total) = (self.ended, self.ended);
        for file in self.files.values() {
            let begun = file.done.saturating_sub(file.from);
            done = done.saturating_add(begun);
            total = total.saturating_add(file.total.map_or(begun, |total| total.saturating_sub(file.from)));
        }
        bar.set_length(total.max(self.expected));
        bar.set_position(done);
        bar.set_message(format!("total, {} at work", self.files.len()));
    }
}

impl File {
    /// `120 MB of 1.0 GB, 11 MB/s, 1 min 20 s left`.
    fn text(&self) -> String {
        let mut text = human_bytes(self.done);
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = self.done.saturating_sub(self.from) as f64 / seconds.max(1e-3);
        if let Some(total) = self.total {
            text += &format!(" of {}", human_bytes(total));
        }
        text += &format!(", {}/s", human_bytes(rate as u64));
        match self.total {
            Some(total) if rate >= 1.0 => {
                text + &format!(", {} left", human_seconds(total.saturating_sub(self.done) as f64 / rate))
            }
            _ => text,
        }
    }
}

fn total_bar(bars: &MultiProgress) -> ProgressBar {
    let bar = bars.add(ProgressBar::new(0));
    bar.set_style(style(FILE));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn dress(bar: &ProgressBar, name: &str, total: Option<u64>) {
    bar.set_style(style(if total.is_some() { FILE } else { FILE_OF_UNKNOWN_SIZE }));
    if let Some(total) = total {
        bar.set_length(total);
    }
    bar.set_message(name.to_owned());
}

/// `minival: fetched, 4.7 MB, sha256 1a2b…, unpinned, 3.1 s`.
fn done(
    name: &str,
    outcome: &str,
    size: u64,
    sha256: &str,
    trust: Option<Trust>,
    seconds: f64,
    transferred: u64,
) -> String {
    let mut line = format!("{name}: {outcome}, {}", human_bytes(size));
    if !sha256.is_empty() {
        line += &format!(", sha256 {sha256}");
    }
    if let Some(trust) = trust.filter(|trust| trust.name() != outcome) {
        line += &format!(", {}", trust.name());
    }
    if transferred > 0 && seconds > 0.0 {
        line += &format!(", {} at {}/s", human_seconds(seconds), human_bytes((transferred as f64 / seconds) as u64));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_a_result() {
        let line = done("a", "fetched", 4_700_000, "1f", Some(Trust::Unpinned), 2.0, 4_700_000);
        assert_eq!(line, "a: fetched, 4.7 MB, sha256 1f, unpinned, 2.0 s at 2.4 MB/s");
        assert_eq!(done("a", "pinned", 4, "1f", Some(Trust::Pinned), 0.0, 0), "a: pinned, 4 B, sha256 1f");
        assert_eq!(done("a", "unpacked", 4, "", None, 0.0, 0), "a: unpacked, 4 B");
    }

    #[test]
    fn scripts_hear_of_progress_once_a_second() {
        let display = Display::new(true);
        let progress = |name: &str| Event::Progress { name: name.to_owned(), done: 1, total: None };
        let soon: Vec<bool> = ["a", "a", "b", "a"].map(|name| display.is_too_soon(&progress(name))).into();
        assert_eq!(soon, [false, true, false, true]);
        let note = Event::Note { name: "a".into(), text: String::new() };
        assert!(!display.is_too_soon(&note) && !display.is_too_soon(&note), "nothing else is held back");
    }

    #[test]
    fn how_far_a_file_is() {
        let now = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        let bar = ProgressBar::hidden();
        let file = File { bar, doing: "fetch", from: 1_000, done: 51_000, total: Some(101_000), began: now, said: now };
        let text = file.text();
        assert!(text.starts_with("51.0 kB of 101 kB, ") && text.ends_with(" left"), "{text}");
    }
}
