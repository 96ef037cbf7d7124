//! Which place it is, and running work there.

use std::rc::Rc;

use serde_json::Value;

use super::{Asked, Host, Outcome, Place, contained};
use base::error::Result;
use protocol::{Device, Event, Hello};
use sandbox::Ended;

/// Name of the file in a training's folder, or a stage's, to which the worker appends what it says.
pub const RECORD: &str = "events.jsonl";

/// Where work is done.
#[derive(Debug, Clone)]
pub enum Placement {
    /// By a process of this machine.
    Host(Host),
    /// In containers of an image.
    Container(Rc<Place>),
}

impl Placement {
    /// Does the work; its result. `hear` is told all that the worker says, but for its first and its last line.
    ///
    /// # Errors
    /// The work's own, or what happened to the worker.
    pub fn run(&self, asked: &Asked, hear: &mut dyn FnMut(Event)) -> Result<Value> {
        self.run_and_measure(asked, hear).0
    }

    /// Does the work as [`Self::run`]; also what the container used in which it was done, if any.
    pub fn run_and_measure(&self, asked: &Asked, hear: &mut dyn FnMut(Event)) -> (Result<Value>, Option<Ended>) {
        match self {
            Self::Host(host) => (host.run(asked, hear), None),
            Self::Container(place) => match contained::run(place, asked, hear) {
                Ok(Outcome { result, used }) => (result, Some(used)),
                Err(error) => (Err(error), None),
            },
        }
    }

    /// The image in whose containers work is done; `None` for this machine itself.
    pub fn image(&self) -> Option<&Rc<Place>> {
        match self {
            Self::Host(_) => None,
            Self::Container(place) => Some(place),
        }
    }

    /// Whether it may write feature stores. A container only reads data, so that stores must be there.
    pub fn builds_stores(&self) -> bool {
        match self {
            Self::Host(_) => true,
            Self::Container(_) => false,
        }
    }

    /// Who the worker is.
    ///
    /// # Errors
    /// Infra where there is none, or another than belongs to this program.
    pub fn hello(&self) -> Result<Hello> {
        match self {
            Self::Host(host) => host.hello(),
            Self::Container(place) => Ok(place.hello().clone()),
        }
    }

    /// The device of a name, described.
    ///
    /// # Errors
    /// Infra where there is none such.
    pub fn device(&self, name: &str) -> Result<Device> {
        match self {
            Self::Host(host) => host.device(name),
            Self::Container(place) => place.device(name),
        }
    }
}
