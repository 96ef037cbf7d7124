//! Images come: pulled, built, or found here; and each is pinned as it came.

use std::path::Path;
use std::time::Duration;

use super::known::{self, Role};
use super::lock::{self, How, Pin};
use super::resolve::{State, changed, look, missing, moved, same_kind, state};
use base::error::{Error, Result};
use base::progress::Observer;
use sandbox::reference::{Reference, is_id};
use sandbox::{Build, Engine, Image};

/// An image that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The image.
    pub image: Image,
    /// What became of its pin.
    pub pin: Pinned,
}

/// What became of a pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinned {
    /// It was pinned now.
    New,
    /// It was pinned before.
    Same,
    /// Another image was pinned, and is no more.
    Replaced(Pin),
    /// It has no name with a tag, and its digest says what it is.
    NotNeeded,
}

/// The name that a person means: that of a role, or itself.
pub fn name_of(asked: &str) -> Result<String> {
    Role::named(asked).map_or_else(|| Ok(asked.to_owned()), |role| known::of(role).map(|known| known.name))
}

/// Pulls an image by role, name, or name@digest, and pins it. `observer` hears how far it is; `silence` without progress ends it.
///
/// A name whose pin is another image is refused, and keeps what it has here, unless `accept` says that the new one is wanted. Pulling
/// the pinned content by its digest gives it its name again.
///
/// # Errors
/// Checksum where something else is pinned; what [`Engine::pull`] says.
pub fn pull(
    engine: &Engine,
    asked: &str,
    accept: bool,
    silence: Duration,
    workspace: &Path,
    observer: &dyn Observer,
) -> Result<Brought> {
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
        // The engine could not say beforehand what the name has: it gets back what it had.
        match before {
            Some(before) => engine.name_image(&before.image.id, &name)?,
            None => engine.unname_image(&name)?,
        }
        return Err(moved(asked, same_kind(&image, pin), pin, workspace));
    }
    // A name that the image goes by from now on.
    let tagged = match (&reference.tag, &pin) {
        (Some(_), _) => Some(Reference { digest: None, ..reference.clone() }.to_string()),
        (None, Some(pin)) => Some(pin.image.clone()),
        (None, None) => None,
    };
    let Some(tagged) = tagged else { return Ok(Brought { image, pin: Pinned::NotNeeded }) };
    if reference.digest.is_some() {
        engine.name_image(&image.id, &tagged)?;
    }
    let pin = record(engine, workspace, &tagged, &image, How::Pulled)?;
    Ok(Brought { image, pin })
}

/// Pins an image that is here.
///
/// # Errors
/// Infra where it is not here, checksum where something else is pinned and `accept` does not say that this one is wanted, usage for an
/// image without a name.
pub fn pin(engine: &Engine, asked: &str, accept: bool, workspace: &Path) -> Result<Brought> {
    let name = name_of(asked)?;
    if is_id(&name) && look(engine, &name)?.is_some() || Reference::parse(&name)?.digest.is_some() {
        return Err(Error::usage(format!("{asked} says itself what is in the image: there is nothing to pin"))
            .next("give the image a name with docker tag, and pin that"));
    }
    let image = match state(engine, &lock::read(workspace)?, &name)? {
        State::Missing => {
            let known = Role::named(asked).map(known::of).transpose()?;
            return Err(missing(&name, known.as_ref(), workspace));
        }
        State::Changed { found, pin } if !accept => return Err(changed(asked, &found.image, &pin, workspace)),
        State::Pinned(found) => return Ok(Brought { image: found.image, pin: Pinned::Same }),
        State::Unpinned(found) | State::Changed { found, .. } => found.image,
    };
    let pin = record(engine, workspace, &name, &image, How::Found)?;
    Ok(Brought { image, pin })
}

/// Builds an image and pins it: whoever builds knows that it may become another one.
///
/// # Errors
/// What [`Engine::build`] says.
pub fn build(engine: &Engine, build: &Build, workspace: &Path, told: &mut dyn FnMut(&str)) -> Result<Brought> {
    let image = engine.build(build, told)?;
    let pin = record(engine, workspace, &build.tag, &image, How::Built)?;
    Ok(Brought { image, pin })
}

fn record(engine: &Engine, workspace: &Path, name: &str, image: &Image, how: How) -> Result<Pinned> {
    if lock::read(workspace)?.pin(&Reference::parse(name)?).is_some_and(|pin| pin.is(image)) {
        return Ok(Pinned::Same);
    }
    let mut image = image.clone();
    // Podman gives a digest to what was built or loaded here too; no registry has it.
    if how == How::Built || how == How::Found && engine.facts().podman {
        image.digests.clear();
    }
    let replaced = lock::change(workspace, |lock| lock.set(name, &image, how))?;
    Ok(replaced.map_or(Pinned::New, Pinned::Replaced))
}
