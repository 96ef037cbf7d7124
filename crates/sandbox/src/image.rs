//! Images by digest or id.

use std::collections::BTreeMap;

use bollard::errors::Error as Answer;
use bollard::query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder};

use super::engine::Engine;
use super::failure::{Cause, Failure};
pub use super::image_name::Image;
use super::reference::{Reference, is_id};

/// An image with what the engine says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// The image.
    pub image: Image,
    /// Bytes on the disk, layers that it shares with others included.
    pub size: Option<u64>,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// Looks an image up on the engine, by name, name@digest or id; nothing is pulled.
    ///
    /// # Errors
    /// [`Cause::ImageMissing`] where it is not there, [`Cause::ImagePull`] for a bad name.
    pub fn image(&self, name: &str) -> Result<Image, Failure> {
        self.details(name).map(|details| details.image)
    }

    /// [`Self::image`], with what the engine says of it.
    ///
    /// # Errors
    /// As [`Self::image`].
    pub fn details(&self, name: &str) -> Result<Details, Failure> {
        let found = match is_id(name) {
            true => self.block_on(self.docker().inspect_image(name)),
            false => {
                let full = Reference::parse(name)?.to_string();
                match self.block_on(self.docker().inspect_image(&full)) {
                    // What Podman's own commands built or loaded here has this in front.
                    Err(error) if self.facts().podman && is_absent(&error) && !full.starts_with(name) => {
                        self.block_on(self.docker().inspect_image(&format!("localhost/{name}")))
                    }
                    found => found,
                }
            }
        };
        match found {
            Ok(found) => Ok(Details {
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
            Err(error) => Err(self.failed("look for an image", error)),
        }
    }

    /// Gives an image a name, which another one may lose by it. A digest in the name counts for nothing.
    ///
    /// # Errors
    /// [`Cause::ImagePull`] for a bad name, [`Cause::ImageMissing`].
    pub fn name_image(&self, id: &str, name: &str) -> Result<(), Failure> {
        let Reference { repository, tag, .. } = Reference::parse(name)?;
        let tag = tag.unwrap_or_else(|| "latest".to_owned());
        let options = TagImageOptionsBuilder::default().repo(&repository).tag(&tag).build();
        match self.block_on(self.docker().tag_image(id, Some(options))) {
            Err(error) if is_absent(&error) => Err(Cause::ImageMissing { image: id.to_owned() }.into()),
            other => other.map_err(|error| self.failed("name an image", error)),
        }
    }

    /// Takes a name from an image, and the image away with its last name unless a container uses it.
    ///
    /// # Errors
    /// [`Cause::ImagePull`] for a bad name; none where it is not there.
    pub fn unname_image(&self, name: &str) -> Result<(), Failure> {
        let full = Reference::parse(name)?.to_string();
        let options = RemoveImageOptionsBuilder::default().build();
        match self.block_on(self.docker().remove_image(&full, Some(options), None)) {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(self.failed("remove an image", error)),
        }
    }
}

fn is_absent(error: &Answer) -> bool {
    matches!(error, Answer::DockerResponseServerError { status_code: 404, .. })
}

/// Podman leaves the algorithm out.
fn with_algorithm(id: String) -> String {
    match id.contains(':') || id.is_empty() {
        true => id,
        false => format!("sha256:{id}"),
    }
}
