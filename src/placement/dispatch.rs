//! Does work in the chosen place: by a worker on this machine or in a container.

use std::sync::Arc;

use serde_json::Value;

use super::{ContainerOutcome, ContainerPlace, Host, WorkerJob, container_worker};
use base::error::Result;
use protocol::{Device, Event, Hello};
use sandbox::ResourceUsage;

/// Name of the file in the folder of a training or stage to which the worker appends its events.
pub const RECORD: &str = "events.jsonl";

/// Where workers run.
#[derive(Debug, Clone)]
pub enum Placement {
    /// As processes of this machine.
    Host(Host),
    /// In containers of an image.
    Container(Arc<ContainerPlace>),
}

impl Placement {
    /// Does the work and returns its result. `hear` gets all events of the worker except the first and the last.
    ///
    /// # Errors
    /// Those of the work; infra if the worker breaks off.
    pub fn run(&self, asked: &WorkerJob, hear: &mut dyn FnMut(Event)) -> Result<Value> {
        self.run_and_measure(asked, hear).0
    }

    /// Like [`Self::run`], but also returns the resources that the container used, if any.
    pub fn run_and_measure(
        &self,
        asked: &WorkerJob,
        hear: &mut dyn FnMut(Event),
    ) -> (Result<Value>, Option<ResourceUsage>) {
        match self {
            Self::Host(host) => (host.run(asked, hear), None),
            Self::Container(place) => match container_worker::run(place, asked, hear) {
                Ok(ContainerOutcome { result, used }) => (result, Some(used)),
                Err(error) => (Err(error), None),
            },
        }
    }

    /// Returns the image; `None` for this machine itself.
    pub fn image(&self) -> Option<&Arc<ContainerPlace>> {
        match self {
            Self::Host(_) => None,
            Self::Container(place) => Some(place),
        }
    }

    /// Whether a worker can build feature stores. A container cannot: it only reads data.
    pub fn builds_stores(&self) -> bool {
        match self {
            Self::Host(_) => true,
            Self::Container(_) => false,
        }
    }

    /// Returns the handshake of the worker.
    ///
    /// # Errors
    /// Infra if there is no worker, or it does not match this program.
    pub fn hello(&self) -> Result<Hello> {
        match self {
            Self::Host(host) => host.hello(),
            Self::Container(place) => Ok(place.hello().clone()),
        }
    }

    /// Describes a device by name.
    ///
    /// # Errors
    /// Infra if there is no such device.
    pub fn device(&self, name: &str) -> Result<Device> {
        match self {
            Self::Host(host) => host.device(name),
            Self::Container(place) => place.device(name),
        }
    }
}
