//! What names an image and its content.

use serde::{Deserialize, Serialize};

/// An image on the engine, known by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// As it was asked for, such as `airsplay/bottom-up-attention:latest`.
    pub name: String,
    /// Hash of its configuration: `sha256:…`. Names exactly this content on any engine.
    pub id: String,
    /// `name@sha256:…` of the registries that it came from; empty for images that were built here, but with Podman, which
    /// makes up one for them.
    pub digests: Vec<String>,
}

impl Image {
    /// What names its content best: the registry's digest where there is one, else its id.
    pub fn pin(&self) -> &str {
        self.digests.first().map_or(&self.id, |digest| digest.as_str())
    }

    /// Whether a registry gave it this digest (`sha256:…`).
    pub fn has_digest(&self, digest: &str) -> bool {
        self.digests.iter().any(|known| known.rsplit_once('@').is_some_and(|(_, known)| known == digest))
    }
}
