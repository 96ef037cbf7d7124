//! The lock file with the pins of images.
//!
//! ```toml
//! schema = 1
//!
//! [[pin]]
//! image = "docker.io/airsplay/bottom-up-attention:latest"
//! id = "sha256:…"       # hash of the image's configuration
//! digest = "sha256:…"   # the registry's; absent for images that were built or loaded locally
//! how = "pulled"
//! date = "2026-11-23"
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use assets::lock_file::{LockFile, PinRecord};
use base::clock;
use base::error::Result;
use sandbox::Image;
use sandbox::reference::{Reference, is_digest};

/// Pins compiled into the program.
const SHIPPED: &str = include_str!("../../data/images.lock");

/// How a pinned image was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinOrigin {
    /// Pulled from a registry.
    Pulled,
    /// Built from a Dockerfile.
    Built,
    /// It existed already.
    Found,
}

impl PinOrigin {
    /// Returns the text for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pulled => "pulled",
            Self::Built => "built",
            Self::Found => "found here",
        }
    }
}

/// The pin of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Full name with tag.
    pub image: String,
    /// Hash of the image's configuration: `sha256:…`.
    pub id: String,
    /// The registry's digest of the content: `sha256:…`.
    pub digest: Option<String>,
    /// How it was obtained.
    pub how: PinOrigin,
    /// UTC date of the pin.
    pub date: String,
}

impl Pin {
    /// Whether an image is the pinned one.
    pub fn is(&self, image: &Image) -> bool {
        self.id == image.id || self.digest.as_ref().is_some_and(|digest| image.has_digest(digest))
    }

    /// Returns the digest, else the id.
    pub fn content(&self) -> &str {
        self.digest.as_deref().unwrap_or(&self.id)
    }
}

impl PinRecord for Pin {
    const FORGOTTEN: &'static str = "which images were pinned";

    fn name(&self) -> &str {
        &self.image
    }

    fn fault(&self) -> Option<String> {
        let are_digests = std::iter::once(&self.id).chain(&self.digest).all(|digest| is_digest(digest));
        let why = "id and digest must be sha256: and 64 lower-case hexadecimal digits";
        (!are_digests).then(|| format!("the pin of `{}`: {why}", self.image))
    }
}

/// The pins of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageLock(LockFile<Pin>);

/// Returns the path of a workspace's lock file.
pub fn path(workspace: &Path) -> PathBuf {
    workspace.join("data/images.lock")
}

/// Reads the pins of a workspace, and adds those compiled into the program for images that the workspace has not pinned.
///
/// # Errors
/// Data if the lock file is invalid.
pub fn read(workspace: &Path) -> Result<ImageLock> {
    let mut own = LockFile::read(&path(workspace))?;
    for pin in shipped()?.pins() {
        if own.pin(&pin.image).is_none() {
            own.replace(pin.clone());
        }
    }
    Ok(ImageLock(own))
}

fn shipped() -> Result<LockFile<Pin>> {
    LockFile::parse(SHIPPED, "data/images.lock")
}

/// Changes the pins of a workspace, one process at a time, so that no pin is lost.
///
/// # Errors
/// Those of `edit` and of reading and writing the file; data if the lock file is invalid.
pub fn change<T>(workspace: &Path, edit: impl FnOnce(&mut ImageLock) -> Result<T>) -> Result<T> {
    LockFile::change(&path(workspace), |own| {
        let mut lock = ImageLock(std::mem::take(own));
        let result = edit(&mut lock);
        *own = lock.0;
        result
    })
}

impl ImageLock {
    /// Returns all pins.
    pub fn pins(&self) -> &[Pin] {
        self.0.pins()
    }

    /// Returns the pin of a name, ignoring a digest in it. A name without a tag matches any pin of the repository with the same digest.
    pub fn pin(&self, reference: &Reference) -> Option<&Pin> {
        match (&reference.tag, &reference.digest) {
            (Some(tag), _) => self.0.pin(&format!("{}:{tag}", reference.repository)),
            (None, digest) => self.pins().iter().find(|pin| {
                pin.digest == *digest
                    && pin.image.rsplit_once(':').is_some_and(|(repository, _)| repository == reference.repository)
            }),
        }
    }

    /// Pins an image under a name with a tag. Returns the earlier pin if it was of a different image.
    pub fn set(&mut self, name: &str, image: &Image, how: PinOrigin) -> Result<Option<Pin>> {
        let Reference { repository, tag, .. } = Reference::parse(name)?;
        let name = format!("{repository}:{}", tag.as_deref().unwrap_or("latest"));
        // The digest of a different registry would not be found under this name.
        let own = format!("{repository}@");
        let digest = image.digests.iter().map(|digest| full(digest)).find(|digest| digest.starts_with(&own));
        let digest = digest.map(|digest| digest[own.len()..].to_owned());
        let before = self.0.replace(Pin { image: name, id: image.id.clone(), digest, how, date: clock::today() });
        Ok(before.filter(|before| !before.is(image)))
    }
}

fn full(digest: &str) -> String {
    Reference::parse(digest).map_or_else(|_| digest.to_owned(), |reference| reference.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    fn image(id: &str, digests: &[String]) -> Image {
        Image { name: String::new(), id: digest(id), digests: digests.to_vec() }
    }

    #[test]
    fn pins_are_stored_by_full_name_and_recognise_their_image() {
        let place = tempfile::tempdir().unwrap();
        let first = image("1", &[format!("b/c@{}", digest("a")), format!("x.org/b/c@{}", digest("b"))]);
        change(place.path(), |lock| lock.set("x.org/b/c", &first, PinOrigin::Pulled)).unwrap();
        let lock = read(place.path()).unwrap();
        let pin = lock.pin(&Reference::parse("x.org/b/c:latest").unwrap()).unwrap();
        assert_eq!(pin.content(), digest("b"), "that of its own registry");
        assert_eq!(lock.pin(&Reference::parse(&format!("x.org/b/c@{}", digest("b"))).unwrap()), Some(pin));
        assert_eq!(lock.pin(&Reference::parse(&format!("x.org/b/c@{}", digest("a"))).unwrap()), None);
        assert!(lock.pin(&Reference::parse("b/c").unwrap()).is_none());
        assert!(pin.is(&image("1", &[])) && pin.is(&image("2", &[format!("b/c@{}", digest("b"))])));
        assert!(!pin.is(&image("2", &[format!("b/c@{}", digest("a"))])));
        let other = image("3", &[]);
        let replaced = change(place.path(), |lock| lock.set("x.org/b/c:latest", &other, PinOrigin::Built)).unwrap();
        assert_eq!(replaced.as_ref(), Some(pin));
        let lock = read(place.path()).unwrap();
        assert_eq!((lock.pins()[0].content(), lock.pins().len()), (digest("3").as_str(), 1));
    }

    #[test]
    fn an_invalid_lock_file_is_refused() {
        let pin = |id: &str| format!("[[pin]]\nimage = \"a\"\nid = \"{id}\"\nhow = \"built\"\ndate = \"\"\n");
        let twice = format!("schema = 1\n{0}{0}", pin(&digest("1")));
        for text in ["", "schema = 2", &format!("schema = 1\n{}", pin("sha256:1")), &twice, "schema = 1\nother = 1"] {
            let error = LockFile::<Pin>::parse(text, "x").unwrap_err();
            assert_eq!(error.kind(), base::error::Kind::Data, "{text}");
        }
        assert_eq!(shipped().unwrap(), LockFile::default());
    }
}
