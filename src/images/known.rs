//! The images that the program runs in (`data/images.toml`).

use std::fmt;

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};

const IMAGES: &str = include_str!("../../data/images.toml");
const SCHEMA: u32 = 1;

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The original's feature extraction.
    Extractor,
    /// Training, evaluation and prediction by this program.
    Train,
}

impl Role {
    /// As it stands on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Extractor => "extractor",
            Self::Train => "train",
        }
    }

    /// The role of a name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Extractor, Self::Train].into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It is pulled.
    Registry,
    /// It is built.
    Dockerfile,
}

/// An image that the program runs in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// What it is for.
    pub role: Role,
    /// Its name, unless a person names another.
    pub name: String,
    /// What is in it.
    pub title: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is built from, below the repository's root.
    pub dockerfile: Option<String>,
    /// Where all this is known from, and what is not known.
    pub known_from: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    schema: u32,
    #[serde(rename = "image")]
    images: Vec<Known>,
}

/// All images, in the order of their roles.
pub fn all() -> Result<Vec<Known>> {
    let wrong = |why: String| Error::bug("data/images.toml is wrong").because(why);
    let Text { schema, images } = toml::from_str(IMAGES).map_err(|error| wrong(error.to_string()))?;
    match schema {
        SCHEMA => Ok(images),
        other => Err(wrong(format!("its schema is {other}"))),
    }
}

/// The image of a role.
pub fn of(role: Role) -> Result<Known> {
    let found = all()?.into_iter().find(|known| known.role == role);
    found.ok_or_else(|| Error::bug(format!("data/images.toml has no image for {role}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::reference::Reference;

    #[test]
    fn every_role_has_its_image() {
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
