use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::parallel::*;
use super::*;
use crate::event::Event;
use crate::lock::Lock;
use crate::manifest::{Manifest, Selection};
use crate::paths::AssetPaths;
use crate::receipt::Receipt;
use base::files;
use base::progress::{self, Observer, Silent};
use fixtures::manifest::asset;

fn manifest() -> String {
    [
        r#"
schema = 1
group = [{ name = "g", title = "all" }]
"#
        .to_owned(),
        asset(
            "hashed",
            "by sha256",
            "g",
            "data/hashed",
            "https://x.org/a",
            r#"sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03""#,
        ),
        asset("md5-only", "by md5", "g", "data/md5", "https://x.org/a", r#"md5 = "b1946ac92492d2347c6235b4d2611184""#),
        asset(
            "blob-only",
            "by git blob",
            "g",
            "data/blob",
            "https://x.org/a",
            r#"git_blob = "ce013625030ba8dba906f756967f9e9ca394464a""#,
        ),
        asset("unknown", "nobody published a checksum", "g", "data/unknown", "https://x.org/a", "size_max = 100"),
        asset(
            "archive",
            "an archive",
            "g",
            "downloads/a.zip",
            "https://x.org/a",
            r#"[[asset.unpack]]
member = "a.tsv"
path = "data/a.tsv"
size_max = 100

[[asset.unpack]]
member = ""
folder = true
path = "data/images"
size_max = 100
expect = { kind = "files", count = 2 }"#,
        ),
        r#"
[[made]]
name = "made"
title = "made"
groups = ["g"]
rule = "copy"
from = ["hashed"]
path = "data/made"
"#
        .to_owned(),
    ]
    .concat()
}

const HELLO: &[u8] = b"hello\n";

struct World {
    folder: tempfile::TempDir,
    manifest: Manifest,
}

impl World {
    /// Creates every file of the manifest, all correct, except for the archive.
    fn new() -> Self {
        let world =
            Self { folder: tempfile::tempdir().unwrap(), manifest: Manifest::parse(&manifest(), "test").unwrap() };
        for path in ["hashed", "md5", "blob", "unknown", "a.tsv", "images/1/a", "images/b", "made"] {
            files::write_bytes(&world.path(&format!("data/{path}")), HELLO).unwrap();
        }
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn subjects(&self, names: &[&str]) -> Vec<Subject> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let selection = Selection { names, ..Selection::default() };
        subjects(&self.manifest, &Lock::default(), &selection, self.folder.path()).unwrap()
    }

    fn verify(&self, names: &[&str], depth: Depth) -> (Vec<Subject>, Vec<FileReport>) {
        let subjects = self.subjects(names);
        let found = verify(&subjects, depth, 3, &Silent).unwrap();
        (subjects, found)
    }

    fn state(&self, name: &str, depth: Depth) -> FileState {
        self.verify(&[name], depth).1[0].state.clone()
    }

    /// Verifies the named files and returns the page.
    fn page(&self, names: &[&str], depth: Depth) -> String {
        let (subjects, found) = self.verify(names, depth);
        page(&subjects, &found)
    }

    /// Changes the content and time of a file, but not its size.
    fn touch(&self, path: &str) {
        let path = self.path(path);
        std::fs::write(&path, "other\n").unwrap();
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    }

    /// Changes the content of a file, but not its size, time and inode.
    fn rot(&self, path: &str) {
        let path = self.path(path);
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[3] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    }
}

fn why(state: FileState) -> String {
    match state {
        FileState::Wrong { why } | FileState::Changed { why } | FileState::Unreadable { why } => why,
        state => panic!("{state:?}"),
    }
}

#[test]
fn a_selection_includes_unpacked_and_made_files() {
    let world = World::new();
    let names = |given: &[&str]| -> Vec<String> {
        world.subjects(given).iter().map(|subject| subject.name().to_owned()).collect()
    };
    let all = ["hashed", "md5-only", "blob-only", "unknown", "archive--a.tsv", "archive--images", "made"];
    assert_eq!(names(&[]), all, "all present files");
    assert_eq!(names(&["archive"]), ["archive", "archive--a.tsv", "archive--images"], "the selected files");
    std::fs::remove_file(world.path("data/a.tsv")).unwrap();
    assert_eq!(names(&["archive"]), ["archive", "archive--images"], "not unpacked yet");
    std::fs::remove_file(world.path("data/made")).unwrap();
    assert_eq!(names(&["made"]), ["hashed", "made"], "named, so it must exist");
    assert_eq!(world.state("made", Depth::AsNeeded), FileState::Good);
    assert_eq!(world.verify(&["made"], Depth::AsNeeded).1[1].state, FileState::Missing);
}

#[test]
fn reading_detects_every_flipped_byte_and_marks_the_receipt() {
    let world = World::new();
    for (name, path) in [("hashed", "data/hashed"), ("md5-only", "data/md5"), ("blob-only", "data/blob")] {
        assert_eq!(world.state(name, Depth::Fast), FileState::Unverified);
        assert_eq!(world.state(name, Depth::AsNeeded), FileState::Good);
        assert_eq!(world.state(name, Depth::Fast), FileState::Good);
        world.rot(path);
        assert_eq!(world.state(name, Depth::Fast), FileState::Good, "size and time are the same");
        assert!(why(world.state(name, Depth::Full)).contains(", not "), "{name}");
        assert!(why(world.state(name, Depth::Fast)).contains("wrong when it was last read"), "{name}");
        assert!(why(world.state(name, Depth::AsNeeded)).contains(", not "), "{name}");
        world.rot(path);
        assert_eq!(world.state(name, Depth::AsNeeded), FileState::Good);
        for flip in (0..HELLO.len()).flat_map(|at| [1, 0x80].map(|with| (at, with))) {
            let mut bytes = HELLO.to_vec();
            bytes[flip.0] ^= flip.1;
            std::fs::write(world.path(path), bytes).unwrap();
            assert!(matches!(world.state(name, Depth::Full), FileState::Wrong { .. }), "{name} {flip:?}");
        }
    }
}

#[test]
fn a_file_without_checksum_must_stay_unchanged() {
    let world = World::new();
    assert_eq!(world.state("unknown", Depth::Full), FileState::GoodUnpinned);
    world.rot("data/unknown");
    let before = Receipt::read(&AssetPaths::new(world.folder.path(), "unknown", Path::new("data/unknown"))).unwrap();
    for depth in [Depth::Full, Depth::AsNeeded, Depth::Full] {
        let text = why(world.state("unknown", depth));
        assert!(text.contains(&format!("not {} as on", before.sha256())), "{text}");
    }
    std::fs::write(world.path("data/unknown"), [0; 101]).unwrap();
    assert!(why(world.state("unknown", Depth::Fast)).contains("more than the 100 it can have"));
    world.rot("data/a.tsv");
    assert_eq!(world.verify(&["archive"], Depth::Full).1[1].state, FileState::Good, "nothing is known about it");
    world.rot("data/a.tsv");
    assert!(matches!(world.verify(&["archive"], Depth::Full).1[1].state, FileState::Wrong { .. }));
}

#[test]
fn the_fast_check_sees_sizes_and_times_and_reads_nothing() {
    let world = World::new();
    world.verify(&[], Depth::Full);
    std::fs::write(world.path("data/md5"), "longer than before").unwrap();
    let touched = std::fs::File::options().append(true).open(world.path("data/hashed")).unwrap();
    touched.set_modified(std::time::UNIX_EPOCH).unwrap();
    std::fs::write(world.path("data/images/c"), "").unwrap();
    assert!(why(world.state("md5-only", Depth::Fast)).contains("6 bytes when it was verified, now 18"));
    assert!(why(world.state("hashed", Depth::Fast)).contains("changed or replaced"));
    assert!(why(world.verify(&["archive"], Depth::Fast).1[2].state.clone()).contains("has 3 files, not 2"));
    assert!(world.verify(&[], Depth::Fast).1.iter().all(|checked| checked.read == 0));
    let read: Vec<u64> = world.verify(&[], Depth::AsNeeded).1.iter().map(|checked| checked.read).collect();
    assert_eq!(read, [6, 18, 0, 0, 0, 0, 0], "only what changed is read");
}

#[test]
fn a_dropped_archive_is_not_missing() {
    let world = World::new();
    let place = AssetPaths::new(world.folder.path(), "archive", Path::new("downloads/a.zip"));
    assert_eq!(world.state("archive", Depth::Full), FileState::Missing);
    files::write_bytes(&place.part(), &[0; 1500]).unwrap();
    assert_eq!(world.verify(&["archive"], Depth::Full).1[0].note.as_deref(), Some("1.5 kB of it have arrived so far"));
    files::write_bytes(place.file(), HELLO).unwrap();
    assert_eq!(world.state("archive", Depth::Full), FileState::GoodUnpinned);
    Receipt::read(&place).unwrap().dropped_now().write(&place).unwrap();
    std::fs::remove_file(place.file()).unwrap();
    assert_eq!(world.state("archive", Depth::Full), FileState::Dropped);
}

#[test]
fn unreadable_files_are_reported_and_unwritable_receipts_noted() {
    let world = World::new();
    std::fs::remove_file(world.path("data/hashed")).unwrap();
    std::fs::create_dir(world.path("data/hashed")).unwrap();
    assert!(why(world.state("hashed", Depth::Full)).contains("not a regular file"));
    std::fs::remove_file(world.path("data/md5")).unwrap();
    std::os::unix::fs::symlink("nowhere", world.path("data/md5")).unwrap();
    assert!(why(world.state("md5-only", Depth::Full)).contains("dangling link"));
    std::fs::write(world.path("receipts"), "a file in the way").unwrap();
    let checked = &world.verify(&["blob-only"], Depth::Full).1[0];
    assert_eq!(checked.state, FileState::Good);
    assert!(checked.note.as_ref().unwrap().contains("could not be written"));
}

#[test]
fn every_file_has_one_event() {
    struct Heard(Mutex<Vec<Event>>);
    impl Observer<Event> for Heard {
        fn event(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }
    let world = World::new();
    std::fs::write(world.path("data/blob"), "").unwrap();
    let heard = Heard(Mutex::default());
    let subjects = world.subjects(&[]);
    verify(&subjects, Depth::Full, 2, &heard).unwrap();
    let heard = heard.0.into_inner().unwrap();
    let count = |of: fn(&Event) -> bool| heard.iter().filter(|event| of(event)).count();
    let is_verified = |start: &progress::TaskStart| start.doing == "verify" && start.total.is_some();
    let started =
        |event: &&Event| matches!(event, Event::Progress(progress::Event::Started(start)) if is_verified(start));
    assert_eq!(heard.iter().filter(started).count(), 6);
    assert_eq!(count(|event| matches!(event, Event::Done { outcome: "verified", .. })), 6);
    assert_eq!(count(|event| matches!(event, Event::Failed { class: "CHECKSUM", .. })), 1);
}

#[test]
fn the_page_shows_every_state() {
    let world = World::new();
    world.verify(&["hashed", "md5-only"], Depth::Full);
    world.touch("data/md5");
    std::fs::write(world.path("data/a.tsv"), "a row\n").unwrap();
    let everything = ["hashed", "md5-only", "blob-only", "unknown", "archive", "made"];
    insta::assert_snapshot!("page-fast", world.page(&everything, Depth::Fast));
    insta::assert_snapshot!("page-as-needed", world.page(&everything, Depth::AsNeeded));
    let (subjects, found) = world.verify(&["md5-only"], Depth::AsNeeded);
    let mut report = json(&subjects, &found, Path::new("workspace"), Depth::AsNeeded, 0.25);
    report["files"][0]["path"] = "workspace/data/md5".into();
    insta::assert_json_snapshot!("json", report);
}
