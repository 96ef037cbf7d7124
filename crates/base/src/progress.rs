//! How far long work is: libraries tell it, programs show it. What only one domain knows, such as the checksum of a file that was
//! fetched, is an event type of that domain that holds an [`Event`]; whoever hears either is an [`Observer`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// A task tells its position at most this often, in milliseconds.
const TELL_EVERY: u64 = 100;

/// Something that happens to a task. Tasks that go on at the same time are told apart by their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A task begins, or begins again.
    Started(TaskStart),
    /// Its position.
    Progress {
        /// The task.
        name: String,
        /// Units that are done, those of [`TaskStart::from`] included.
        done: u64,
        /// Units in all, if known.
        total: Option<u64>,
        /// What else a person wants to know of this position, such as an epoch and a loss.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// Nothing is done for a while.
    Waiting {
        /// The task.
        name: String,
        /// Why.
        why: String,
        /// How long, in seconds, if known.
        seconds: Option<f64>,
    },
    /// Something that a person should know, though the work goes on.
    Note {
        /// What it is about; may be empty.
        name: String,
        /// What happened.
        text: String,
    },
    /// Memory of the process that works.
    Memory(Memory),
    /// A task has ended, well or not.
    Ended {
        /// The task.
        name: String,
        /// Units that were done.
        done: u64,
    },
}

/// What is known of a task when it begins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskStart {
    /// Names it, such as `encode`, or the file that is fetched.
    pub name: String,
    /// What is done, if the name does not say it: `fetch`, `verify`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doing: String,
    /// Where it is read from, if that is worth a word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Units in all, if known.
    pub total: Option<u64>,
    /// Units that were done before: a rate does not count them.
    pub from: u64,
    /// What is counted.
    #[serde(default, skip_serializing_if = "Unit::is_bytes")]
    pub unit: Unit,
    /// The task that stands still meanwhile: its rate does not count this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// What is counted.
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

    /// The plural, as in `12 images`.
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

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident in main memory now.
    pub resident: u64,
    /// In use on the GPU that it computes on, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u64>,
}

impl Event {
    /// Whether it may be left out where nobody listens fast enough.
    pub fn may_be_dropped(&self) -> bool {
        matches!(self, Self::Progress { .. } | Self::Memory(_))
    }
}

impl TaskStart {
    /// A task of so many units, none of them done.
    pub fn new(name: impl Into<String>, total: impl Into<Option<u64>>, unit: Unit) -> Self {
        Self { name: name.into(), total: total.into(), unit, ..Self::default() }
    }

    /// The same, with what is done and where it is read from.
    #[must_use]
    pub fn doing(self, doing: impl Into<String>, source: impl Into<String>) -> Self {
        Self { doing: doing.into(), source: source.into(), ..self }
    }
}

/// Hears events, from several threads: of progress, or a domain's own.
pub trait Observer<E: ?Sized = Event>: Sync {
    /// Something happened.
    fn event(&self, event: &E);
}

impl<E: ?Sized, F: Fn(&E) + Sync> Observer<E> for F {
    fn event(&self, event: &E) {
        self(event);
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl<E: ?Sized> Observer<E> for Silent {
    fn event(&self, _: &E) {}
}

/// Passes on how far the work is, and no notes.
pub struct Quiet<'o, E = Event>(pub &'o dyn Observer<E>);

impl<E: From<Event>> Observer for Quiet<'_, E> {
    fn event(&self, event: &Event) {
        if !matches!(event, Event::Note { .. }) {
            self.0.event(&event.clone().into());
        }
    }
}

/// A task at work. Tells its position at most ten times a second, and that it has ended when it is dropped.
pub struct ProgressTask<'o, E: From<Event> = Event> {
    observer: &'o dyn Observer<E>,
    name: String,
    total: Option<u64>,
    done: AtomicU64,
    began: Instant,
    /// Milliseconds after the beginning when it told its position last.
    told: AtomicU64,
}

impl<'o, E: From<Event>> ProgressTask<'o, E> {
    /// Tells that a task begins.
    pub fn begin(observer: &'o dyn Observer<E>, start: TaskStart) -> Self {
        let (name, total, done) = (start.name.clone(), start.total, AtomicU64::new(start.from));
        observer.event(&Event::Started(start).into());
        Self { observer, name, total, done, began: Instant::now(), told: AtomicU64::new(0) }
    }

    /// So many more units are done.
    pub fn advance(&self, units: u64) {
        let before = self.done.fetch_add(units, Ordering::Relaxed);
        self.tell(before.saturating_add(units), String::new);
    }

    /// So many units are done in all; `detail` is asked only if the position is told.
    pub fn at(&self, done: u64, detail: impl FnOnce() -> String) {
        self.done.store(done, Ordering::Relaxed);
        self.tell(done, detail);
    }

    /// Units that are done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    fn tell(&self, done: u64, detail: impl FnOnce() -> String) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let told = self.told.load(Ordering::Relaxed);
        let is_time = now.saturating_sub(told) >= TELL_EVERY;
        // One of several threads tells it.
        if is_time && self.told.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
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
    fn a_task_tells_its_beginning_its_end_and_seldom_its_position() {
        let heard = Mutex::new(Vec::new());
        let observer = |event: &Event| heard.lock().unwrap().push(event.clone());
        let start = TaskStart { from: 2, ..TaskStart::new("encode", 100_000, Unit::Pairs) };
        let task = ProgressTask::begin(&observer, start.clone());
        for done in 3..50_000 {
            task.at(done, String::new);
        }
        std::thread::sleep(Duration::from_millis(TELL_EVERY));
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
    fn who_is_quiet_passes_on_no_notes() {
        let heard = Mutex::new(Vec::new());
        let observer = |event: &Event| heard.lock().unwrap().push(event.clone());
        let quiet = Quiet(&observer as &dyn Observer);
        quiet.event(&Event::Note { name: "features".to_owned(), text: "reused".to_owned() });
        let ended = Event::Ended { name: "a".to_owned(), done: 1 };
        quiet.event(&ended);
        assert_eq!(heard.into_inner().unwrap(), [ended]);
    }
}
