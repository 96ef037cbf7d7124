//! `repro fetch` with sources on this machine: options, output and exit codes.

use std::path::{Path, PathBuf};
use std::process::Command;

use base::files::sha256_bytes;

use crate::common::{repro, run, stderr, stdout};

/// A folder with sources `here/` and `there/`, and a manifest that names them.
struct Scene {
    place: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { place: tempfile::tempdir().unwrap() };
        for folder in ["here", "there"] {
            scene.put(&format!("{folder}/minival.json"), b"[1, 2, 3]");
            scene.put(&format!("{folder}/dev.json"), b"{}\n");
        }
        let (place, dev) = (scene.place.path().display(), sha256_bytes(b"{}\n"));
        let manifest = format!(
            r#"
            schema = 1
            group = [{{ name = "vqa", title = "VQA" }}, {{ name = "nlvr2", title = "NLVR2" }}]
            [[asset]]
            name = "minival"
            title = "questions"
            groups = ["vqa"]
            path = "data/vqa/minival.json"
            urls = ["file://{place}/here/minival.json", "file://{place}/there/minival.json"]
            size_max = 100
            [[asset]]
            name = "dev"
            title = "pairs"
            groups = ["nlvr2"]
            path = "data/nlvr2/dev.json"
            urls = ["file://{place}/here/dev.json"]
            size = 3
            sha256 = "{dev}"
            [[asset]]
            name = "gone"
            title = "what nobody has"
            groups = []
            path = "data/gone"
            urls = ["file://{place}/here/gone"]
            [[asset]]
            name = "pictures"
            title = "what a form gives"
            groups = ["nlvr2"]
            path = "downloads/pictures.zip"
            size = 9
            unpack = [{{ member = "pictures.tsv", path = "data/pictures.tsv", size_max = 40 }}]
            [[asset.by_hand]]
            place = "the form"
            url = "https://x.org/form"
            how = "sign it"
            "#
        );
        scene.put("assets.toml", manifest.as_bytes());
        scene
    }

    fn path(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), bytes).unwrap();
    }

    fn fetch(&self, arguments: &[&str]) -> Command {
        let mut command = repro(self.place.path());
        command.args(["fetch", "--manifest", "assets.toml", "--retries", "0", "--retry-wait", "0"]).args(arguments);
        command
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn fetched_once_and_present_ever_after() {
    let scene = Scene::new();
    let first = stdout(&run(&mut scene.fetch(&["minival", "dev"]), 0));
    let lines: Vec<&str> = first.lines().collect();
    assert!(
        lines.iter().any(|line| line.starts_with("minival: fetched, 9 B, sha256 ") && line.contains(", unpinned")),
        "{first}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("dev: fetched, 3 B, sha256 ") && line.contains(", published")),
        "{first}"
    );
    assert_eq!(read(&scene.path("workspace/data/vqa/minival.json")), "[1, 2, 3]");
    assert_eq!(scene.names("workspace/data/vqa"), ["minival.json"], "nothing is left beside it");
    scene.put("here/minival.json", b"another");
    let second = run(&mut scene.fetch(&["minival"]), 0);
    assert!(stdout(&second).starts_with("minival: present, 9 B"), "{}", stdout(&second));
    assert!(stderr(&second).contains("1 file without a published checksum"), "{}", stderr(&second));
}

#[test]
fn a_pinned_file_that_changes_at_its_source_is_an_error() {
    let scene = Scene::new();
    run(&mut scene.fetch(&["minival", "dev", "--pin"]), 0);
    let lock = read(&scene.path("workspace/data/assets.lock"));
    assert!(lock.contains("name = \"minival\"") && !lock.contains("dev"), "what is published needs no pin: {lock}");
    assert!(lock.contains(&sha256_bytes(b"[1, 2, 3]")), "{lock}");
    std::fs::remove_file(scene.path("workspace/data/vqa/minival.json")).unwrap();
    scene.put("here/minival.json", b"[1, 2, 4]");
    scene.put("there/minival.json", b"[1, 2, 4]");
    let output = run(&mut scene.fetch(&["minival"]), 7);
    let (text, other) = (stderr(&output), sha256_bytes(b"[1, 2, 4]"));
    assert!(
        text.contains(&other) && text.contains(&sha256_bytes(b"[1, 2, 3]")) && text.contains(".suspect-"),
        "{text}"
    );
    assert_eq!(scene.names("workspace/data/vqa"), [format!("minival.json.suspect-{}", &other[..12])]);
    scene.put("there/minival.json", b"[1, 2, 3]");
    run(&mut scene.fetch(&["minival"]), 0);
    let again = run(&mut scene.fetch(&["minival", "--pin"]), 0);
    assert!(stderr(&again).contains("0 files pinned"), "{}", stderr(&again));
}

#[test]
fn two_sources_that_agree_corroborate_and_two_that_differ_do_not() {
    let scene = Scene::new();
    let output = run(&mut scene.fetch(&["minival", "--corroborate"]), 0);
    assert!(stdout(&output).contains("minival: corroborated, 9 B"), "{}", stdout(&output));
    assert_eq!(read(&scene.path("workspace/data/assets.lock")).matches("file://").count(), 2);
    assert!(!scene.path("workspace/downloads/.corroborate/minival").exists());
    let list = stdout(&run(&mut scene.fetch(&["--list"]), 0));
    assert!(list.contains("corroborated  verified"), "{list}");

    let scene = Scene::new();
    scene.put("there/minival.json", b"[1, 2, 4]");
    let text = stderr(&run(&mut scene.fetch(&["minival", "--pin", "--corroborate"]), 7));
    for part in
        ["two sources of `minival`", "here/minival.json gave 9 bytes", "there/minival.json gave 9 bytes", ".suspect-"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(read(&scene.path("workspace/data/assets.lock")).matches("file://").count(), 1);
    let text = stderr(&run(&mut scene.fetch(&["minival", "--corroborate", "--from", "usb"]), 2));
    assert!(text.contains("usb is not a folder"), "{text}");
    scene.put("usb/minival.json", b"[1, 2, 3]");
    let output = run(&mut scene.fetch(&["minival", "--corroborate", "--from", "usb"]), 0);
    assert!(stdout(&output).contains("minival: corroborated"), "{}", stdout(&output));
}

#[test]
fn files_downloaded_by_hand_are_used() {
    let scene = Scene::new();
    for (name, piece) in [("aa", "PK\u{3}\u{4}"), ("ab", "PK\u{5}\u{6}"), ("ac", "!")] {
        scene.put(&format!("Downloads/pictures.zip.{name}"), piece.as_bytes());
    }
    scene.put("Downloads/dev (1).json", b"{}\n");
    scene.put("Downloads/minival.json.crdownload", b"[1");
    let output = run(&mut scene.fetch(&["--from", "Downloads"]), 0);
    let (results, said) = (stdout(&output), stderr(&output));
    assert!(results.contains("pictures: adopted, 9 B") && results.contains("dev: adopted, 3 B"), "{results}");
    assert!(said.contains("minival.json.crdownload: skipped: an incomplete download"), "{said}");
    assert_eq!(read(&scene.path("workspace/downloads/pictures.zip")).len(), 9);
    assert_eq!(scene.names("Downloads").len(), 5, "what was downloaded stays");
    let text = stderr(&run(&mut scene.fetch(&["--task", "nlvr2,vqa", "--from", "Downloads"]), 0));
    assert!(text.contains("1 file still missing (minival); the command fetches them without --from"), "{text}");
    let text = stderr(&run(&mut scene.fetch(&["minival", "--from", "Downloads"]), 5));
    assert!(text.contains("not found in Downloads: minival"), "{text}");
    scene.put("Downloads/minival.json", &[b'x'; 101]);
    let text = stderr(&run(&mut scene.fetch(&["minival", "--from", "Downloads"]), 7));
    assert!(text.contains("is not `minival`, despite its name") && text.contains("more than the 100"), "{text}");
    assert!(scene.path("Downloads/minival.json").exists());
}

#[test]
fn the_unpacked_content_of_an_archive_replaces_the_archive() {
    let scene = Scene::new();
    scene.put("drive/pictures.tsv", b"1\t2\n");
    let output = run(&mut scene.fetch(&["pictures", "--from", "drive"]), 0);
    assert!(stdout(&output).starts_with("pictures--pictures.tsv: adopted, 4 B"), "{}", stdout(&output));
    assert_eq!(read(&scene.path("workspace/data/pictures.tsv")), "1\t2\n");
    let list = stdout(&run(&mut scene.fetch(&["pictures", "--list"]), 0));
    assert!(list.contains("unpinned  unpacked"), "{list}");
    run(&mut scene.fetch(&["pictures"]), 0);
    let verify = || {
        let mut command = repro(scene.place.path());
        command.args(["verify", "pictures", "--manifest", "assets.toml"]);
        command
    };
    run(&mut verify(), 0);
    scene.put("workspace/data/pictures.tsv", b"1\t3\n");
    run(&mut verify(), 7);
    run(&mut scene.fetch(&["pictures"]), 6);
}

#[test]
fn mistakes_and_missing_files_are_told_apart() {
    let scene = Scene::new();
    let nothing = stderr(&run(&mut scene.fetch(&[]), 2));
    assert!(
        nothing.contains("--task vqa    1 file, about 100 B") && nothing.contains("repro fetch --list"),
        "{nothing}"
    );
    let unknown = stderr(&run(&mut scene.fetch(&["mini"]), 2));
    assert!(unknown.contains("there is no asset `mini`") && unknown.contains("did you mean minival?"), "{unknown}");
    run(&mut scene.fetch(&["--task", "vqb"]), 2);
    run(&mut scene.fetch(&["--list", "--pin"]), 2);
    run(&mut scene.fetch(&["minival", "--jobs", "0"]), 2);
    let gone = stderr(&run(&mut scene.fetch(&["gone"]), 6));
    assert!(gone.contains("here/gone"), "{gone}");
    let by_hand = stderr(&run(&mut scene.fetch(&["pictures"]), 6));
    assert!(by_hand.contains("the form (https://x.org/form): sign it"), "{by_hand}");
    let several = run(&mut scene.fetch(&["gone", "pictures", "dev"]), 6);
    assert!(stdout(&several).starts_with("dev: fetched"), "the others come all the same");
    assert_eq!(stderr(&several).matches("sign it").count(), 1, "{}", stderr(&several));
}

#[test]
fn scripts_read_events_the_list_and_the_plan() {
    let scene = Scene::new();
    let parse = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let plan = parse(&stdout(&run(&mut scene.fetch(&["--task", "vqa,nlvr2", "--dry-run", "--format", "json"]), 0)));
    assert_eq!((plan["fetch"].as_array().unwrap().len(), plan["by_hand"][0]["name"].as_str()), (2, Some("pictures")));
    assert!(plan["disk"]["free"].as_u64().unwrap() > 0);
    assert!(!scene.path("workspace").exists(), "a dry run leaves nothing");

    let output = run(&mut scene.fetch(&["minival", "gone", "--format", "json"]), 6);
    let events: Vec<_> = stdout(&output).lines().map(parse).collect();
    let of = |event: &str, name: &str| events.iter().find(|e| e["event"] == event && e["name"] == name);
    assert_eq!(of("started", "minival").unwrap()["doing"], "fetch");
    let done = of("done", "minival").unwrap();
    assert_eq!((done["outcome"].as_str(), done["trust"].as_str()), (Some("fetched"), Some("unpinned")));
    assert_eq!((done["size"].as_u64(), done["sha256"].as_str().unwrap().len()), (Some(9), 64));
    assert_eq!(of("failed", "gone").unwrap()["class"], "NETWORK");

    let list = parse(&stdout(&run(&mut scene.fetch(&["--list", "--format", "json"]), 0)));
    assert_eq!(list["assets"][0]["state"], "verified");
    let text = stdout(&run(&mut scene.fetch(&["--task", "nlvr2", "--dry-run"]), 0));
    assert!(
        text.starts_with("To fetch into workspace: 1 file, 3 B") && text.contains("only by hand: pictures"),
        "{text}"
    );
}
