//! Who computes for stages what needs libtorch, and who watches it.

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

use protocol::{Event, Job};
use serde::de::DeserializeOwned;

use super::journal::Event as Journalled;
use super::plan::{HOST, StageContext};
use crate::placement::{Asked, Placement, RECORD, Touched};
use base::error::Result;
use base::progress::Observer;

/// Hears how a stage's work goes: what is worth keeping is in the journal besides.
pub type Watcher = Box<dyn Observer<Event>>;

/// Makes a watcher for each stage.
pub type Watchers = Rc<dyn Fn() -> Watcher>;

/// Has workers compute.
#[derive(Clone)]
pub struct Workers {
    /// Where they are.
    pub placement: Placement,
    /// What they compute on: cpu, cuda, cuda:N or auto.
    pub device: String,
    /// Who watches.
    pub watchers: Watchers,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("placement", &self.placement).field("device", &self.device).finish()
    }
}

impl Workers {
    /// What a stage's fingerprint says of them: this machine, or an image by its content.
    pub fn executor(&self) -> &str {
        self.placement.image().map_or(HOST, |place| place.executor())
    }

    /// Does a stage's work, which may write into the stage's folder alone and reads what is named; its result. Notes go into
    /// the journal, everything else to the watcher.
    ///
    /// # Errors
    /// Those of the work.
    pub(super) fn run<T: DeserializeOwned>(
        &self,
        context: &mut StageContext,
        job: Job,
        threads: usize,
        reads: Vec<PathBuf>,
    ) -> Result<T> {
        let asked = Asked {
            name: format!("stage {}", context.stage.name),
            job,
            device: self.device.clone(),
            threads,
            record: Some(context.folder.join(RECORD)),
            touched: Touched { reads, folder: Some(context.folder.to_owned()), file: None },
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
