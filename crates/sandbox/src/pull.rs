//! Pulls images from registries.

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use tokio::time::Instant;

use super::engine::Engine;
use super::failure::{Cause, Failure};
use super::image_name::Image;
use super::pull_reason::{find_reason, says_full};
use super::reference::Reference;
use base::cause::PullReason;
use base::format::human_seconds;
use base::progress::{Event, Observer, ProgressTask, TaskStart, Unit};
use base::signals::ShutdownGuard;

impl Engine {
    /// Pulls an image by name or name@digest. `observer` receives the number of compressed bytes that have arrived, and of
    /// finished layers. The total grows, since layers become known one after the other. The pull fails after `silence`
    /// without progress.
    ///
    /// # Errors
    /// [`Cause::ImagePull`], whose reason is [`PullReason::Failed`] if it is of no known kind; [`Cause::DiskFull`],
    /// [`Cause::Interrupted`].
    pub fn pull(&self, name: &str, silence: Duration, observer: &dyn Observer) -> Result<Image, Failure> {
        let reference = Reference::parse(name)?;
        let mut shutdown = ShutdownGuard::begin()?;
        self.block_on(async {
            tokio::select! {
                done = self.pull_layers(name, &reference, silence, observer) => done,
                // The engine cancels a pull when the client disconnects.
                signal = shutdown.wait_for_stop() => Err(Cause::Interrupted { signal }.into()),
            }
        })?;
        // By the requested digest if there is one; a tag next to it is ignored.
        let found = match &reference.digest {
            Some(digest) => self.image(&reference.at(digest).to_string())?,
            None => self.image(name)?,
        };
        Ok(Image { name: name.to_owned(), ..found })
    }

    async fn pull_layers(
        &self,
        name: &str,
        reference: &Reference,
        silence: Duration,
        observer: &dyn Observer,
    ) -> Result<(), Failure> {
        let version = reference.digest.as_ref().or(reference.tag.as_ref()).map_or("latest", String::as_str);
        let options = CreateImageOptionsBuilder::default().from_image(&reference.repository).tag(version).build();
        let docker = self.docker().clone().with_timeout(silence.saturating_add(Duration::from_secs(60)));
        let mut answers = std::pin::pin!(docker.create_image(Some(options), None, None));
        let _task = ProgressTask::begin(observer, TaskStart::new(name, None, Unit::Bytes));
        let (mut layers, mut finished, mut moved) = (Layers::default(), false, Instant::now());
        loop {
            match tokio::time::timeout_at(moved + silence, answers.next()).await {
                Ok(Some(Ok(info))) => {
                    let status = info.status.as_deref().unwrap_or_default();
                    finished |= status.starts_with("Digest: ") || status.starts_with("Status: ");
                    // The engine's retry countdowns are no progress.
                    if !status.starts_with("Retrying") {
                        moved = Instant::now();
                    }
                    if layers.take(&info) {
                        observer.event(&layers.progress(name));
                    }
                }
                Ok(Some(Err(error))) => return Err(self.pull_failed(name, error)),
                // Podman sends no final status.
                Ok(None) if finished || self.facts().podman => return Ok(()),
                Ok(None) => return Err(Cause::EngineLost { why: "the engine closed it".into() }.into()),
                Err(_) => {
                    let why = format!("no progress for {}", human_seconds(silence.as_secs_f64()));
                    return Err(Cause::ImagePull { image: name.to_owned(), reason: PullReason::Failed, why }.into());
                }
            }
        }
    }

    /// Asks the registry for the current digest (`sha256:…`) of a name, without pulling it. `None` if the engine cannot ask,
    /// like Podman.
    ///
    /// # Errors
    /// [`Cause::ImagePull`]; else see [`Cause`].
    pub fn published_digest(&self, name: &str) -> Result<Option<String>, Failure> {
        if self.facts().podman {
            return Ok(None);
        }
        let full = Reference::parse(name)?.to_string();
        let answer = self.block_on(self.docker().inspect_registry_image(&full, None));
        answer.map(|answer| answer.descriptor.digest).map_err(|error| self.pull_failed(name, error))
    }

