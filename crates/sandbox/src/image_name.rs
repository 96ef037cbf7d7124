//! The name and content of an image.

use serde::{Deserialize, Serialize};

/// An image on the engine, identified by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The requested name, such as `airsplay/bottom-up-attention:latest`.
    pub name: String,
    /// Hash of its configuration: `sha256:…`. Identifies exactly this content on any engine.
    pub id: String,
    /// `name@sha256:…` for each registry that it came from. Empty for images that were built here; Podman invents a digest
    /// for them.
    pub digests: Vec<String>,
}

impl Image {
    /// Returns its registry digest if it has one, otherwise its id.
    pub fn pin(&self) -> &str {
        self.digests.first().map_or(&self.id, |digest| digest.as_str())
    }

    /// Returns whether a registry gave it this digest (`sha256:…`).
    pub fn has_digest(&self, digest: &str) -> bool {
        self.digests.iter().any(|known| known.rsplit_once('@').is_some_and(|(_, known)| known == digest))
    }
}
