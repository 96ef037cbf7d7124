use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::files::*;
use crate::event::Event;
use crate::known_files::KnownFiles;
use crate::lock::Lock;
use crate::manifest::{Checksums, Manifest};
use crate::plan::{AssetState, plan};
use crate::receipt::Receipt;
use base::error::Kind;
use base::files::sha256_bytes;
use base::progress::{Observer, Silent};

/// A folder of downloads, a workspace, and a manifest of files `data/A/NAME` with the given lines each.
struct Scene {
    place: tempfile::TempDir,
    manifest: Manifest,
}

impl Scene {
    fn new(assets: &[(&str, &str, &str)]) -> Self {
        let mut text = "schema = 1\ngroup = [{ name = \"all\", title = \"all\" }]\n".to_owned();
        for (name, path, known) in assets {
            text += &format!(
                "[[asset]]\nname = \"{name}\"\ntitle = \"{name}\"\ngroups = [\"all\"]\npath = \"{path}\"\nurls = [\"https://x.org/d/{path}\"]\n{known}\n"
            );
        }
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("from")).unwrap();
        Self { place, manifest: Manifest::parse(&text, "test").unwrap() }
    }

    fn from(&self) -> PathBuf {
        self.place.path().join("from")
    }

    fn put(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.from().join(path);
        base::files::write_bytes(&path, bytes).unwrap();
        path
    }

    fn file(&self, path: &str) -> PathBuf {
        self.place.path().join("workspace").join(path)
    }

    fn adopt(&self) -> Summary {
        let assets: Vec<_> = self.manifest.assets.iter().collect();
        let items = plan(&assets, &Lock::default(), &self.place.path().join("workspace"));
        adopt(&self.from(), &items, &KnownFiles::of(&self.manifest, &Lock::default()), &Silent).unwrap()
    }

    /// Adopts; asserts that exactly these assets are adopted and no file is refused.
    #[track_caller]
    fn takes(&self, names: &[&str]) {
        let summary = self.adopt();
        assert_eq!(summary.adopted, names, "{summary:?}");
        assert!(summary.refused.is_empty(), "{summary:?}");
    }

    /// Adopts; asserts that no asset is adopted and one file is refused for this reason.
    #[track_caller]
    fn refuses(&self, kind: Kind, why: &str) {
        let summary = self.adopt();
        let [error] = summary.refused.as_slice() else { panic!("{summary:?}") };
        assert!(summary.adopted.is_empty() && error.kind() == kind, "{summary:?}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256 = \"{}\"", sha256_bytes(bytes))
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_file_is_identified_by_its_name_as_a_browser_writes_it() {
    for name in ["a.json", "deep/er/a.json", "a (1).json", "a(2).json", "a.json.1"] {
        let scene = Scene::new(&[("a", "data/a.json", &sha256(b"right"))]);
        let source = scene.put(name, b"right");
        scene.takes(&["a"]);
        assert_eq!(read(&scene.file("data/a.json")), b"right");
        let item = &plan(&[&scene.manifest.assets[0]], &Lock::default(), &scene.place.path().join("workspace"))[0];
        assert_eq!(item.state, AssetState::Good);
        assert_eq!(Receipt::read(&item.paths).unwrap().source, source.display().to_string());
        use std::os::unix::fs::MetadataExt;
        assert_eq!(std::fs::metadata(&source).unwrap().nlink(), 2, "linked, not copied, and the user's file stays");
        assert_eq!(scene.adopt().present, ["a"], "a second time there is nothing to do");
    }
}

#[test]
fn a_file_is_identified_by_its_name_at_the_source() {
    let known = "urls = [\"https://x.org/the%20file.json?dl=1\"]";
    let text = format!(
        "schema = 1\n[[asset]]\nname = \"a\"\ntitle = \"a\"\ngroups = []\npath = \"data/a.json\"\nsize_about = 5\n{known}"
    );
    let scene = Scene { manifest: Manifest::parse(&text, "test").unwrap(), ..Scene::new(&[]) };
    scene.put("the file.json", b"right");
    scene.takes(&["a"]);
}

#[test]
fn a_file_is_identified_by_its_checksum_whatever_its_name() {
    let scene = Scene::new(&[
        ("a", "data/a.json", &format!("size = 5\n{}", sha256(b"right"))),
        ("b", "data/b.json", "size_about = 1000\nmd5 = \"d41d8cd98f00b204e9800998ecf8427e\""),
    ]);
    scene.put("export", b"right");
    scene.put("other", b"wrong");
    let summary = scene.adopt();
    assert_eq!(summary.adopted, ["a"]);
    assert_eq!(summary.unknown, [(scene.from().join("other"), None)]);
}

#[test]
fn a_file_is_identified_by_its_size_only_if_large_and_unique() {
    let scene = Scene::new(&[("a", "data/a.bin", "size = 1048577"), ("b", "data/b.bin", "size = 6")]);
    scene.put("x", &vec![7; 1 << 20 | 1]);
    scene.put("y", b"tooshy");
    scene.takes(&["a"]);
    let twins = Scene::new(&[("a", "data/a.bin", "size = 1048577"), ("b", "data/b.bin", "size = 1048577")]);
    twins.put("x", &vec![7; 1 << 20 | 1]);
    twins.takes(&[]);
}

#[test]
fn folders_and_checksums_distinguish_files_of_one_name() {
    let assets = |first: &str| {
        Scene::new(&[("v", "data/vqa/train.json", first), ("g", "data/gqa/train.json", "size_max = 100")])
    };
    let scene = assets("size_max = 100");
    scene.put("lxmert/gqa/train.json", b"of gqa");
    scene.put("lxmert/vqa/train.json", b"of vqa");
    scene.takes(&["g", "v"]);
    assert_eq!(read(&scene.file("data/vqa/train.json")), b"of vqa");

    let scene = assets("size_max = 100");
    scene.put("train.json", b"of whom?");
    let summary = scene.adopt();
    assert!(summary.adopted.is_empty() && summary.refused.is_empty());
    let why = summary.unknown[0].1.as_deref().unwrap();
    assert_eq!(why, "may be `v` (if so, move it into a folder `vqa`) or `g` (if so, move it into a folder `gqa`)");

    let scene = assets(&sha256(b"of vqa"));
    scene.put("train.json", b"of vqa");
    scene.takes(&["v"]);
}

#[test]
fn a_file_with_the_right_name_and_wrong_content_is_refused_and_unchanged() {
    for (known, bytes, why) in [
        (
            sha256(b"right"),
            &b"wrong"[..],
            "its sha256 is 8810ad581e59f2bc3928b261707a71308f7e139eb04820366dc4d5c18d980225, not",
        ),
        ("size = 4".to_owned(), b"wrong", "it has 5 bytes, not 4"),
        ("size_about = 1000".to_owned(), b"wrong", "it has 5 bytes, fewer than the 869 it must have"),
        ("size_max = 4".to_owned(), b"wrong", "more than the 4 it can have"),
        (String::new(), b"", "it is empty"),
    ] {
        let scene = Scene::new(&[("a", "data/a.json", &known)]);
        let source = scene.put("a.json", bytes);
        scene.refuses(Kind::Checksum, why);
        assert_eq!(read(&source), bytes);
        assert!(!scene.file("data/a.json").exists() && !scene.file("data/a.json.part").exists());
    }
}

#[test]
fn a_correct_second_download_replaces_a_broken_first() {
    let scene = Scene::new(&[("a", "data/a.json", &sha256(b"right"))]);
    scene.put("a.json", b"wrong");
    scene.put("b/a.json", b"right");
    scene.takes(&["a"]);
}

#[test]
fn split_parts_are_joined() {
    let whole = b"one two three".as_slice();
    for names in
        [["000", "001", "002"], ["001", "002", "003"], ["aa", "ab", "ac"], ["part0", "part1", "part2"], ["0", "1", "2"]]
    {
        let scene = Scene::new(&[("a", "downloads/a.zip", &sha256(whole))]);
        for (name, piece) in names.iter().zip(whole.chunks(5)) {
            scene.put(&format!("baidu/a.zip.{name}"), piece);
        }
        scene.takes(&["a"]);
        assert_eq!(read(&scene.file("downloads/a.zip")), whole, "{names:?}");
        assert_eq!(std::fs::read_dir(scene.from().join("baidu")).unwrap().count(), 3, "the parts stay");
    }
    let many = Scene::new(&[("a", "downloads/a.zip", &sha256(&[3; 21]))]);
    for part in 0..11 {
        many.put(&format!("a.zip.part{part}"), &[3; 2][..if part == 10 { 1 } else { 2 }]);
    }
    many.takes(&["a"]);
}

#[test]
fn incomplete_parts_are_refused() {
    for (parts, kind, why) in [
        (&[("000", 5), ("002", 3)][..], Kind::Data, "a part between a.zip.000 and a.zip.002 is missing"),
        (&[("ab", 5), ("ac", 3)], Kind::Data, "the parts before a.zip.ab are missing"),
        (&[("000", 5), ("001", 4), ("002", 5)], Kind::Data, "a.zip.001 has 4 bytes"),
        (&[("000", 5), ("001", 5)], Kind::Checksum, "it has 10 bytes, not 13"),
    ] {
        let scene = Scene::new(&[("a", "downloads/a.zip", "size = 13")]);
        for (name, size) in parts {
            scene.put(&format!("a.zip.{name}"), &vec![1; *size]);
        }
        scene.refuses(kind, why);
    }
}

#[test]
fn an_archive_without_checksum_must_be_complete() {
    let scene = Scene::new(&[("a", "downloads/a.zip", "size_max = 100")]);
    scene.put("a.zip", b"PK\x03\x04 and then it broke off");
    scene.refuses(Kind::Checksum, "it is not a complete zip archive");
    scene.put("a.zip", b"PK\x03\x04 all of it PK\x05\x06 ..................");
    scene.takes(&["a"]);
}

#[test]
fn incomplete_and_unknown_files_are_listed() {
    let scene = Scene::new(&[("a", "data/a.json", "size_max = 100")]);
    scene.put("a.json.crdownload", b"ri");
    scene.put("holiday.jpg", b"sun");
    std::os::unix::fs::symlink(scene.from(), scene.from().join("loop")).unwrap();
    let summary = scene.adopt();
    assert!(summary.adopted.is_empty());
    let names: Vec<_> = summary
        .unknown
        .iter()
        .map(|(path, why)| (path.file_name().unwrap().to_str().unwrap(), why.is_some()))
        .collect();
    assert_eq!(names, [("a.json.crdownload", true), ("holiday.jpg", false)]);
    let error = adopt(Path::new("/nowhere"), &[], &KnownFiles::default(), &Silent).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

#[test]
fn a_wrong_file_is_moved_aside_and_a_partial_download_removed() {
    let scene = Scene::new(&[("a", "data/a.json", &sha256(b"right"))]);
    let source = scene.put("a.json", b"right");
    let place = crate::paths::AssetPaths::new(&scene.place.path().join("workspace"), "a", Path::new("data/a.json"));
    base::files::write_bytes(place.file(), b"wrong").unwrap();
    let hashes = Checksums { sha256: Some(sha256_bytes(b"wrong")), ..Checksums::default() };
    Receipt::new(place.file(), hashes, "x").unwrap().write(&place).unwrap();
    base::files::write_bytes(&place.part(), b"ri").unwrap();
    base::files::write_bytes(&place.sidecar(), b"{}").unwrap();
    scene.takes(&["a"]);
    assert_eq!(read(&place.suspect(&sha256_bytes(b"wrong"))), b"wrong");
    assert!(!place.part().exists() && !place.sidecar().exists() && source.exists());
}

#[test]
fn every_file_has_an_event() {
    struct Heard(Mutex<Vec<Event>>);
    impl Observer<Event> for Heard {
        fn event(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }
    let scene = Scene::new(&[("a", "data/a.json", &sha256(b"right")), ("b", "data/b.json", &sha256(b"good"))]);
    scene.put("a.json", b"right");
    scene.put("b.json", b"bad!");
    let assets: Vec<_> = scene.manifest.assets.iter().collect();
    let heard = Heard(Mutex::default());
    adopt(
        &scene.from(),
        &plan(&assets, &Lock::default(), &scene.place.path().join("workspace")),
        &KnownFiles::default(),
        &heard,
    )
    .unwrap();
    let events = heard.0.into_inner().unwrap();
    let source = scene.from().join("a.json").display().to_string();
    assert_eq!(events[0], Event::started("a", "adopt", &source, Some(5), 0));
    assert!(events.iter().any(|e| matches!(e, Event::Done { name, outcome: "adopted", size: 5, .. } if name == "a")));
    assert!(events.iter().any(|e| matches!(e, Event::Failed { name, class: "CHECKSUM", .. } if name == "b")));
}

#[test]
fn a_second_copy_is_found_but_not_adopted() {
    let scene = Scene::new(&[("a", "data/a.json", "size_max = 100")]);
    let source = scene.put("a.json", b"right");
    scene.takes(&["a"]);
    let assets: Vec<_> = scene.manifest.assets.iter().collect();
    let items = plan(&assets, &Lock::default(), &scene.place.path().join("workspace"));
    assert!(find_copy(&scene.from(), &items[0], &Silent).unwrap().is_none(), "the file itself proves nothing");
    let other = scene.put("usb/a.json", b"other");
    let found = find_copy(&scene.from(), &items[0], &Silent).unwrap().unwrap();
    assert_eq!((found.source, found.size), (other.display().to_string(), 5));
    assert_eq!(found.hashes.sha256.unwrap(), sha256_bytes(b"other"));
    assert_eq!(read(&scene.file("data/a.json")), read(&source));
}

#[test]
fn a_file_on_another_file_system_is_copied() {
    use std::os::unix::fs::MetadataExt;
    let scene = Scene::new(&[("a", "data/a.json", &sha256(b"right")), ("b", "data/b.json", &sha256(b"good"))]);
    let memory = Path::new("/dev/shm");
    let device = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.dev());
    if !memory.is_dir() || device(memory) == device(scene.place.path()) {
        println!("skipped: there is no second file system at /dev/shm");
        return;
    }
    let usb = tempfile::tempdir_in(memory).unwrap();
    for (name, bytes) in [("a.json", &b"right"[..]), ("b.json", b"bad!")] {
        std::fs::write(usb.path().join(name), bytes).unwrap();
    }
    let assets: Vec<_> = scene.manifest.assets.iter().collect();
    let items = plan(&assets, &Lock::default(), &scene.place.path().join("workspace"));
    let summary = adopt(usb.path(), &items, &KnownFiles::default(), &Silent).unwrap();
    assert_eq!((summary.adopted.len(), summary.refused.len()), (1, 1), "{summary:?}");
    assert_eq!(read(&scene.file("data/a.json")), b"right");
    assert_eq!(std::fs::read_dir(scene.file("data")).unwrap().count(), 1, "nothing is left of the wrong copy");
}
