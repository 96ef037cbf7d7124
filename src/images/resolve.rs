//! The image for a run, compared with its pin.

use std::path::Path;

use super::known::{self, Known, Origin, Role};
use super::lock::{self, Lock, Pin};
use base::error::{Error, Result};
use sandbox::image::Details;
use sandbox::reference::{Reference, is_id};
use sandbox::{Cause, Engine, Failure, Image};

/// An image for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The image.
    pub image: Image,
    /// Whether its content is pinned: in the lock, or by the digest or id that was asked for.
    pub pinned: bool,
}

impl Resolved {
    /// What a person should hear before it is used; nothing where it is pinned.
    pub fn warning(&self) -> Option<String> {
        (!self.pinned).then(|| {
            let name = &self.image.name;
            format!(
                "image {name} is not pinned: a later run may find another one; repro images pin {name} keeps this one"
            )
        })
    }
}

/// What the engine has of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Missing,
    /// An image that is not pinned.
    Unpinned(Details),
    /// The pinned image.
    Pinned(Details),
    /// Another image than the pinned one.
    Changed {
        /// What is there.
        found: Details,
        /// What is pinned.
        pin: Pin,
    },
}

/// Looks a name (or an id) up and compares it with the pins. An image that is named by its content needs no pin. Where nothing has
/// the name, the pinned content counts by its digest.
///
/// # Errors
/// Usage for what is no name; infra where the engine fails.
pub fn state(engine: &Engine, lock: &Lock, name: &str) -> Result<State> {
    if is_id(name)
        && let Some(details) = look(engine, name)?
    {
        return Ok(State::Pinned(details));
    }
    let reference = Reference::parse(name)?;
    if reference.digest.is_some() {
        return Ok(look(engine, name)?.map_or(State::Missing, State::Pinned));
    }
    let pin = lock.pin(&reference);
    Ok(match (look(engine, name)?, pin) {
        (Some(found), None) => State::Unpinned(found),
        (Some(found), Some(pin)) if pin.is(&found.image) => State::Pinned(found),
        (Some(found), Some(pin)) => State::Changed { found, pin: pin.clone() },
        (None, Some(Pin { digest: Some(digest), .. })) => {
            let found = look(engine, &reference.at(digest).to_string())?;
            found.map_or(State::Missing, |found| State::Pinned(renamed(found, name)))
        }
        (None, _) => State::Missing,
    })
}

fn renamed(mut details: Details, name: &str) -> Details {
    name.clone_into(&mut details.image.name);
    details
}

pub(super) fn look(engine: &Engine, name: &str) -> Result<Option<Details>> {
    match engine.details(name) {
        Ok(details) => Ok(Some(details)),
        Err(Failure { cause, .. }) if matches!(*cause, Cause::ImageMissing { .. }) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// The image of a role for a run: the program's own, or the one that was `asked` for (a name, name@digest or id), as it is on the
/// engine, compared with the pins of the workspace. Nothing is pulled.
///
/// An image without a pin is allowed: [`Resolved::warning`] says so.
///
/// # Errors
/// Infra where it is not there, checksum where another one than the pinned is; each says what mends it.
pub fn resolve(engine: &Engine, role: Role, asked: Option<&str>, workspace: &Path) -> Result<Resolved> {
    let known = known::of(role)?;
    let name = asked.unwrap_or(&known.name);
    match state(engine, &lock::read(workspace)?, name)? {
        State::Unpinned(found) => Ok(Resolved { image: found.image, pinned: false }),
        State::Pinned(found) => Ok(Resolved { image: found.image, pinned: true }),
        State::Changed { found, pin } => Err(changed(asked.unwrap_or(role.name()), &found.image, &pin, workspace)),
        State::Missing => Err(missing(name, asked.is_none().then_some(&known), workspace)),
    }
}

/// The error for an image that is not there; `known` where it is one of the program's own.
pub(super) fn missing(name: &str, known: Option<&Known>, workspace: &Path) -> Error {
    let advice = match known.map(|known| (known.role.name(), known.origin)) {
        Some((role, Origin::Registry)) => format!("`{}` fetches it", command("pull", role, workspace)),
        Some((role, Origin::Dockerfile)) => format!("`{}` builds it", command("build", role, workspace)),
        None => {
            let pull = command("pull", name, workspace);
            format!("`{pull}` fetches it if a registry has it; docker images shows what is here")
        }
    };
    Error::from(Failure::from(Cause::ImageMissing { image: name.to_owned() })).next(advice)
}

/// The error for an image that is not the pinned one; `asked` is how the person names it.
pub(super) fn changed(asked: &str, found: &Image, pin: &Pin, workspace: &Path) -> Error {
    let back = match by_digest(pin) {
        Some(name) => format!("`{}` brings the pinned one back", command("pull", &name, workspace)),
        None => format!("`docker tag {} {}` brings the pinned one back if it is still here", pin.id, pin.image),
    };
    let accept = command("pin --accept", asked, workspace);
    let what = not_the_pinned(pin, same_kind(found, pin));
    what.next(format!("nothing was changed; {back}; `{accept}` takes what is here from now on"))
}

/// The error for a tag of a registry that has another content than the pinned.
pub(super) fn moved(asked: &str, found: &str, pin: &Pin, workspace: &Path) -> Error {
    let accept = command("pull --accept", asked, workspace);
    let back = match by_digest(pin) {
        Some(name) => format!("`{}` fetches the pinned one", command("pull", &name, workspace)),
        None => "the pinned one was built or loaded here".to_owned(),
    };
    not_the_pinned(pin, found).next(format!("nothing was changed; {back}; `{accept}` takes the new one and pins it"))
}

fn not_the_pinned(pin: &Pin, found: &str) -> Error {
    let (image, expected, found) = (pin.image.clone(), pin.content().to_owned(), found.to_owned());
    Failure::from(Cause::ImageChanged { image, expected, found }).into()
}

/// The name that gets the pinned content from its registry.
fn by_digest(pin: &Pin) -> Option<String> {
    Some(Reference::parse(&pin.image).ok()?.at(pin.digest.as_ref()?).to_string())
}

/// The found image's digest where the pin has one, so that like is compared with like.
pub(super) fn same_kind<'a>(found: &'a Image, pin: &Pin) -> &'a str {
    match pin.digest {
        Some(_) => found.pin().rsplit_once('@').map_or(found.id.as_str(), |(_, digest)| digest),
        None => &found.id,
    }
}

/// `repro images VERB NAME`, for this workspace.
pub(super) fn command(verb: &str, name: &str, workspace: &Path) -> String {
    let mut text = format!("repro images {verb} {name}");
    if workspace != Path::new("workspace") {
        text += &format!(" --workspace {}", workspace.display());
    }
    text
}
