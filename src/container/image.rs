//! Images by digest or id.

use bollard::errors::Error as Answer;
use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::failure::{Cause, Failure};

/// An image on the engine, known by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// As it was asked for, such as `airsplay/bottom-up-attention:latest`.
    pub name: String,
    /// Hash of its configuration: `sha256:…`. Names exactly this content on any engine.
    pub id: String,
    /// `name@sha256:…` of the registries that it came from; empty for images that were built here.
    pub digests: Vec<String>,
}

impl Image {
    /// What names its content best: the registry's digest where there is one, else its id.
    pub fn pin(&self) -> &str {
        self.digests.first().map_or(&self.id, |digest| digest.as_str())
    }
}

impl Engine {
    /// Looks an image up on the engine, by name, name@digest or id; nothing is pulled.
    ///
    /// # Errors
    /// [`Cause::ImageMissing`] where it is not there.
    pub fn image(&self, name: &str) -> Result<Image, Failure> {
        match self.block_on(self.docker().inspect_image(name)) {
            Ok(found) => Ok(Image {
                name: name.to_owned(),
                id: found.id.unwrap_or_default(),
                digests: found.repo_digests.unwrap_or_default(),
            }),
            Err(Answer::DockerResponseServerError { status_code: 404, .. }) => {
                Err(Cause::ImageMissing { image: name.to_owned() }.into())
            }
            Err(error) => Err(self.failed("look for an image", error)),
        }
    }
}
