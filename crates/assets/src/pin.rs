//! Pins fetched files without a published checksum, and compares them with a second source.

use std::path::Path;
use std::time::Instant;

use super::event::Event;
use super::fetch::{FetchSettings, fetch_from};
use super::lock::{Demands, Lock, Trust, keeper};
use super::paths::AssetPaths;
use super::plan::{AssetState, Item};
use super::receipt::Receipt;
use super::{adopt, disk};
use base::error::{Error, Kind, Result};
use base::progress::Observer;
use base::signals::ShutdownGuard;

/// Folder below the workspace for files from second sources while they are compared.
const SCRATCH: &str = "downloads/.corroborate";

/// A present asset and its receipt.
struct PresentAsset<'a> {
    item: &'a Item<'a>,
    receipt: Receipt,
}

/// Returns the items that are present and verified, and have no published checksum.
fn there<'a>(items: &'a [Item<'a>]) -> impl Iterator<Item = PresentAsset<'a>> {
    items
        .iter()
        .filter(|item| item.trust != Trust::Published && matches!(item.state, AssetState::Good | AssetState::Dropped))
        .filter_map(|item| Receipt::read(&item.paths).map(|receipt| PresentAsset { item, receipt }))
}

/// Pins the present, unpinned items in the lock file `path`, and returns their number.
///
/// # Errors
/// Checksum if other content is pinned; data if the lock file is invalid; [`Error::io`].
pub fn pin(items: &[Item], path: &Path, observer: &dyn Observer<Event>) -> Result<usize> {
    let open: Vec<PresentAsset> = there(items).filter(|there| there.item.trust == Trust::Unpinned).collect();
    if open.is_empty() {
        return Ok(0);
    }
    Lock::change(path, |own| open.iter().try_for_each(|there| there.record(own)))?;
    open.iter().for_each(|there| there.tell(Trust::Pinned, Instant::now(), 0, observer));
    Ok(open.len())
}

/// Gets the present items again, from an independent source or from the folder `from`, compares them, and records both sources
/// in the lock file `path`. Items without a second source are reported and left unchanged. Returns the number of equal items.
///
/// # Errors
/// Checksum if two sources differ, after all were tried; the errors of [`fetch`](super::fetch::fetch) if a source fails.
pub fn corroborate(
    items: &[Item],
    from: Option<&Path>,
    path: &Path,
    settings: &FetchSettings,
    observer: &dyn Observer<Event>,
) -> Result<usize> {
    let _at_work = ShutdownGuard::begin()?;
    let (mut same, mut failed) = (0, Vec::new());
    for there in there(items).filter(|there| there.item.trust != Trust::Corroborated) {
        match there.corroborate(from, path, settings, observer) {
            Ok(true) => same += 1,
            Ok(false) => {}
            Err(error) if error.kind() == Kind::Interrupted => return Err(error),
            Err(error) => {
                let (name, class) = (there.item.asset.name.clone(), base::exit::class(&error));
                observer.event(&Event::Failed { name, error: error.to_string(), class, said: false });
                failed.push(error);
            }
        }
    }
    match (failed.len(), failed.pop()) {
        (0, _) | (_, None) => Ok(same),
        (1, Some(error)) => Err(error),
        (count, Some(last)) => {
            let errors = || failed.iter().chain(std::iter::once(&last));
            let what = format!("{count} files could not be corroborated");
            let differ = errors().any(|error| error.kind() == Kind::Checksum);
            let sum = if differ { Error::checksum(what) } else { Error::network(what) };
            Err(errors().fold(sum, |sum, error| sum.because(error.what())))
        }
    }
}

/// The content of a second source.
struct SecondSource {
    source: String,
    size: u64,
    sha256: String,
    /// Paths of the file if it was fetched.
    scratch: Option<AssetPaths>,
}

impl PresentAsset<'_> {
    fn record(&self, own: &mut Lock) -> Result<()> {
        own.record(&self.item.asset.name, self.receipt.stat.size, self.receipt.sha256(), &self.receipt.source)
    }

    fn tell(&self, trust: Trust, began: Instant, transferred: u64, observer: &dyn Observer<Event>) {
        observer.event(&Event::Done {
            name: self.item.asset.name.clone(),
            outcome: trust.name(),
            size: self.receipt.stat.size,
            sha256: self.receipt.sha256().to_owned(),
            trust: Some(trust),
            seconds: began.elapsed().as_secs_f64(),
            transferred,
        });
    }

    /// Returns whether a second source has the same content; `false` if there is none.
    fn corroborate(
        &self,
        from: Option<&Path>,
        path: &Path,
        settings: &FetchSettings,
        observer: &dyn Observer<Event>,
    ) -> Result<bool> {
        let (name, began) = (&self.item.asset.name, Instant::now());
        let own = Lock::read(path)?;
        let mut known = vec![keeper(&self.receipt.source)];
        known.extend(own.pin(name).into_iter().flat_map(|pin| &pin.sources).map(|source| keeper(source)));
        let second = match from {
            Some(folder) => self.found(folder, &known, observer)?,
            None => self.fetched(&known, settings, observer)?,
        };
        let Some(second) = second else {
            let text = format!(
                "there is no second source to compare with {}; it stays {}",
                known.join(", "),
                self.item.trust.name()
            );
            observer.event(&Event::note(name, text));
            return Ok(false);
        };
        if second.sha256 != self.receipt.sha256() || second.size != self.receipt.stat.size {
            return Err(self.differ(&second)?);
        }
        Lock::change(path, |own| {
            self.record(own)?;
            own.record(name, second.size, &second.sha256, &second.source)
        })?;
        if let Some(scratch) = &second.scratch {
            std::fs::remove_file(scratch.file()).map_err(|error| Error::io("remove", scratch.file(), &error))?;
            // Fails if another comparison still uses the folder.
            scratch.file().parent().map(std::fs::remove_dir);
        }
        self.tell(Trust::Corroborated, began, second.size, observer);
        Ok(true)
    }

    /// Finds a copy in a folder of the user.
    fn found(&self, folder: &Path, known: &[String], observer: &dyn Observer<Event>) -> Result<Option<SecondSource>> {
        let other = adopt::find_copy(folder, self.item, observer)?;
        Ok(other.filter(|other| !known.contains(&keeper(&other.source))).map(|other| SecondSource {
            source: other.source,
            size: other.size,
            sha256: other.hashes.sha256.unwrap_or_default(),
            scratch: None,
        }))
    }

    /// Fetches the file from the first independent URL.
    fn fetched(
        &self,
        known: &[String],
        settings: &FetchSettings,
        observer: &dyn Observer<Event>,
    ) -> Result<Option<SecondSource>> {
        let asset = self.item.asset;
        let Some(url) = asset.urls.iter().find(|url| !known.contains(&keeper(url))) else { return Ok(None) };
        let scratch = AssetPaths::new(&settings.workspace.join(SCRATCH), &asset.name, Path::new(&asset.name));
        disk::require_space(&[(scratch.file().to_owned(), self.receipt.stat.size)])?;
        // Only the bound is checked: different content must be compared, not refused.
        let demands = Demands { upper_bound: asset.upper_bound(), ..Demands::default() };
        let receipt = fetch_from(asset, url, &demands, &scratch, settings, observer)?;
        let (source, size, sha256) = (url.clone(), receipt.stat.size, receipt.sha256().to_owned());
        Ok(Some(SecondSource { source, size, sha256, scratch: Some(scratch) }))
    }

    /// Keeps the different file, and returns the error.
    fn differ(&self, second: &SecondSource) -> Result<Error> {
        let kept = match &second.scratch {
            None => second.source.clone(),
            Some(scratch) => {
                let aside = self.item.paths.suspect(&second.sha256);
                std::fs::rename(scratch.file(), &aside).map_err(|error| Error::io("write", &aside, &error))?;
                aside.display().to_string()
            }
        };
        let gave = |source: &str, size: u64, sha256: &str| format!("{source} gave {size} bytes, sha256 {sha256}");
        let (place, first) = (self.item.paths.file().display(), &self.receipt);
        Ok(Error::checksum(format!("two sources of `{}` gave different files", self.item.asset.name))
            .because(gave(&first.source, first.stat.size, first.sha256()))
            .because(gave(&second.source, second.size, &second.sha256))
            .next(format!(
                "nothing was recorded; find out which is right, if possible with a third source: the first is {place}, the \
                 second {kept}"
            )))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::fetch::Network;
    use crate::manifest::{Checksums, Manifest};
    use crate::plan::plan;
    use base::error::Kind;
    use base::files::{sha256_bytes, write_bytes};
    use base::progress::{self, Silent};

    /// Creates eight small present files, each with a second source that differs (`a0`), is gone (`a1`) or does not exist.
    fn scene(place: &Path) -> Manifest {
        let mut text = "schema = 1\n".to_owned();
        for n in 0..8 {
            let other = if n < 2 { format!(", \"file://{}/other/a{n}\"", place.display()) } else { String::new() };
            text += &format!(
                "[[asset]]\nname = \"a{n}\"\ntitle = \"a\"\ngroups = []\npath = \"data/a{n}\"\nurls = [\"https://x.org/a{n}\"{other}]\n"
            );
            let at = AssetPaths::new(place, &format!("a{n}"), Path::new(&format!("data/a{n}")));
            let bytes = format!("content {n}");
            write_bytes(at.file(), bytes.as_bytes()).unwrap();
            let hashes = Checksums { sha256: Some(sha256_bytes(bytes.as_bytes())), ..Checksums::default() };
            Receipt::new(at.file(), hashes, &format!("https://x.org/a{n}")).unwrap().write(&at).unwrap();
        }
        write_bytes(&place.join("other/a0"), b"content ?").unwrap();
        Manifest::parse(&text, "test").unwrap()
    }

    #[test]
    fn pins_of_many_at_once_are_all_kept() {
        let place = tempfile::tempdir().unwrap();
        let (manifest, path) = (scene(place.path()), place.path().join("data/assets.lock"));
        std::thread::scope(|scope| {
            for asset in &manifest.assets {
                let (path, workspace) = (&path, place.path());
                scope.spawn(move || pin(&plan(&[asset], &Lock::default(), workspace), path, &Silent).unwrap());
            }
        });
        let lock = Lock::read(&path).unwrap();
        assert!(manifest.assets.iter().all(|asset| lock.trust(asset) == Trust::Pinned), "{lock:?}");
        let all: Vec<_> = manifest.assets.iter().collect();
        assert_eq!(pin(&plan(&all, &lock, place.path()), &path, &Silent).unwrap(), 0, "nothing is left to pin");
    }

    #[test]
    fn another_pin_is_never_replaced() {
        let place = tempfile::tempdir().unwrap();
        let (manifest, path) = (scene(place.path()), place.path().join("assets.lock"));
        let mut lock = Lock::default();
        lock.record("a2", 9, &"0".repeat(64), "https://y.org/a2").unwrap();
        lock.write(&path).unwrap();
        let error = pin(&plan(&[&manifest.assets[2]], &Lock::default(), place.path()), &path, &Silent).unwrap_err();
        assert_eq!(error.kind(), Kind::Checksum);
        assert_eq!(Lock::read(&path).unwrap(), lock);
    }

    #[test]
    fn different_content_is_an_error_and_a_missing_second_source_a_note() {
        struct Notes(Mutex<Vec<String>>);
        impl Observer<Event> for Notes {
            fn event(&self, event: &Event) {
                if let Event::Progress(progress::Event::Note { name, .. }) = event {
                    self.0.lock().unwrap().push(name.clone());
                }
            }
        }
        let place = tempfile::tempdir().unwrap();
        let (manifest, path) = (scene(place.path()), place.path().join("assets.lock"));
        let network = Network { retries: 0, first_wait: std::time::Duration::ZERO, ..Network::default() };
        let settings = FetchSettings { workspace: place.path().to_owned(), jobs: 1, network, also_needed: 0 };
        let all: Vec<_> = manifest.assets.iter().collect();
        let (items, notes) = (plan(&all, &Lock::default(), place.path()), Notes(Mutex::default()));
        let one = corroborate(&items[1..2], None, &path, &settings, &Silent).unwrap_err();
        assert_eq!(one.kind(), Kind::Network, "{one}");
        let error = corroborate(&items, None, &path, &settings, &notes).unwrap_err();
        assert_eq!(error.kind(), Kind::Checksum);
        assert!(error.to_string().contains("two sources of `a0` gave different files"), "{error}");
        let without: Vec<String> = (2..8).map(|n| format!("a{n}")).collect();
        assert!(without.iter().all(|name| notes.0.lock().unwrap().contains(name)));
        assert_eq!(Lock::read(&path).unwrap(), Lock::default(), "nothing was recorded");
    }
}
