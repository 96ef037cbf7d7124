//! The workers that compute for stages what needs libtorch, and the observers of their progress.

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

use protocol::{Event, Job};
use serde::de::DeserializeOwned;

use super::journal::Event as Journalled;
use super::plan::{HOST, StageContext};
use crate::placement::{FileAccess, Placement, RECORD, WorkerJob};
use base::error::Result;
use base::progress::Observer;

/// Observes the progress of a stage; notes also go into the journal.
pub type Watcher = Box<dyn Observer<Event>>;

/// Creates a watcher for each stage.
pub type Watchers = Rc<dyn Fn() -> Watcher>;

/// How workers are started and observed.
#[derive(Clone)]
pub struct Workers {
    /// Where they run.
    pub placement: Placement,
    /// Their device: cpu, cuda, cuda:N or auto.
    pub device: String,
    /// Creates their observers.
    pub watchers: Watchers,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("placement", &self.placement).field("device", &self.device).finish()
    }
}

impl Workers {
    /// Returns their executor for fingerprints: this machine, or an image by its content.
    pub fn executor(&self) -> &str {
        self.placement.image().map_or(HOST, |place| place.executor())
    }

    /// Has a worker do a stage's work and returns its result. The worker may write only into the stage's folder and read only what
    /// is listed. Notes go into the journal, other events to the watcher.
    pub(super) fn run<T: DeserializeOwned>(
        &self,
        context: &mut StageContext,
        job: Job,
        threads: usize,
        reads: Vec<PathBuf>,
    ) -> Result<T> {
        let asked = WorkerJob {
            name: format!("stage {}", context.stage.name),
            job,
            device: self.device.clone(),
            threads,
            record: Some(context.folder.join(RECORD)),
            files: FileAccess { reads, folder: Some(context.folder.to_owned()), file: None },
            stop: None,
        };
        let watcher = (self.watchers)();
        let (result, used) = self.placement.run_and_measure(&asked, &mut |event| match event {
            Event::Note { text } => context.note(&text),
            event => watcher.event(&event),
        });
        if let (Some(place), Some(used)) = (self.placement.image(), used) {
            context.emit(Journalled::StageContainer {
                stage: context.stage.name.clone(),
                image: place.executor().to_owned(),
                seconds: used.seconds,
                peak_memory: used.peak_memory,
            });
        }
        asked.read(result?)
    }
}
