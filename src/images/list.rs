//! Lists images and their state, as text for people and as JSON.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::known::{self, KnownImage, Origin};
use super::lock::{self, Pin};
use super::resolve::{ImageStatus, command, state};
use super::source::REVISION;
use base::error::Result;
use base::format::human_bytes;
use base::table::paragraph;
use sandbox::Engine;
use sandbox::image::ImageDetails;
use sandbox::reference::Reference;

/// One image with its state.
#[derive(Debug, Clone)]
pub struct ImageRow {
    /// The entry in `data/images.toml`, if it has one.
    pub known: Option<KnownImage>,
    /// Name.
    pub name: String,
    /// State in the engine.
    pub state: ImageStatus,
    /// Pin.
    pub pin: Option<Pin>,
    /// The command to run next; `None` if nothing needs to be done.
    pub next: Option<String>,
}

/// Lists the program's images, then all others that the workspace has pinned.
///
/// # Errors
/// Infra if the engine fails; data if the lock file is invalid.
pub fn rows(engine: &Engine, workspace: &Path) -> Result<Vec<ImageRow>> {
    let lock = lock::read(workspace)?;
    let mut rows = Vec::new();
    for known in known::all()? {
        let (name, state) = (known.name.clone(), state(engine, &lock, &known.name)?);
        let pin = lock.pin(&Reference::parse(&name)?).cloned();
        rows.push(row(Some(known), name, state, pin, workspace));
    }
    for pin in lock.pins() {
        if !rows.iter().any(|row| row.name == pin.image) {
            let state = state(engine, &lock, &pin.image)?;
            rows.push(row(None, pin.image.clone(), state, Some(pin.clone()), workspace));
        }
    }
    Ok(rows)
}

fn row(known: Option<KnownImage>, name: String, state: ImageStatus, pin: Option<Pin>, workspace: &Path) -> ImageRow {
    let asked = known.as_ref().map_or(name.as_str(), |known| known.role.name());
    let digest = pin.as_ref().and_then(|pin| pin.digest.as_ref());
    let by_digest = digest.and_then(|digest| Some(Reference::parse(&name).ok()?.at(digest).to_string()));
    let next = match (&state, known.as_ref().map(|known| known.origin), by_digest) {
        (ImageStatus::Pinned(_), ..) => None,
        (ImageStatus::Unpinned(_), ..) => Some(command("pin", asked, workspace)),
        (ImageStatus::Changed { .. } | ImageStatus::Missing, _, Some(pinned)) => {
            Some(command("pull", &pinned, workspace))
        }
        (ImageStatus::Changed { .. }, ..) => Some(command("pin --accept", asked, workspace)),
        (ImageStatus::Missing, Some(Origin::Dockerfile), None) => Some(command("build", asked, workspace)),
        (ImageStatus::Missing, ..) => Some(command("pull", asked, workspace)),
    };
    ImageRow { known, name, state, pin, next }
}

impl ImageRow {
    fn details(&self) -> Option<&ImageDetails> {
        match &self.state {
            ImageStatus::Missing => None,
            ImageStatus::Unpinned(found) | ImageStatus::Pinned(found) | ImageStatus::Changed { found, .. } => {
                Some(found)
            }
        }
    }

    fn state_name(&self) -> &'static str {
        match self.state {
            ImageStatus::Missing => "missing",
            ImageStatus::Unpinned(_) => "unpinned",
            ImageStatus::Pinned(_) => "pinned",
            ImageStatus::Changed { .. } => "changed",
        }
    }
}

