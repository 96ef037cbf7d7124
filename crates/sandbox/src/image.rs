//! Finds, tags and untags images on the engine.

use std::collections::BTreeMap;

use bollard::errors::Error as DockerError;
use bollard::query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder};

use super::engine::Engine;
use super::failure::{Cause, Failure};
pub use super::image_name::Image;
use super::reference::{Reference, is_id};

/// An image with its properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDetails {
    /// The image.
    pub image: Image,
    /// Size on disk in bytes, including layers shared with other images.
    pub size: Option<u64>,
    /// Time of its creation, RFC 3339.
    pub created: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// Finds an image on the engine by name, name@digest or id; nothing is pulled.
    ///
    /// # Errors
    /// [`Cause::ImageMissing`]; [`Cause::ImagePull`] for a bad name.
    pub fn image(&self, name: &str) -> Result<Image, Failure> {
        self.details(name).map(|details| details.image)
    }

    /// Finds an image like [`Self::image`], and returns its properties.
    ///
    /// # Errors
    /// [`Cause::ImageMissing`]; [`Cause::ImagePull`] for a bad name.
    pub fn details(&self, name: &str) -> Result<ImageDetails, Failure> {
        let found = match is_id(name) {
            true => self.block_on(self.docker().inspect_image(name)),
            false => {
                let full = Reference::parse(name)?.to_string();
                match self.block_on(self.docker().inspect_image(&full)) {
                    // Images that Podman's own commands built or loaded have this prefix.
                    Err(error) if self.facts().podman && is_absent(&error) && !full.starts_with(name) => {
                        self.block_on(self.docker().inspect_image(&format!("localhost/{name}")))
                    }
                    found => found,
                }
            }
        };
        match found {
            Ok(found) => Ok(ImageDetails {
                image: Image {
                    name: name.to_owned(),
                    id: with_algorithm(found.id.unwrap_or_default()),
                    digests: found.repo_digests.unwrap_or_default(),
                },
                size: found.size.and_then(|size| size.try_into().ok()),
                created: found.created,
                labels: found.config.and_then(|config| config.labels).unwrap_or_default().into_iter().collect(),
            }),
            Err(error) if is_absent(&error) => Err(Cause::ImageMissing { image: name.to_owned() }.into()),
            Err(error) => Err(self.engine_failure("find an image", error)),
        }
    }

    /// Tags an image with a name; another image may lose this name. A digest in the name is ignored.
    ///
    /// # Errors
    /// [`Cause::ImagePull`] for a bad name, [`Cause::ImageMissing`].
    pub fn tag_image(&self, id: &str, name: &str) -> Result<(), Failure> {
        let Reference { repository, tag, .. } = Reference::parse(name)?;
        let tag = tag.unwrap_or_else(|| "latest".to_owned());
        let options = TagImageOptionsBuilder::default().repo(&repository).tag(&tag).build();
        match self.block_on(self.docker().tag_image(id, Some(options))) {
            Err(error) if is_absent(&error) => Err(Cause::ImageMissing { image: id.to_owned() }.into()),
            other => other.map_err(|error| self.engine_failure("tag an image", error)),
        }
    }

    /// Removes a name from an image. An image without names is removed unless a container uses it.
    ///
    /// # Errors
    /// [`Cause::ImagePull`] for a bad name. A missing image is no error.
    pub fn untag_image(&self, name: &str) -> Result<(), Failure> {
        let full = Reference::parse(name)?.to_string();
        let options = RemoveImageOptionsBuilder::default().build();
        match self.block_on(self.docker().remove_image(&full, Some(options), None)) {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(self.engine_failure("remove an image", error)),
        }
    }
}

fn is_absent(error: &DockerError) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code: 404, .. })
}

/// Adds the algorithm to an id; Podman omits it.
fn with_algorithm(id: String) -> String {
    match id.contains(':') || id.is_empty() {
        true => id,
        false => format!("sha256:{id}"),
    }
}
