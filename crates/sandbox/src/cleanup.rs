//! Removes containers that killed runs left behind, and containers that could not be removed while the engine was lost.
//!
//! A label marks the containers of this program and names the owning process:
//!
//! - The process has ended (same machine, boot and process namespace): the container is removed, running or not.
//! - The process is alive: the container is not touched.
//! - Unknown, since the process ran before the last boot, on another machine or in another process namespace: the container
//!   is removed only if it has not run for [`IDLE_LIMIT`]. A live process removes its container within seconds of its end,
//!   and no container runs after a boot, so nobody uses such a container. A running one may be in use and stays.
//!
//! Containers without the label are never touched.

use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{InspectContainerOptions, KillContainerOptions};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::engine::{Engine, OWNER};
use super::failure::Failure;
use super::ownership::restore_leftover;
use super::unremoved::{FolderOwner, UnremovedContainer};
use super::user::User;
use base::process::{Liveness, mark_liveness};

/// Label of the folders whose owners must be restored, as JSON.
pub(super) const FOLDERS: &str = "lxmert-repro.folders";
/// Time without running after which a container is not in use.
const IDLE_LIMIT: Duration = Duration::from_secs(3600);

impl Engine {
    /// Removes containers that killed runs of this program left behind, restores the owners of their folders, and returns the
    /// names of the containers. Call it before the first run. Containers of live processes and of other programs are not
    /// touched.
    ///
    /// # Errors
    /// The engine does not answer or refuses, or an owner cannot be restored; its container is then kept as the record.
    pub fn remove_leftovers(&self) -> Result<Vec<String>, Failure> {
        self.block_on(async {
            let mut removed = Vec::new();
            for container in self.list_containers().await? {
                let Some(mark) = container.label(OWNER) else { continue };
                let dead = match mark_liveness(mark) {
                    Liveness::Dead => true,
                    Liveness::Alive => false,
                    Liveness::Unknown => self.is_idle(&container.id).await?,
                };
                if dead {
                    let folders = container.label(FOLDERS).and_then(|text| serde_json::from_str(text).ok());
                    self.remove_leftover(&container.id, folders.unwrap_or_default()).await?;
                    removed.push(container.name().to_owned());
                }
            }
            Ok(removed)
        })
    }

    /// Stops a container, restores the owners of its folders, and removes it: in this order, since its label is the record of
    /// the owners.
    async fn remove_leftover(&self, id: &str, folders: Vec<FolderOwner>) -> Result<(), Failure> {
        // An error means that it does not run or is gone.
        let _ = self.docker().kill_container(id, None::<KillContainerOptions>).await;
        if User::current(self.facts()).changes_ownership {
            folders.iter().try_for_each(restore_leftover)?;
        }
        self.remove(id).await.map_err(|error| self.engine_failure("remove a container", error))
    }

    async fn is_idle(&self, id: &str) -> Result<bool, Failure> {
        let found = match self.docker().inspect_container(id, None::<InspectContainerOptions>).await {
            Ok(found) => found,
            // It is gone, or in a transient state that only Podman has.
            Err(
                DockerError::DockerResponseServerError { status_code: 404, .. } | DockerError::JsonDataError { .. },
            ) => {
                return Ok(false);
            }
            Err(error) => return Err(self.engine_failure("inspect a container", error)),
        };
        // Times are compared by the engine's own clock.
        let info = self.docker().info().await.map_err(|error| self.engine_failure("tell the time", error))?;
        Ok(info.system_time.is_some_and(|now| idle_since_limit(&found, &now)))
    }

    /// Records a container that could not be removed; the next run of this process tries again first.
    pub(super) fn remember_unremoved(&self, container: UnremovedContainer) {
        self.unremoved().push(container);
    }

    /// Removes the recorded containers.
    ///
    /// # Errors
    /// A container cannot be removed: it may still write into the same folders.
    pub(super) async fn remove_unremoved(&self) -> Result<(), Failure> {
        loop {
            let Some(unremoved) = self.unremoved().pop() else { return Ok(()) };
            if let Err(error) = self.remove(&unremoved.container).await {
                self.remember_unremoved(unremoved);
                return Err(self.engine_failure("remove a container", error));
            }
            unremoved.folders.iter().try_for_each(restore_leftover)?;
        }
    }
}

/// Returns whether a container does not run and has not run for [`IDLE_LIMIT`] before `now`; `false` if the engine does not
/// tell.
fn idle_since_limit(container: &ContainerInspectResponse, now: &str) -> bool {
    let Some(state) = &container.state else { return false };
    let idle = state.running == Some(false) && state.pid.unwrap_or(0) == 0;
    // A container that never started has the year 1 here.
    let moments = [&container.created, &state.started_at, &state.finished_at];
    let last = moments.into_iter().filter_map(|time| moment(time.as_deref()?)).max();
    let age = moment(now).zip(last).map(|(now, last)| now - last);
    idle && age.is_some_and(|age| age > IDLE_LIMIT)
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerState;

    use super::*;

    #[test]
    fn a_container_is_idle_if_it_has_not_run_for_an_hour() {
        let container = |running, finished: &str| ContainerInspectResponse {
            created: Some("2026-01-01T00:00:00.5+02:00".into()),
            state: Some(ContainerState {
                running: Some(running),
                pid: Some(if running { 7 } else { 0 }),
                started_at: Some("0001-01-01T00:00:00Z".into()),
                finished_at: Some(finished.into()),
                ..ContainerState::default()
            }),
            ..ContainerInspectResponse::default()
        };
        let never = "0001-01-01T00:00:00Z";
        for (running, finished, now, expected) in [
            (false, never, "2025-12-31T23:30:00.25Z", true),
            (false, never, "2025-12-31T22:30:00Z", false),
            (false, "2026-01-01T09:00:00.123456789Z", "2026-01-01T09:30:00Z", false),
            (false, "2026-01-01T09:00:00.123456789Z", "2026-01-01T10:30:00Z", true),
            (true, never, "2027-01-01T00:00:00Z", false),
            (false, never, "whenever", false),
        ] {
            assert_eq!(idle_since_limit(&container(running, finished), now), expected, "{finished} {now}");
        }
    }
}