/// Formats the list for people.
pub fn page(rows: &[ImageRow]) -> String {
    let mut out = String::new();
    for row in rows {
        let role = row.known.as_ref().map_or("-", |known| known.role.name());
        let _ = writeln!(out, "{role:<10} {}", row.name);
        let mut line = |key: &str, text: &str| paragraph(&mut out, &format!("  {key:<8} "), text);
        if let Some(known) = &row.known {
            line("what", &known.title);
        }
        match row.details() {
            None => line("here", "no"),
            Some(details) => {
                line("here", &about(details));
                line("id", &details.image.id);
                details.image.digests.iter().for_each(|digest| line("digest", digest));
                if let Some(revision) = details.labels.get(REVISION) {
                    line("source", revision);
                }
            }
        }
        line("pin", &pinned(row));
        if let Some(known) = &row.known {
            line("known", &known.known_from);
        }
        if let Some(next) = &row.next {
            let _ = writeln!(out, "  {:<8} {next}", "next");
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

fn about(details: &ImageDetails) -> String {
    let mut parts = vec!["yes".to_owned()];
    parts.extend(details.size.map(human_bytes));
    parts.extend(details.created.as_ref().map(|created| format!("made {}", created.get(..10).unwrap_or(created))));
    parts.join(", ")
}

fn pinned(row: &ImageRow) -> String {
    let when = |pin: &Pin| format!("{} ({} {})", pin.content(), pin.how.name(), pin.date);
    match (&row.state, &row.pin) {
        (ImageStatus::Changed { pin, .. }, _) => format!("DIFFERENT: the pinned one is {}", when(pin)),
        (ImageStatus::Pinned(_), Some(pin)) => format!("the same: {}", when(pin)),
        (_, Some(pin)) => when(pin),
        (_, None) => "none".to_owned(),
    }
}

/// Returns the list as JSON.
pub fn json(rows: &[ImageRow]) -> Value {
    let images = rows.iter().map(|row| {
        let details = row.details();
        json!({
            "role": row.known.as_ref().map(|known| known.role),
            "name": row.name,
            "title": row.known.as_ref().map(|known| &known.title),
            "state": row.state_name(),
            "id": details.map(|details| &details.image.id),
            "digests": details.map(|details| &details.image.digests),
            "size": details.and_then(|details| details.size),
            "created": details.and_then(|details| details.created.as_ref()),
            "source_commit": details.and_then(|details| details.labels.get(REVISION)),
            "pin": row.pin,
            "next": row.next,
        })
    });
    json!({ "images": images.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::lock::PinOrigin;
    use sandbox::Image;

    fn digest(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    fn details(name: &str, id: &str, labels: &[(&str, &str)]) -> ImageDetails {
        let image = Image { name: name.to_owned(), id: digest(id), digests: Vec::new() };
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ImageDetails { image, size: Some(1_234_000_000), created: Some("2026-11-23T20:14:02.2Z".into()), labels }
    }

    #[test]
    fn the_list_is_shown_as_text_and_json() {
        let pin = |image: &str, digest: Option<String>, how| {
            let (image, id, date) = (image.to_owned(), self::digest("1"), "2026-11-23".to_owned());
            Pin { image, id, digest, how, date }
        };
        let known = known::all().unwrap();
        let [extractor, train] = [0, 1].map(|at| known[at].clone());
        let (e, t, workspace) = (extractor.name.clone(), train.name.clone(), Path::new("workspace"));
        let built = pin(&t, None, PinOrigin::Built);
        let here = details(&t, "1", &[(REVISION, "0db1182-dirty")]);
        let other = pin("x.org/a:1", Some(digest("a")), PinOrigin::Pulled);
        let changed = ImageStatus::Changed { found: details("x.org/a:1", "2", &[]), pin: other.clone() };
        let rows = [
            row(Some(extractor.clone()), e.clone(), ImageStatus::Missing, None, workspace),
            row(Some(train.clone()), t.clone(), ImageStatus::Pinned(here), Some(built.clone()), workspace),
            row(None, "x.org/a:1".into(), changed, Some(other), Path::new("w")),
        ];
        insta::assert_snapshot!("page", page(&rows));
        insta::assert_json_snapshot!("json", json(&rows));
        let next = |state, pin| row(Some(train.clone()), t.clone(), state, pin, workspace).next.unwrap();
        assert_eq!(next(ImageStatus::Missing, None), "repro images build train");
        assert_eq!(next(ImageStatus::Unpinned(details(&t, "1", &[])), None), "repro images pin train");
        let changed = ImageStatus::Changed { found: details(&t, "2", &[]), pin: built.clone() };
        assert_eq!(next(changed, Some(built)), "repro images pin --accept train");
    }
}
