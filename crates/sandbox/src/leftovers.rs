//! Containers that a killed run left behind, and those that a lost engine kept.
//!
//! A container is known as this program's by its label, and as left behind by the process that the label names:
//!
//! - it has ended (same machine, same start of the kernel, same process numbers): the container is removed, running or not;
//! - it lives: its container is not touched;
//! - nobody can say, since it ran before this machine was last started, on another machine, or where processes have other
//!   numbers: its container is removed only when it has not been running for [`COLD`]. A living process removes its container
//!   within seconds of its end, and after a restart of the machine no container runs, so this is never anyone's work. One that
//!   runs may be somebody's: it stays.
//!
//! Containers without the label are never touched.

use std::time::Duration;

use bollard::errors::Error as Answer;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{InspectContainerOptions, KillContainerOptions};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::engine::{Engine, OWNER};
use super::failure::Failure;
use super::handover::give_back_later;
use super::lost::{Folder, Lost};
use super::user::User;
use base::process::{Liveness, mark_liveness};

/// Label: folders to be handed back to their owners, as JSON.
pub(super) const FOLDERS: &str = "lxmert-repro.folders";
/// After this time without running, a container is nobody's work.
const COLD: Duration = Duration::from_secs(3600);

impl Engine {
    /// Removes what killed runs of this program left behind, and hands their folders back; to be called before the first run.
    /// The names of the containers. What belongs to living processes, or not to this program, is not touched.
    ///
    /// # Errors
    /// Where the engine does not answer or refuses; or a folder cannot be handed back, with its container left as a reminder.
    pub fn remove_leftovers(&self) -> Result<Vec<String>, Failure> {
        self.block_on(async {
            let mut removed = Vec::new();
            for container in self.owned().await? {
                let Some(mark) = container.label(OWNER) else { continue };
                let dead = match mark_liveness(mark) {
                    Liveness::Dead => true,
                    Liveness::Alive => false,
                    Liveness::Unknown => self.is_cold(&container.id).await?,
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

    /// Stopped, then handed back, then removed: while the container is there, so is the note of what to hand back.
    async fn remove_leftover(&self, id: &str, folders: Vec<Folder>) -> Result<(), Failure> {
        // An error: it does not run, or is gone.
        let _ = self.docker().kill_container(id, None::<KillContainerOptions>).await;
        if User::here(self.facts()).handed_over {
            folders.iter().try_for_each(give_back_later)?;
        }
        self.remove(id).await.map_err(|error| self.failed("remove a container", error))
    }

    async fn is_cold(&self, id: &str) -> Result<bool, Failure> {
        let found = match self.docker().inspect_container(id, None::<InspectContainerOptions>).await {
            Ok(found) => found,
            // It is gone, or in a state that only Podman has, which is none that lasts.
            Err(Answer::DockerResponseServerError { status_code: 404, .. } | Answer::JsonDataError { .. }) => {
                return Ok(false);
            }
            Err(error) => return Err(self.failed("look at a container", error)),
        };
        // By the engine's own clock.
        let info = self.docker().info().await.map_err(|error| self.failed("tell the time", error))?;
        Ok(info.system_time.is_some_and(|now| cold(&found, &now)))
    }

    /// Notes a container that could not be removed: the next run of this process tries again first.
    pub(super) fn remember_lost(&self, lost: Lost) {
        self.lost().push(lost);
    }

    /// Removes what was lost, if the engine is back.
    ///
    /// # Errors
    /// Where one of them cannot be removed: it may still be at work on the same folders.
    pub(super) async fn remove_lost(&self) -> Result<(), Failure> {
        loop {
            let Some(lost) = self.lost().pop() else { return Ok(()) };
            if let Err(error) = self.remove(&lost.container).await {
                self.remember_lost(lost);
                return Err(self.failed("remove a container", error));
            }
            lost.folders.iter().try_for_each(give_back_later)?;
        }
    }
}

/// Whether a container does not run, and has not for [`COLD`] before `now`. Where the engine does not say: no.
fn cold(container: &ContainerInspectResponse, now: &str) -> bool {
    let Some(state) = &container.state else { return false };
    let idle = state.running == Some(false) && state.pid.unwrap_or(0) == 0;
    // One that never started has the year 1 here.
    let moments = [&container.created, &state.started_at, &state.finished_at];
    let last = moments.into_iter().filter_map(|time| moment(time.as_deref()?)).max();
    let age = moment(now).zip(last).map(|(now, last)| now - last);
    idle && age.is_some_and(|age| age > COLD)
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerState;

    use super::*;

    #[test]
    fn cold_is_what_has_not_run_for_an_hour() {
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
            assert_eq!(cold(&container(running, finished), now), expected, "{finished} {now}");
        }
    }
}
