//! Progress of long work: libraries report it, programs show it. Facts of one domain, such as the checksum of a fetched file,
//! belong to an event type of that domain, which contains an [`Event`]. An [`Observer`] receives either.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Milliseconds between two positions that a task reports, at least.
const REPORT_EVERY: u64 = 100;

/// Something that happens to a task. Tasks that run at the same time have different names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A task begins or restarts.
    Started(TaskStart),
    /// Position of a task.
    Progress {
        /// The task.
        name: String,
        /// Units that are done, including [`TaskStart::from`].
        done: u64,
        /// Units in all, if known.
        total: Option<u64>,
        /// Details for people, such as the epoch and the loss.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// A task waits.
    Waiting {
        /// The task.
        name: String,
        /// Why.
        why: String,
        /// How long, in seconds, if known.
        seconds: Option<f64>,
    },
    /// Something that the user should know and that does not stop the work.
    Note {
        /// What it is about; may be empty.
        name: String,
        /// What happened.
        text: String,
    },
    /// Memory use of the process that works.
    Memory(Memory),
    /// A task has ended, well or not.
    Ended {
        /// The task.
        name: String,
        /// Units that were done.
        done: u64,
    },
}

/// What is known about a task when it begins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskStart {
    /// Its name, such as `encode` or the file that is fetched.
    pub name: String,
    /// The activity, if the name does not say it: `fetch`, `verify`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doing: String,
    /// Where the data comes from, if worth showing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Units in all, if known.
    pub total: Option<u64>,
    /// Units that were done before it began; the rate does not count them.
    pub from: u64,
    /// The unit of `total` and `from`.
    #[serde(default, skip_serializing_if = "Unit::is_bytes")]
    pub unit: Unit,
    /// The task that pauses meanwhile; its rate does not count this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// What a task counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    #[default]
    Bytes,
    /// Examples, questions.
    Examples,
    /// Pairs of an image and a sentence.
    Pairs,
    /// Images.
    Images,
    /// Steps of a training.
    Steps {
        /// Examples in a step; the rate is in examples.
        examples: u64,
    },
}

impl Unit {
    fn is_bytes(&self) -> bool {
        *self == Self::Bytes
    }

    /// Returns the plural, as in `12 images`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Examples => "examples",
            Self::Pairs => "pairs",
            Self::Images => "images",
            Self::Steps { .. } => "steps",
        }
    }
}

/// Memory use of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident in main memory now.
    pub resident: u64,
    /// In use on the GPU that it computes on, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u64>,
}

impl Event {
    /// Returns whether the event may be dropped if the receiver is too slow.
    pub fn may_be_dropped(&self) -> bool {
        matches!(self, Self::Progress { .. } | Self::Memory(_))
    }
}

impl TaskStart {
    /// Creates the start of a task of which nothing is done yet.
    pub fn new(name: impl Into<String>, total: impl Into<Option<u64>>, unit: Unit) -> Self {
        Self { name: name.into(), total: total.into(), unit, ..Self::default() }
    }

    /// Sets the activity and the source.
    #[must_use]
    pub fn doing(self, doing: impl Into<String>, source: impl Into<String>) -> Self {
        Self { doing: doing.into(), source: source.into(), ..self }
    }
}

/// Receives events of progress or of one domain, from several threads.
pub trait Observer<E: ?Sized = Event>: Sync {
    /// Receives an event.
    fn event(&self, event: &E);
}

impl<E: ?Sized, F: Fn(&E) + Sync> Observer<E> for F {
    fn event(&self, event: &E) {
        self(event);
    }
}

/// An observer that ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl<E: ?Sized> Observer<E> for Silent {
    fn event(&self, _: &E) {}
}

/// An observer that passes on all events but notes.
pub struct Quiet<'o, E = Event>(pub &'o dyn Observer<E>);

impl<E: From<Event>> Observer for Quiet<'_, E> {
    fn event(&self, event: &Event) {
        if !matches!(event, Event::Note { .. }) {
            self.0.event(&event.clone().into());
        }
    }
}

/// A running task. It reports its position at most ten times a second, and its end when it is dropped.
pub struct ProgressTask<'o, E: From<Event> = Event> {
    observer: &'o dyn Observer<E>,
    name: String,
    total: Option<u64>,
    done: AtomicU64,
    began: Instant,
    /// When it last reported its position, in milliseconds after its beginning.
    last_report: AtomicU64,
}

