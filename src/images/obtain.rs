//! Obtains images (pulls, builds, or uses those that exist) and pins them.

use std::path::Path;
use std::time::Duration;

use super::known::{self, Role};
use super::lock::{self, Pin, PinOrigin};
use super::resolve::{ImageStatus, changed, look, missing, moved, same_kind, state};
use base::error::{Error, Result};
use base::progress::Observer;
use sandbox::reference::{Reference, is_id};
use sandbox::{Build, Engine, Image};

/// An image that was obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObtainedImage {
    /// The image.
    pub image: Image,
    /// What happened to its pin.
    pub pin: PinChange,
}

/// What happened to a pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinChange {
    /// A new pin was added.
    New,
    /// The same image was already pinned.
    Same,
    /// The pin of a different image was replaced.
    Replaced(Pin),
    /// The image is named by its digest and needs no pin.
    NotNeeded,
}

/// Returns the name of an image, which may be given as a role.
pub fn name_of(asked: &str) -> Result<String> {
    Role::named(asked).map_or_else(|| Ok(asked.to_owned()), |role| known::of(role).map(|known| known.name))
}

/// Pulls an image by role, name, or name@digest, and pins it. The pull is aborted after `silence` without progress.
///
/// If the name is pinned to a different image, the new one is refused and the name stays unchanged, unless `accept` is set. Pulling
/// the pinned content by its digest gives it its name again.
///
/// # Errors
/// Checksum if a different image is pinned; those of [`Engine::pull`].
pub fn pull(
    engine: &Engine,
    asked: &str,
    accept: bool,
    silence: Duration,
    workspace: &Path,
    observer: &dyn Observer,
) -> Result<ObtainedImage> {
    let name = name_of(asked)?;
    let reference = Reference::parse(&name)?;
    let pin = lock::read(workspace)?.pin(&reference).cloned();
    let demanded = pin.clone().filter(|_| !accept);
    if let Some((pin, expected)) = demanded.as_ref().and_then(|pin| pin.digest.as_ref().map(|digest| (pin, digest))) {
        let published = match &reference.digest {
            Some(digest) => Some(digest.clone()),
            None => engine.published_digest(&name)?,
        };
        if let Some(published) = published.filter(|published| published != expected) {
            return Err(moved(asked, &published, pin, workspace));
        }
    }
    let before = look(engine, &name)?;
    let image = engine.pull(&name, silence, observer)?;
    if let Some(pin) = demanded.as_ref().filter(|pin| !pin.is(&image)) {
        // The digest was not known beforehand; restore the image that the name had.
        match before {
            Some(before) => engine.tag_image(&before.image.id, &name)?,
            None => engine.untag_image(&name)?,
        }
        return Err(moved(asked, same_kind(&image, pin), pin, workspace));
    }
    // The image keeps this name from now on.
    let tagged = match (&reference.tag, &pin) {
        (Some(_), _) => Some(Reference { digest: None, ..reference.clone() }.to_string()),
        (None, Some(pin)) => Some(pin.image.clone()),
        (None, None) => None,
    };
    let Some(tagged) = tagged else { return Ok(ObtainedImage { image, pin: PinChange::NotNeeded }) };
    if reference.digest.is_some() {
        engine.tag_image(&image.id, &tagged)?;
    }
    let pin = record(engine, workspace, &tagged, &image, PinOrigin::Pulled)?;
    Ok(ObtainedImage { image, pin })
}

/// Pins an existing image.
///
/// # Errors
/// Infra if it does not exist; checksum if a different image is pinned and `accept` is not set; usage for an image without a name.
pub fn pin(engine: &Engine, asked: &str, accept: bool, workspace: &Path) -> Result<ObtainedImage> {
    let name = name_of(asked)?;
    if is_id(&name) && look(engine, &name)?.is_some() || Reference::parse(&name)?.digest.is_some() {
        return Err(Error::usage(format!("{asked} names its content by digest or id, so there is nothing to pin"))
            .next("give the image a name with docker tag, and pin that"));
    }
    let image = match state(engine, &lock::read(workspace)?, &name)? {
        ImageStatus::Missing => {
            let known = Role::named(asked).map(known::of).transpose()?;
            return Err(missing(&name, known.as_ref(), workspace));
        }
        ImageStatus::Changed { found, pin } if !accept => return Err(changed(asked, &found.image, &pin, workspace)),
        ImageStatus::Pinned(found) => return Ok(ObtainedImage { image: found.image, pin: PinChange::Same }),
        ImageStatus::Unpinned(found) | ImageStatus::Changed { found, .. } => found.image,
    };
    let pin = record(engine, workspace, &name, &image, PinOrigin::Found)?;
    Ok(ObtainedImage { image, pin })
}

/// Builds an image and pins it, replacing an earlier pin.
///
/// # Errors
/// Those of [`Engine::build`].
pub fn build(engine: &Engine, build: &Build, workspace: &Path, told: &mut dyn FnMut(&str)) -> Result<ObtainedImage> {
    let image = engine.build(build, told)?;
    let pin = record(engine, workspace, &build.tag, &image, PinOrigin::Built)?;
    Ok(ObtainedImage { image, pin })
}

fn record(engine: &Engine, workspace: &Path, name: &str, image: &Image, how: PinOrigin) -> Result<PinChange> {
    if lock::read(workspace)?.pin(&Reference::parse(name)?).is_some_and(|pin| pin.is(image)) {
        return Ok(PinChange::Same);
    }
    let mut image = image.clone();
    // Podman gives a digest to images that were built or loaded locally too, but no registry has it.
    if how == PinOrigin::Built || how == PinOrigin::Found && engine.facts().podman {
        image.digests.clear();
    }
    let replaced = lock::change(workspace, |lock| lock.set(name, &image, how))?;
    Ok(replaced.map_or(PinChange::New, PinChange::Replaced))
}
