//! Shows running tasks: a bar for each on a terminal, otherwise a line per minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::line::{Task, Times};
use base::format::{human_bytes, human_seconds};
use base::progress::{Event, Memory, Observer, TaskStart};
use base::status;
use base::status::{Volume, volume};

/// Time between two lines about a task without a terminal.
const EVERY: Duration = Duration::from_secs(60);
/// Environment variable with other seconds instead of [`EVERY`].
const EVERY_VARIABLE: &str = "REPRO_PROGRESS_SECONDS";
/// Time between two redraws of a bar.
const REDRAW: Duration = Duration::from_millis(250);
/// Maximum width of a bar; wider ones are hard to read.
const WIDEST: usize = 100;

/// A display of running tasks, and of messages about them, on stderr.
pub(crate) struct Board {
    bars: Option<MultiProgress>,
    every: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Vec<RunningTask>,
    memory: Option<Memory>,
}

struct RunningTask {
    /// Shared with the thread that draws the bar.
    shown: Arc<Mutex<TaskState>>,
    bar: ProgressBar,
    /// Time of the last line.
    printed: Instant,
}

#[derive(Clone)]
struct TaskState {
    task: Task,
    began: Instant,
    /// Start of the task within this one that is running now.
    idle_since: Option<Instant>,
    idle: Duration,
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

impl Board {
    /// Returns a board with bars if stderr is a terminal that can move its cursor, otherwise with lines.
    pub(crate) fn new() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bars = (!bars.is_hidden() && volume() > Volume::Quiet).then_some(bars);
        let seconds = std::env::var(EVERY_VARIABLE).ok().and_then(|seconds| seconds.parse().ok());
        let every = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(EVERY);
        Self { bars, every, state: Mutex::default() }
    }

    /// Prints a line on stderr, above the bars.
    pub(crate) fn print_line(&self, line: &str) {
        self.above(|| status!("{line}"));
    }

    /// Prints above the bars.
    pub(crate) fn above(&self, print: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }

    /// Returns whether lines are printed instead of bars.
    pub(crate) fn is_lines(&self) -> bool {
        self.bars.is_none()
    }

    fn started(&self, start: &TaskStart) {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(outer) = start.within.as_deref().and_then(|outer| state.find(outer)) {
            lock(&outer.shown).idle_since.get_or_insert(now);
        }
        let task = Task { start: start.clone(), done: start.from, total: start.total, detail: String::new() };
        let shown = TaskState { task, began: now, idle_since: None, idle: Duration::ZERO };
        match state.find(&start.name) {
            Some(restarted) => {
                *lock(&restarted.shown) = shown;
                restarted.printed = now;
            }
            None => {
                let shown = Arc::new(Mutex::new(shown));
                let bar = self.bars.as_ref().map_or_else(ProgressBar::hidden, |bars| drawn(bars, &shown));
                state.running.push(RunningTask { shown, bar, printed: now });
            }
        }
        drop(state);
        if self.is_lines() && !start.doing.is_empty() {
            let TaskStart { name, doing, source, total, from, .. } = start;
            let resumed = if *from > 0 { format!(", from {}", human_bytes(*from)) } else { String::new() };
            let size = total.map_or_else(String::new, |total| format!(" ({})", human_bytes(total)));
            status!("{name}: {doing}{resumed}: {source}{size}");
        }
    }

    fn progress(&self, name: &str, done: u64, total: Option<u64>, detail: &str) {
        let mut state = self.state();
        let memory = state.memory;
        let Some(running) = state.find(name) else { return };
        let mut shown = lock(&running.shown);
        (shown.task.done, shown.task.total) = (done, total);
        if !detail.is_empty() {
            detail.clone_into(&mut shown.task.detail);
        }
        if self.is_lines() && running.printed.elapsed() >= self.every {
            running.printed = Instant::now();
            status!("{}", shown.task.line(shown.times(), memory));
        }
    }

    fn ended(&self, name: &str, done: u64) {
        let mut state = self.state();
        let memory = state.memory;
        let Some(at) = state.running.iter().position(|running| lock(&running.shown).task.start.name == name) else {
            return;
        };
        let RunningTask { shown, bar, printed } = state.running.remove(at);
        let mut shown = lock(&shown).clone();
        let within = shown.task.start.within.take();
        shown.task.done = done;
        if self.is_lines() && printed.elapsed() >= self.every {
            status!("{}", shown.task.line(shown.times(), memory));
        }
        if let Some(outer) = within.and_then(|outer| state.find(&outer)) {
            let mut outer = lock(&outer.shown);
            outer.idle = outer.idle_now();
            outer.idle_since = None;
        }
        drop(state);
        self.clear(&bar);
    }

    /// Returns the position, the total and the detail of a task.
    #[cfg(test)]
    pub(crate) fn last(&self, name: &str) -> Option<(u64, Option<u64>, String)> {
        let mut state = self.state();
        let shown = lock(&state.find(name)?.shown);
        Some((shown.task.done, shown.task.total, shown.task.detail.clone()))
    }

    fn clear(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.bars.iter().for_each(|bars| bars.remove(bar));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Observer for Board {
    fn event(&self, event: &Event) {
        match event {
            Event::Started(start) => self.started(start),
            Event::Progress { name, done, total, detail } => self.progress(name, *done, *total, detail),
            Event::Waiting { name, why, seconds } => {
                let long = seconds.map_or_else(String::new, |seconds| format!(" for {}", human_seconds(seconds)));
                self.print_line(&format!("{name}: waiting{long}: {why}"));
            }
            Event::Note { name, text } if name.is_empty() => self.print_line(text),
            Event::Note { name, text } => self.print_line(&format!("{name}: {text}")),
            Event::Memory(memory) => self.state().memory = Some(*memory),
            Event::Ended { name, done } => self.ended(name, *done),
        }
    }
}

impl Drop for Board {
    /// Removes the bars.
    fn drop(&mut self) {
        let running = std::mem::take(&mut self.state().running);
        running.iter().for_each(|running| self.clear(&running.bar));
    }
}

impl State {
    fn find(&mut self, name: &str) -> Option<&mut RunningTask> {
        self.running.iter_mut().find(|running| lock(&running.shown).task.start.name == name)
    }
}

impl TaskState {
    fn idle_now(&self) -> Duration {
        self.idle + self.idle_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn times(&self) -> Times {
        Times { elapsed: self.began.elapsed().as_secs_f64(), idle: self.idle_now().as_secs_f64() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a bar above the others.
fn drawn(bars: &MultiProgress, shown: &Arc<Mutex<TaskState>>) -> ProgressBar {
    let shown = Arc::clone(shown);
    let text = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let shown = lock(&shown).clone();
        // One column less: a full line wraps on some terminals.
        let width = usize::from(Term::stderr().size().1).min(WIDEST).saturating_sub(1);
        let _ = out.write_str(&shown.task.bar(shown.times(), width));
    };
    let style = ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = bars.insert(0, ProgressBar::no_length());
    bar.set_style(style.with_key("line", text));
    bar.enable_steady_tick(REDRAW);
    bar
}
