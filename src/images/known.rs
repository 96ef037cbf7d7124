//! The images that the program uses, as listed in `data/images.toml`.

use std::fmt;

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};

const IMAGES: &str = include_str!("../../data/images.toml");
const SCHEMA: u32 = 1;

/// The role of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The original's feature extraction.
    Extractor,
    /// Training, evaluation and prediction by this program.
    Train,
}

impl Role {
    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Extractor => "extractor",
            Self::Train => "train",
        }
    }

    /// Returns the role by name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Extractor, Self::Train].into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How an image is obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Pulled from a registry.
    Registry,
    /// Built from a Dockerfile.
    Dockerfile,
}

/// An image that the program uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownImage {
    /// Its role.
    pub role: Role,
    /// Its default name.
    pub name: String,
    /// Description of its content.
    pub title: String,
    /// How it is obtained.
    pub origin: Origin,
    /// Path of its Dockerfile in the repository.
    pub dockerfile: Option<String>,
    /// Source of this information, and what is not known.
    pub known_from: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    schema: u32,
    #[serde(rename = "image")]
    images: Vec<KnownImage>,
}

/// Returns all images in the order of their roles.
pub fn all() -> Result<Vec<KnownImage>> {
    let wrong = |why: String| Error::bug("data/images.toml is invalid").because(why);
    let Text { schema, images } = toml::from_str(IMAGES).map_err(|error| wrong(error.to_string()))?;
    match schema {
        SCHEMA => Ok(images),
        other => Err(wrong(format!("its schema is {other}"))),
    }
}

/// Returns the image of a role.
pub fn of(role: Role) -> Result<KnownImage> {
    let found = all()?.into_iter().find(|known| known.role == role);
    found.ok_or_else(|| Error::bug(format!("data/images.toml has no image for {role}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::reference::Reference;

    #[test]
    fn every_role_has_one_image() {
        for role in [Role::Extractor, Role::Train] {
            let known = of(role).unwrap();
            assert_eq!(Role::named(role.name()), Some(role));
            assert_eq!(known.dockerfile.is_some(), known.origin == Origin::Dockerfile);
            let full = Reference::parse(&known.name).unwrap();
            assert!(full.to_string().ends_with(&known.name) && full.tag.is_some(), "in full: {full}");
        }
        assert_eq!(of(Role::Extractor).unwrap().name, "docker.io/airsplay/bottom-up-attention:latest");
        assert_eq!(Role::named("airsplay/bottom-up-attention"), None);
    }
}
