use std::path::Path;
use std::sync::Mutex;

use super::parallel::*;
use super::*;
use crate::event::Event;
use crate::lock::{Lock, Trust};
use crate::manifest::{Manifest, Selection};
use crate::receipt::{Glance, glance};
use base::error::{Kind, Result};
use base::files::sha256_bytes;
use base::progress::Observer;
use fixtures::server::{Fault, Served, Server};

#[derive(Default)]
struct Ear(Mutex<Vec<Event>>);

impl Observer<Event> for Ear {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

fn settings(workspace: &Path) -> FetchSettings {
    let network = Network { stall: std::time::Duration::from_secs(1), retries: 2, ..Network::default() };
    let network = Network { first_wait: std::time::Duration::from_millis(1), ..network };
    FetchSettings { workspace: workspace.to_owned(), jobs: 3, network, also_needed: 0 }
}

/// Returns a manifest of assets `a`, `b`, … with these lines each.
fn manifest(assets: &[&str]) -> Manifest {
    let mut text = "schema = 1\ngroup = [{ name = \"all\", title = \"all\" }]\n".to_owned();
    for (letter, more) in ('a'..).zip(assets) {
        text += &format!(
            "[[asset]]\nname = \"{letter}\"\ntitle = \"t\"\ngroups = [\"all\"]\npath = \"data/{letter}\"\n{more}\n"
        );
    }
    Manifest::parse(&text, "test").unwrap()
}

fn run(manifest: &Manifest, lock: &Lock, settings: &FetchSettings, ear: &Ear) -> Result<Vec<FetchResult>> {
    let assets = manifest.select(&Selection { all: true, ..Selection::default() }).unwrap();
    fetch(&assets, lock, settings, ear)
}

fn from(url: &str) -> String {
    format!("urls = [\"{url}\"]")
}

fn outcomes(all: &[FetchResult]) -> Vec<(&str, Outcome)> {
    all.iter().map(|fetched| (fetched.name.as_str(), fetched.outcome)).collect()
}

#[test]
fn present_files_are_not_fetched_again() {
    let (folder, server, ear) = (tempfile::tempdir().unwrap(), Server::start(), Ear::default());
    let (one, two) = (server.put("/1", Served::new(*b"one")), server.put("/2", Served::new(*b"two")));
    let sha = format!("\nsha256 = \"{}\"", sha256_bytes(b"two"));
    let manifest = manifest(&[&from(&one), &(from(&two) + &sha)]);
    let (lock, settings) = (Lock::default(), settings(folder.path()));
    let run = || run(&manifest, &lock, &settings, &ear).unwrap();
    use Outcome::{Fetched as Came, Present};
    let first = run();
    assert_eq!(outcomes(&first), [("a", Came), ("b", Came)]);
    assert_eq!((first[0].trust, first[1].trust), (Trust::Unpinned, Trust::Published));
    assert_eq!(first[1].receipt.source, two);
    assert_eq!(outcomes(&run()), [("a", Present), ("b", Present)]);
    assert_eq!(server.records().len(), 2);

    // A touched file and a file without receipt are read again and good.
    let (a, b) = (folder.path().join("data/a"), folder.path().join("data/b"));
    std::fs::write(&b, "two").unwrap();
    std::fs::remove_file(folder.path().join("receipts/a.json")).unwrap();
    assert_eq!(outcomes(&run()), [("a", Present), ("b", Present)]);
    assert_eq!(server.records().len(), 2);

    // Files with other content are moved aside and fetched again; for the unpinned one the first content counts.
    std::fs::write(&a, "ONE").unwrap();
    std::fs::write(&b, "TWO").unwrap();
    assert_eq!(outcomes(&run()), [("a", Came), ("b", Came)]);
    assert_eq!((std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap()), (b"one".to_vec(), b"two".to_vec()));
    for (name, content) in [("a", b"ONE"), ("b", b"TWO")] {
        let place = crate::paths::AssetPaths::new(folder.path(), name, &Path::new("data").join(name));
        assert_eq!(std::fs::read(place.suspect(&sha256_bytes(content))).unwrap(), content);
        assert!(matches!(glance(&place, &Default::default()), Glance::Good(_)));
    }
}

#[test]
fn every_asset_is_tried_and_the_worst_error_names_all_that_failed() {
    let (folder, server, ear) = (tempfile::tempdir().unwrap(), Server::start(), Ear::default());
    let good = server.put("/1", Served::new(*b"one"));
    let wrong = format!("{}\nsha256 = \"{}\"", from(&good), "0".repeat(64));
    let by_hand = "by_hand = [{ place = \"Drive\", url = \"https://d.org\", how = \"click\" }]";
    let all = manifest(&[&from(&server.url("/none")), &wrong, by_hand, &from(&good)]);
    let error = run(&all, &Lock::default(), &settings(folder.path()), &ear).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), Kind::Checksum);
    assert!(text.contains("3 of 4 files") && ["`a`", "`b`", "`c`"].iter().all(|name| text.contains(name)), "{text}");
    assert_eq!(std::fs::read(folder.path().join("data/d")).unwrap(), b"one");
    let mut failed: Vec<_> = ear.0.into_inner().unwrap();
    failed.retain(|event| matches!(event, Event::Failed { .. }));
    failed.sort_by_key(|event| format!("{event:?}"));
    let text = format!("{failed:?}");
    assert!(text.contains("NETWORK") && text.contains("CHECKSUM") && text.contains("click"), "{text}");

    let error = run(&manifest(&[by_hand]), &Lock::default(), &settings(folder.path()), &Ear::default()).unwrap_err();
    assert!(
        error.kind() == Kind::Network && error.to_string().contains("from Drive (https://d.org): click"),
        "{error}"
    );
}