impl<'o, E: From<Event>> ProgressTask<'o, E> {
    /// Begins a task and reports that.
    pub fn begin(observer: &'o dyn Observer<E>, start: TaskStart) -> Self {
        let (name, total, done) = (start.name.clone(), start.total, AtomicU64::new(start.from));
        observer.event(&Event::Started(start).into());
        Self { observer, name, total, done, began: Instant::now(), last_report: AtomicU64::new(0) }
    }

    /// Adds finished units.
    pub fn advance(&self, units: u64) {
        let before = self.done.fetch_add(units, Ordering::Relaxed);
        self.report(before.saturating_add(units), String::new);
    }

    /// Sets the number of finished units; `detail` is called only if the position is reported.
    pub fn at(&self, done: u64, detail: impl FnOnce() -> String) {
        self.done.store(done, Ordering::Relaxed);
        self.report(done, detail);
    }

    /// Returns the number of finished units.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    fn report(&self, done: u64, detail: impl FnOnce() -> String) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.last_report.load(Ordering::Relaxed);
        let is_time = now.saturating_sub(last) >= REPORT_EVERY;
        // The exchange lets only one of several threads report it.
        if is_time && self.last_report.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let (name, total, detail) = (self.name.clone(), self.total, detail());
            self.observer.event(&Event::Progress { name, done, total, detail }.into());
        }
    }
}

impl<E: From<Event>> Drop for ProgressTask<'_, E> {
    fn drop(&mut self) {
        let (name, done) = (std::mem::take(&mut self.name), *self.done.get_mut());
        self.observer.event(&Event::Ended { name, done }.into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_task_reports_its_start_and_end_and_seldom_its_position() {
        let heard = Mutex::new(Vec::new());
        let observer = |event: &Event| heard.lock().unwrap().push(event.clone());
        let start = TaskStart { from: 2, ..TaskStart::new("encode", 100_000, Unit::Pairs) };
        let task = ProgressTask::begin(&observer, start.clone());
        for done in 3..50_000 {
            task.at(done, String::new);
        }
        std::thread::sleep(Duration::from_millis(REPORT_EVERY));
        task.at(50_000, || "half".to_owned());
        task.advance(50_000);
        drop(task);
        let heard = heard.into_inner().unwrap();
        assert!(heard.len() < 50, "{}", heard.len());
        assert_eq!(heard[0], Event::Started(start));
        let half = |event: &Event| matches!(event, Event::Progress { done: 50_000, detail, .. } if detail == "half");
        assert!(heard.iter().any(half));
        assert_eq!(heard.last(), Some(&Event::Ended { name: "encode".to_owned(), done: 100_000 }));
    }

    #[test]
    fn events_are_one_line_of_json_and_come_back() {
        let start = TaskStart::new("a", 5, Unit::Bytes).doing("fetch", "https://x.org/a");
        let events = [
            Event::Started(start),
            Event::Started(TaskStart::new("train", 7, Unit::Steps { examples: 32 })),
            Event::Progress { name: "a".to_owned(), done: 1, total: None, detail: String::new() },
            Event::Memory(Memory { resident: 7, gpu: None }),
        ];
        let lines = events.each_ref().map(|event| serde_json::to_string(event).unwrap());
        assert_eq!(
            lines,
            [
                r#"{"event":"started","name":"a","doing":"fetch","source":"https://x.org/a","total":5,"from":0}"#,
                r#"{"event":"started","name":"train","total":7,"from":0,"unit":{"steps":{"examples":32}}}"#,
                r#"{"event":"progress","name":"a","done":1,"total":null}"#,
                r#"{"event":"memory","resident":7}"#,
            ]
        );
        assert_eq!(lines.map(|line| serde_json::from_str::<Event>(&line).unwrap()), events);
    }

    #[test]
    fn quiet_drops_notes_only() {
        let heard = Mutex::new(Vec::new());
        let observer = |event: &Event| heard.lock().unwrap().push(event.clone());
        let quiet = Quiet(&observer as &dyn Observer);
        quiet.event(&Event::Note { name: "features".to_owned(), text: "reused".to_owned() });
        let ended = Event::Ended { name: "a".to_owned(), done: 1 };
        quiet.event(&ended);
        assert_eq!(heard.into_inner().unwrap(), [ended]);
    }
}