    /// Classifies the error of a pull.
    fn pull_failed(&self, name: &str, error: DockerError) -> Failure {
        let (status, why) = match &error {
            DockerError::DockerResponseServerError { status_code, message } => {
                (*status_code, message.trim().to_owned())
            }
            DockerError::DockerStreamError { error } => (500, error.trim().to_owned()),
            _ => return self.engine_failure("pull an image", error),
        };
        if says_full(&why) {
            return Cause::DiskFull { why }.into();
        }
        let refused =
            ["manifest unknown", "not found", "access denied", "unauthorized", "denied:", "no matching manifest"];
        let is_refused = || matches!(status, 400 | 401 | 403 | 404) || refused.iter().any(|text| why.contains(text));
        let other = || if is_refused() { PullReason::Refused } else { PullReason::Failed };
        let reason = find_reason(&why).unwrap_or_else(other);
        Cause::ImagePull { image: name.to_owned(), reason, why }.into()
    }
}

/// Progress of the layers of an image, by id.
#[derive(Default)]
struct Layers(HashMap<String, Layer>);

#[derive(Default)]
struct Layer {
    done: u64,
    total: u64,
    in_place: bool,
}

impl Layers {
    /// Updates the layer that a message is about; returns `false` if it is about none.
    fn take(&mut self, info: &CreateImageInfo) -> bool {
        let (Some(id), Some(status)) = (&info.id, &info.status) else { return false };
        if status.starts_with("Pulling from") {
            return false;
        }
        let layer = self.0.entry(id.clone()).or_default();
        match status.as_str() {
            "Downloading" | "Copying blob" => {
                let bytes = |bytes: Option<i64>| bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0);
                let detail = info.progress_detail.clone().unwrap_or_default();
                layer.done = bytes(detail.current);
                layer.total = bytes(detail.total).max(layer.done);
            }
            "Verifying Checksum" | "Extracting" => layer.done = layer.total,
            "Download complete" => {
                layer.done = layer.total;
                // The last message of Podman about a layer; it has no sizes.
                layer.in_place |= layer.total == 0;
            }
            "Pull complete" | "Already exists" => {
                layer.done = layer.total;
                layer.in_place = true;
            }
            _ => {}
        }
        true
    }

    fn progress(&self, name: &str) -> Event {
        let sum = |of: fn(&Layer) -> u64| self.0.values().map(of).fold(0, u64::saturating_add);
        let in_place = self.0.values().filter(|layer| layer.in_place).count();
        Event::Progress {
            name: name.to_owned(),
            done: sum(|layer| layer.done),
            total: Some(sum(|layer| layer.total)),
            detail: format!("{in_place} of {} layers", self.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_layers_are_summed() {
        let mut layers = Layers::default();
        let mut send = |id: &str, status: &str, current: i64| {
            let detail = format!(r#"{{"current":{current},"total":100}}"#);
            let line = format!(r#"{{"id":"{id}","status":"{status}","progressDetail":{detail}}}"#);
            layers.take(&serde_json::from_str(&line).unwrap());
            layers.progress("x/y")
        };
        send("1", "Pulling from x/y", 0);
        send("a", "Pulling fs layer", 0);
        send("b", "Already exists", 0);
        send("c", "Downloading", -5);
        let progress = |done, layers: &str| {
            let detail = format!("{layers} layers");
            Event::Progress { name: "x/y".to_owned(), done, total: Some(200), detail }
        };
        assert_eq!(send("a", "Downloading", 40), progress(40, "1 of 3"));
        assert_eq!(send("a", "Extracting", 10), progress(100, "1 of 3"));
        assert_eq!(send("a", "Pull complete", 0), progress(100, "2 of 3"));
    }
}
