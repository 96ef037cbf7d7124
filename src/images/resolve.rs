//! Finds the image for a run and compares it with its pin.

use std::path::Path;

use super::known::{self, KnownImage, Origin, Role};
use super::lock::{self, ImageLock, Pin};
use base::error::{Error, Result};
use sandbox::image::ImageDetails;
use sandbox::reference::{Reference, is_id};
use sandbox::{Cause, Engine, Failure, Image};

/// An image for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImage {
    /// The image.
    pub image: Image,
    /// Whether its content is pinned, in the lock file or by the requested digest or id.
    pub pinned: bool,
}

impl ResolvedImage {
    /// Returns a warning to show before it is used; `None` if it is pinned.
    pub fn warning(&self) -> Option<String> {
        (!self.pinned).then(|| {
            let name = &self.image.name;
            format!(
                "image {name} is not pinned, so a later run may use a different one; pin it with repro images pin {name}"
            )
        })
    }
}

/// The state of an image in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageStatus {
    /// It does not exist.
    Missing,
    /// An image that is not pinned.
    Unpinned(ImageDetails),
    /// The pinned image.
    Pinned(ImageDetails),
    /// An image that differs from the pinned one.
    Changed {
        /// The existing image.
        found: ImageDetails,
        /// The pin.
        pin: Pin,
    },
}

/// Looks up a name or id and compares the image with the pins. An image named by digest or id needs no pin. If no image has the name,
/// the pinned content is looked up by its digest.
///
/// # Errors
/// Usage for an invalid name; infra if the engine fails.
pub fn state(engine: &Engine, lock: &ImageLock, name: &str) -> Result<ImageStatus> {
    if is_id(name)
        && let Some(details) = look(engine, name)?
    {
        return Ok(ImageStatus::Pinned(details));
    }
    let reference = Reference::parse(name)?;
    if reference.digest.is_some() {
        return Ok(look(engine, name)?.map_or(ImageStatus::Missing, ImageStatus::Pinned));
    }
    let pin = lock.pin(&reference);
    Ok(match (look(engine, name)?, pin) {
        (Some(found), None) => ImageStatus::Unpinned(found),
        (Some(found), Some(pin)) if pin.is(&found.image) => ImageStatus::Pinned(found),
        (Some(found), Some(pin)) => ImageStatus::Changed { found, pin: pin.clone() },
        (None, Some(Pin { digest: Some(digest), .. })) => {
            let found = look(engine, &reference.at(digest).to_string())?;
            found.map_or(ImageStatus::Missing, |found| ImageStatus::Pinned(renamed(found, name)))
        }
        (None, _) => ImageStatus::Missing,
    })
}

fn renamed(mut details: ImageDetails, name: &str) -> ImageDetails {
    name.clone_into(&mut details.image.name);
    details
}

pub(super) fn look(engine: &Engine, name: &str) -> Result<Option<ImageDetails>> {
    match engine.details(name) {
        Ok(details) => Ok(Some(details)),
        Err(Failure { cause, .. }) if matches!(*cause, Cause::ImageMissing { .. }) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// Finds the image of a role for a run: the default one, or the one that was `asked` for (a name, name@digest or id). It is compared
/// with the pins of the workspace; nothing is pulled.
///
/// An image without a pin is allowed; see [`ResolvedImage::warning`].
///
/// # Errors
/// Infra if it does not exist; checksum if it differs from the pinned one.
pub fn resolve(engine: &Engine, role: Role, asked: Option<&str>, workspace: &Path) -> Result<ResolvedImage> {
    let known = known::of(role)?;
    let name = asked.unwrap_or(&known.name);
    match state(engine, &lock::read(workspace)?, name)? {
        ImageStatus::Unpinned(found) => Ok(ResolvedImage { image: found.image, pinned: false }),
        ImageStatus::Pinned(found) => Ok(ResolvedImage { image: found.image, pinned: true }),
        ImageStatus::Changed { found, pin } => {
            Err(changed(asked.unwrap_or(role.name()), &found.image, &pin, workspace))
        }
        ImageStatus::Missing => Err(missing(name, asked.is_none().then_some(&known), workspace)),
    }
}

/// Returns the error for a missing image; `known` is its entry in `data/images.toml`, if any.
pub(super) fn missing(name: &str, known: Option<&KnownImage>, workspace: &Path) -> Error {
    let advice = match known.map(|known| (known.role.name(), known.origin)) {
        Some((role, Origin::Registry)) => format!("pull it with `{}`", command("pull", role, workspace)),
        Some((role, Origin::Dockerfile)) => format!("build it with `{}`", command("build", role, workspace)),
        None => {
            let pull = command("pull", name, workspace);
            format!("pull it with `{pull}` if a registry has it; docker images lists existing images")
        }
    };
    Error::from(Failure::from(Cause::ImageMissing { image: name.to_owned() })).next(advice)
}

/// Returns the error for an image that differs from the pinned one; `asked` is the name in the command.
pub(super) fn changed(asked: &str, found: &Image, pin: &Pin, workspace: &Path) -> Error {
    let back = match by_digest(pin) {
        Some(name) => format!("get the pinned one with `{}`", command("pull", &name, workspace)),
        None => format!("get the pinned one with `docker tag {} {}` if it still exists", pin.id, pin.image),
    };
    let accept = command("pin --accept", asked, workspace);
    let what = not_the_pinned(pin, same_kind(found, pin));
    what.next(format!("nothing was changed; {back}, or accept the current one with `{accept}`"))
}

/// Returns the error for a tag whose content in the registry differs from the pin.
pub(super) fn moved(asked: &str, found: &str, pin: &Pin, workspace: &Path) -> Error {
    let accept = command("pull --accept", asked, workspace);
    let back = match by_digest(pin) {
        Some(name) => format!("get the pinned one with `{}`", command("pull", &name, workspace)),
        None => "the pinned one was built or loaded locally".to_owned(),
    };
    not_the_pinned(pin, found)
        .next(format!("nothing was changed; {back}, or accept and pin the new one with `{accept}`"))
}

fn not_the_pinned(pin: &Pin, found: &str) -> Error {
    let (image, expected, found) = (pin.image.clone(), pin.content().to_owned(), found.to_owned());
    Failure::from(Cause::ImageChanged { image, expected, found }).into()
}

/// Returns the name by which the registry has the pinned content.
fn by_digest(pin: &Pin) -> Option<String> {
    Some(Reference::parse(&pin.image).ok()?.at(pin.digest.as_ref()?).to_string())
}

/// Returns the digest of an image if the pin has a digest too, else its id, so that both can be compared.
pub(super) fn same_kind<'a>(found: &'a Image, pin: &Pin) -> &'a str {
    match pin.digest {
        Some(_) => found.pin().rsplit_once('@').map_or(found.id.as_str(), |(_, digest)| digest),
        None => &found.id,
    }
}

/// Returns the command `repro images VERB NAME` for a workspace.
pub(super) fn command(verb: &str, name: &str, workspace: &Path) -> String {
    let mut text = format!("repro images {verb} {name}");
    if workspace != Path::new("workspace") {
        text += &format!(" --workspace {}", workspace.display());
    }
    text
}