#[test]
fn pins_must_match() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start());
    let url = server.put("/1", Served::new(*b"one"));
    let unknown = manifest(&[&from(&url)]);
    let mut lock = Lock::default();
    lock.record("a", 3, &sha256_bytes(b"two"), "https://x.org/a").unwrap();
    let error = run(&unknown, &lock, &settings(folder.path()), &Ear::default()).unwrap_err();
    assert!(error.kind() == Kind::Checksum && error.to_string().contains(&sha256_bytes(b"two")), "{error}");
    let published = manifest(&[&format!("{}\nsha256 = \"{}\"", from(&url), sha256_bytes(b"one"))]);
    let error = run(&published, &lock, &settings(folder.path()), &Ear::default()).unwrap_err();
    assert!(error.to_string().contains("remove the pin"), "{error}");
}

#[test]
fn too_little_space_is_an_error_before_the_first_byte() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start());
    let large = format!("{}\nsize_about = {}", from(&server.put("/1", Served::new(*b"one"))), 1_u64 << 60);
    let error = run(&manifest(&[&large]), &Lock::default(), &settings(folder.path()), &Ear::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Disk);
    let small = manifest(&[&from(&server.url("/1"))]);
    let more = FetchSettings { also_needed: 1 << 60, ..settings(folder.path()) };
    let error = run(&small, &Lock::default(), &more, &Ear::default()).unwrap_err();
    assert!(error.kind() == Kind::Disk && error.to_string().contains("--download-only"), "{error}");
    assert_eq!(server.records(), []);
}

#[test]
fn concurrent_fetches_download_a_file_once() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start());
    let bytes = vec![7; 400_000];
    let file = Served { rate: Some(2_000_000), ..Served::new(bytes.clone()) };
    let manifest = manifest(&[&from(&server.put("/1", file))]);
    server.faults("/1", [Fault::Drop(100_000)]);
    let settings = settings(folder.path());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| run(&manifest, &Lock::default(), &settings, &Ear::default()).unwrap());
        }
    });
    assert_eq!(server.starts(), [0, 100_000]);
    assert_eq!(std::fs::read(folder.path().join("data/a")).unwrap(), bytes);
    let left = std::fs::read_dir(folder.path().join("data")).unwrap().count();
    assert_eq!(left, 1, "no claim, part or sidecar is left");
}

#[test]
fn an_asset_can_be_fetched_from_another_source_for_comparison() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start());
    let url = server.put("/1", Served::new(*b"one"));
    let manifest = manifest(&[&from(&url)]);
    let place = crate::paths::AssetPaths::new(folder.path(), "a", "downloads/compare/a".as_ref());
    let asset = manifest.asset("a").unwrap();
    let receipt =
        fetch_from(asset, &url, &Default::default(), &place, &settings(folder.path()), &Ear::default()).unwrap();
    assert_eq!((receipt.sha256(), receipt.source.as_str()), (sha256_bytes(b"one").as_str(), url.as_str()));
    assert!(place.file().exists() && !place.receipt().exists());
}
