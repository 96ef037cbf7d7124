//! What images there are: a page for people, and JSON for scripts.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::known::{self, Known, Origin};
use super::lock::{self, Pin};
use super::resolve::{State, command, state};
use super::source::REVISION;
use base::error::Result;
use base::format::human_bytes;
use base::table::paragraph;
use sandbox::Engine;
use sandbox::image::Details;
use sandbox::reference::Reference;

/// One image, as it stands.
#[derive(Debug, Clone)]
pub struct Row {
    /// What is known of it, where it is one of the program's own.
    pub known: Option<Known>,
    /// Its name.
    pub name: String,
    /// What the engine has of it.
    pub state: State,
    /// Its pin.
    pub pin: Option<Pin>,
    /// The command that comes next; none where all is well.
    pub next: Option<String>,
}

/// The program's images, then all others that the workspace has pinned.
///
/// # Errors
/// Infra where the engine fails, data where the lock is wrong.
pub fn rows(engine: &Engine, workspace: &Path) -> Result<Vec<Row>> {
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

fn row(known: Option<Known>, name: String, state: State, pin: Option<Pin>, workspace: &Path) -> Row {
    let asked = known.as_ref().map_or(name.as_str(), |known| known.role.name());
    let digest = pin.as_ref().and_then(|pin| pin.digest.as_ref());
    let by_digest = digest.and_then(|digest| Some(Reference::parse(&name).ok()?.at(digest).to_string()));
    let next = match (&state, known.as_ref().map(|known| known.origin), by_digest) {
        (State::Pinned(_), ..) => None,
        (State::Unpinned(_), ..) => Some(command("pin", asked, workspace)),
        (State::Changed { .. } | State::Missing, _, Some(pinned)) => Some(command("pull", &pinned, workspace)),
        (State::Changed { .. }, ..) => Some(command("pin --accept", asked, workspace)),
        (State::Missing, Some(Origin::Dockerfile), None) => Some(command("build", asked, workspace)),
        (State::Missing, ..) => Some(command("pull", asked, workspace)),
    };
    Row { known, name, state, pin, next }
}

impl Row {
    fn details(&self) -> Option<&Details> {
        match &self.state {
            State::Missing => None,
            State::Unpinned(found) | State::Pinned(found) | State::Changed { found, .. } => Some(found),
        }
    }

    fn state_name(&self) -> &'static str {
        match self.state {
            State::Missing => "missing",
            State::Unpinned(_) => "unpinned",
            State::Pinned(_) => "pinned",
            State::Changed { .. } => "changed",
        }
    }
}

/// The page for people.
pub fn page(rows: &[Row]) -> String {
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

fn about(details: &Details) -> String {
    let mut parts = vec!["yes".to_owned()];
    parts.extend(details.size.map(human_bytes));
    parts.extend(details.created.as_ref().map(|created| format!("made {}", created.get(..10).unwrap_or(created))));
    parts.join(", ")
}

fn pinned(row: &Row) -> String {
    let when = |pin: &Pin| format!("{} ({} {})", pin.content(), pin.how.name(), pin.date);
    match (&row.state, &row.pin) {
        (State::Changed { pin, .. }, _) => format!("DIFFERENT: pinned is {}", when(pin)),
        (State::Pinned(_), Some(pin)) => format!("the same: {}", when(pin)),
        (_, Some(pin)) => when(pin),
        (_, None) => "none".to_owned(),
    }
}

/// The same for scripts.
pub fn json(rows: &[Row]) -> Value {
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
    use crate::images::lock::How;
    use sandbox::Image;

    fn digest(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    fn details(name: &str, id: &str, labels: &[(&str, &str)]) -> Details {
        let image = Image { name: name.to_owned(), id: digest(id), digests: Vec::new() };
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Details { image, size: Some(1_234_000_000), created: Some("2026-11-23T20:14:02.2Z".into()), labels }
    }

    #[test]
    fn as_people_and_scripts_read_it() {
        let pin = |image: &str, digest: Option<String>, how| {
            let (image, id, date) = (image.to_owned(), self::digest("1"), "2026-11-23".to_owned());
            Pin { image, id, digest, how, date }
        };
        let known = known::all().unwrap();
        let [extractor, train] = [0, 1].map(|at| known[at].clone());
        let (e, t, workspace) = (extractor.name.clone(), train.name.clone(), Path::new("workspace"));
        let built = pin(&t, None, How::Built);
        let here = details(&t, "1", &[(REVISION, "0db1182-dirty")]);
        let other = pin("x.org/a:1", Some(digest("a")), How::Pulled);
        let changed = State::Changed { found: details("x.org/a:1", "2", &[]), pin: other.clone() };
        let rows = [
            row(Some(extractor.clone()), e.clone(), State::Missing, None, workspace),
            row(Some(train.clone()), t.clone(), State::Pinned(here), Some(built.clone()), workspace),
            row(None, "x.org/a:1".into(), changed, Some(other), Path::new("w")),
        ];
        insta::assert_snapshot!("page", page(&rows));
        insta::assert_json_snapshot!("json", json(&rows));
        let next = |state, pin| row(Some(train.clone()), t.clone(), state, pin, workspace).next.unwrap();
        assert_eq!(next(State::Missing, None), "repro images build train");
        assert_eq!(next(State::Unpinned(details(&t, "1", &[])), None), "repro images pin train");
        let changed = State::Changed { found: details(&t, "2", &[]), pin: built.clone() };
        assert_eq!(next(changed, Some(built)), "repro images pin --accept train");
    }
}
