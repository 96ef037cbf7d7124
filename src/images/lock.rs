//! The lock: images as they were when a person pinned them.
//!
//! ```toml
//! schema = 1
//!
//! [[pin]]
//! image = "docker.io/airsplay/bottom-up-attention:latest"
//! id = "sha256:…"       # hash of its configuration
//! digest = "sha256:…"   # the registry's; absent for images that were built or loaded here
//! how = "pulled"
//! date = "2026-11-23"
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use assets::lock_file::{LockFile, Pinned};
use base::clock;
use base::error::Result;
use sandbox::Image;
use sandbox::reference::{Reference, is_digest};

/// The pins compiled into the program.
const SHIPPED: &str = include_str!("../../data/images.lock");

/// How an image came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// From a registry.
    Pulled,
    /// From a Dockerfile, here.
    Built,
    /// It was here.
    Found,
}

impl How {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pulled => "pulled",
            Self::Built => "built",
            Self::Found => "found here",
        }
    }
}

/// One image as it was when it was pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its name in full, with tag.
    pub image: String,
    /// Hash of its configuration: `sha256:…`.
    pub id: String,
    /// What the registry calls this content: `sha256:…`.
    pub digest: Option<String>,
    /// How it came.
    pub how: How,
    /// UTC day of the pinning.
    pub date: String,
}

impl Pin {
    /// Whether an image is the pinned one.
    pub fn is(&self, image: &Image) -> bool {
        self.id == image.id || self.digest.as_ref().is_some_and(|digest| image.has_digest(digest))
    }

    /// What names its content best.
    pub fn content(&self) -> &str {
        self.digest.as_deref().unwrap_or(&self.id)
    }
}

impl Pinned for Pin {
    const FORGOTTEN: &'static str = "which images were pinned";

    fn name(&self) -> &str {
        &self.image
    }

    fn fault(&self) -> Option<String> {
        let are_digests = std::iter::once(&self.id).chain(&self.digest).all(|digest| is_digest(digest));
        let why = "id and digest are sha256: and 64 lower-case hexadecimal digits";
        (!are_digests).then(|| format!("the pin of `{}`: {why}", self.image))
    }
}

/// All pins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock(LockFile<Pin>);

/// Where a workspace's pins are.
pub fn path(workspace: &Path) -> PathBuf {
    workspace.join("data/images.lock")
}

/// The pins of a workspace, and those compiled into the program of images that it has not pinned otherwise.
///
/// # Errors
/// Data where the lock file is wrong.
pub fn read(workspace: &Path) -> Result<Lock> {
    let mut own = LockFile::read(&path(workspace))?;
    for pin in shipped()?.pins() {
        if own.pin(&pin.image).is_none() {
            own.replace(pin.clone());
        }
    }
    Ok(Lock(own))
}

fn shipped() -> Result<LockFile<Pin>> {
    LockFile::parse(SHIPPED, "data/images.lock")
}

/// Changes the pins of a workspace, one process at a time, so that no pin is lost.
///
/// # Errors
/// What `edit` says; data where the lock file is wrong; what [`Error::io`](base::error::Error::io) says.
pub fn change<T>(workspace: &Path, edit: impl FnOnce(&mut Lock) -> Result<T>) -> Result<T> {
    LockFile::change(&path(workspace), |own| {
        let mut lock = Lock(std::mem::take(own));
        let result = edit(&mut lock);
        *own = lock.0;
        result
    })
}

impl Lock {
    /// All pins.
    pub fn pins(&self) -> &[Pin] {
        self.0.pins()
    }

    /// The pin of a name; the digest in it counts for nothing. Without a tag: of any name of the repository at this digest.
    pub fn pin(&self, reference: &Reference) -> Option<&Pin> {
        match (&reference.tag, &reference.digest) {
            (Some(tag), _) => self.0.pin(&format!("{}:{tag}", reference.repository)),
            (None, digest) => self.pins().iter().find(|pin| {
                pin.digest == *digest
                    && pin.image.rsplit_once(':').is_some_and(|(repository, _)| repository == reference.repository)
            }),
        }
    }

    /// Pins an image under a name with a tag; what was pinned there before, where it was another one.
    pub fn set(&mut self, name: &str, image: &Image, how: How) -> Result<Option<Pin>> {
        let Reference { repository, tag, .. } = Reference::parse(name)?;
        let name = format!("{repository}:{}", tag.as_deref().unwrap_or("latest"));
        // Another registry's digest would not be found under this name.
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
    fn pins_are_kept_by_full_name_and_know_their_image() {
        let place = tempfile::tempdir().unwrap();
        let first = image("1", &[format!("b/c@{}", digest("a")), format!("x.org/b/c@{}", digest("b"))]);
        change(place.path(), |lock| lock.set("x.org/b/c", &first, How::Pulled)).unwrap();
        let lock = read(place.path()).unwrap();
        let pin = lock.pin(&Reference::parse("x.org/b/c:latest").unwrap()).unwrap();
        assert_eq!(pin.content(), digest("b"), "that of its own registry");
        assert_eq!(lock.pin(&Reference::parse(&format!("x.org/b/c@{}", digest("b"))).unwrap()), Some(pin));
        assert_eq!(lock.pin(&Reference::parse(&format!("x.org/b/c@{}", digest("a"))).unwrap()), None);
        assert!(lock.pin(&Reference::parse("b/c").unwrap()).is_none());
        assert!(pin.is(&image("1", &[])) && pin.is(&image("2", &[format!("b/c@{}", digest("b"))])));
        assert!(!pin.is(&image("2", &[format!("b/c@{}", digest("a"))])));
        let other = image("3", &[]);
        let replaced = change(place.path(), |lock| lock.set("x.org/b/c:latest", &other, How::Built)).unwrap();
        assert_eq!(replaced.as_ref(), Some(pin));
        let lock = read(place.path()).unwrap();
        assert_eq!((lock.pins()[0].content(), lock.pins().len()), (digest("3").as_str(), 1));
    }

    #[test]
    fn what_is_no_lock_is_refused() {
        let pin = |id: &str| format!("[[pin]]\nimage = \"a\"\nid = \"{id}\"\nhow = \"built\"\ndate = \"\"\n");
        let twice = format!("schema = 1\n{0}{0}", pin(&digest("1")));
        for text in ["", "schema = 2", &format!("schema = 1\n{}", pin("sha256:1")), &twice, "schema = 1\nother = 1"] {
            let error = LockFile::<Pin>::parse(text, "x").unwrap_err();
            assert_eq!(error.kind(), base::error::Kind::Data, "{text}");
        }
        assert_eq!(shipped().unwrap(), LockFile::default());
    }
}
