//! Files that people found elsewhere and bring along, and machines without a network: what is known by its checksum is that file, and
//! nobody waits for minutes.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use base::exit;
use base::files::sha256_bytes;
use rustix::process::{Pid, Signal, kill_process};

use crate::common::fetching::{FetchSetup, content, sha256, until};
use crate::common::testing::{Fault, Served, Server};
use crate::common::{repro, run, stderr, stdout};

/// Minutes were what it took; seconds are what it takes.
const SECONDS: Duration = Duration::from_secs(40);

#[track_caller]
fn says(output: &Output, texts: &[&str]) -> String {
    let told = stdout(output) + &stderr(output);
    for text in texts {
        assert!(told.contains(text), "{text:?} is not in: {told}");
    }
    told
}

/// The ten released rows, under a name in a folder of downloads.
fn golden_rows(folder: &Path, name: &str) -> Option<PathBuf> {
    let rows = fixtures::beside("real/golden/train2014_obj36.tsv")?;
    let path = folder.join("from").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(rows, &path).unwrap();
    Some(path)
}

#[test]
fn the_ten_released_rows_are_never_the_features_of_train2014() {
    for (name, asked) in [
        ("train2014_obj36.tsv", "vqa-features-train2014"),
        ("mscoco_imgfeat/train2014_obj36.tsv", "--task vqa"),
        // Of these neither size nor number of rows is known.
        ("train_obj36.tsv", "nlvr2-features-train"),
        ("gqa_testdev_obj36.zip", "gqa-features-testdev"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let Some(file) = golden_rows(folder.path(), name) else { return };
        let mut fetch = repro(folder.path());
        let output = run(fetch.args(["fetch", "--from", "from"]).args(asked.split(' ')), exit::CHECKSUM);
        says(
            &output,
            &[
                "despite its name",
                "it is `golden-rows` (",
                "by its checksum",
                "next: it was not changed; run `repro fetch golden-rows --from DIR`",
            ],
        );
        assert!(!folder.path().join("workspace/data/mscoco_imgfeat").exists() && file.exists());
        if name != "train2014_obj36.tsv" {
            continue;
        }
        for (golden, workspace) in [("golden-rows", "one"), ("--all", "two")] {
            let mut fetch = repro(folder.path());
            let output = run(fetch.args(["fetch", "--from", "from", golden, "--workspace", workspace]), exit::PASS);
            says(&output, &["golden-rows: adopted"]);
        }
    }
}

#[test]
fn features_cannot_be_smaller_than_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("from")).unwrap();
    for (name, asked, least) in [
        ("train2014_obj36.tsv", "vqa-features-train2014", 82_783 * 395_151_u64),
        ("gqa_testdev_obj36.tsv", "gqa-features-testdev", 398 * 395_151),
        // The rows were never counted, but the archive has 21 GB.
        ("train_obj36.tsv", "nlvr2-features-train", 18_242_604_600),
    ] {
        fs::write(folder.path().join("from").join(name), vec![b'x'; 100_000]).unwrap();
        let mut fetch = repro(folder.path());
        let output = run(fetch.args(["fetch", "--from", "from", asked]), exit::CHECKSUM);
        says(
            &output,
            &[&format!("it has 100000 bytes, fewer than the {least} it must have"), "next: download it again"],
        );
    }
}

#[test]
fn verify_does_not_call_them_good() {
    for place in
        ["mscoco_imgfeat/train2014_obj36.tsv", "nlvr2_imgfeat/train_obj36.tsv", "vg_gqa_imgfeat/gqa_testdev_obj36.tsv"]
    {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("workspace/data").join(place);
        let Some(rows) = golden_rows(folder.path(), "rows") else { return };
        fs::create_dir_all(data.parent().unwrap()).unwrap();
        fs::copy(rows, &data).unwrap();
        let output = run(repro(folder.path()).args(["verify", "--full"]), exit::CHECKSUM);
        says(&output, &["WRONG", "it is `golden-rows` (", "by its checksum"]);
        for quick in [&["verify"][..], &["verify", "--fast"]] {
            let output = run(repro(folder.path()).args(quick), exit::CHECKSUM);
            says(&output, &["WRONG", "it has 3951820 bytes, fewer than the"]);
        }
    }
    // Where they belong they are good.
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("workspace/data/golden/train2014_obj36.tsv");
    let Some(rows) = golden_rows(folder.path(), "rows") else { return };
    fs::create_dir_all(data.parent().unwrap()).unwrap();
    fs::copy(rows, &data).unwrap();
    says(&run(repro(folder.path()).args(["verify", "--full"]), exit::PASS), &["golden-rows", "good"]);
}

/// A manifest of `a`, known by its checksum, and `b`, of which nothing is known.
fn two(folder: &Path, known: &str) {
    let asset = |name: &str, known: &str| {
        format!(
            "[[asset]]\nname = \"{name}\"\ntitle = \"file {name}\"\ngroups = []\npath = \"data/{name}.json\"\nurls = [\"https://x.invalid/{name}.json\"]\n{known}\n"
        )
    };
    fs::write(folder.join("assets.toml"), "schema = 1\n".to_owned() + &asset("a", known) + &asset("b", "")).unwrap();
}

#[test]
fn a_known_checksum_beats_a_name() {
    for known in [
        format!("sha256 = \"{}\"", sha256_bytes(b"of a")),
        format!("size = 4\nsha256 = \"{}\"", sha256_bytes(b"of a")),
        "size = 4\nmd5 = \"aa0570e2314a2417e9f2907e0466ba3b\"".to_owned(),
    ] {
        let folder = tempfile::tempdir().unwrap();
        two(folder.path(), &known);
        let b = folder.path().join("from/b.json");
        fs::create_dir(folder.path().join("from")).unwrap();
        fs::write(&b, "of a").unwrap();
        let fetch = |names: &[&str], code: u8| {
            let mut fetch = repro(folder.path());
            run(fetch.args(["fetch", "--manifest", "assets.toml", "--from", "from"]).args(names), code)
        };
        says(
            &fetch(&["b"], exit::CHECKSUM),
            &["it is `a` (file a), by its checksum", "next: it was not changed; run `repro fetch a --from DIR`"],
        );
        if known.contains("size") {
            says(&fetch(&["a"], exit::PASS), &["a: adopted"]);
        }
        // Another file of that name is taken: nothing is known against it.
        fs::write(&b, "of b, surely").unwrap();
        says(&fetch(&["b"], exit::PASS), &["b: adopted"]);
        // A name with another checksum than is known is none.
        fs::write(folder.path().join("from/a.json"), "of b").unwrap();
        fs::remove_dir_all(folder.path().join("workspace")).unwrap();
        fetch(&["a"], exit::CHECKSUM);
    }
}

/// So many files on each of some hosts.
fn manifest(folder: &Path, hosts: &[&str], files: usize) {
    let mut text = "schema = 1\ngroup = [{ name = \"all\", title = \"all\" }]\n".to_owned();
    for (number, host) in hosts.iter().enumerate() {
        for file in 0..files {
            text += &format!(
                "[[asset]]\nname = \"f{number}-{file}\"\ntitle = \"t\"\ngroups = [\"all\"]\npath = \"data/{number}/{file}\"\nurls = [\"{host}/{file}\"]\n"
            );
        }
    }
    fs::write(folder.join("assets.toml"), text).unwrap();
}

fn fetch(folder: &Path) -> Command {
    let mut command = repro(folder);
    command.args(["fetch", "--all", "--manifest", "assets.toml"]);
    command
}

#[test]
fn without_a_network_each_host_has_one_line_and_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = ["https://one.invalid", "https://two.invalid", "https://three.invalid"];
    manifest(folder.path(), &hosts, 8);
    let start = Instant::now();
    let output = run(&mut fetch(folder.path()), exit::NETWORK);
    assert!(start.elapsed() < SECONDS, "{:?}", start.elapsed());
    let told = says(&output, &["error: 24 of 24 files could not be fetched", "next: check the network", "--from DIR"]);
    for host in ["one.invalid", "two.invalid", "three.invalid"] {
        let line = format!("{host}: this machine cannot resolve host names (");
        assert_eq!(told.matches(&line).count(), 1, "{told}");
        assert!(
            told.contains(&format!("caused by: {host} (8 files): this machine cannot resolve host names (")),
            "{told}"
        );
    }
    assert!(!told.contains("waiting") && told.lines().count() < 12, "{told}");
    let claims = fs::read_dir(folder.path().join("workspace/data/0")).unwrap();
    assert_eq!(
        claims.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "claim")).count(),
        0
    );

    // A script hears of each file.
    let events = stdout(&run(fetch(folder.path()).args(["--format", "json"]), exit::NETWORK));
    assert_eq!(events.matches(r#""event":"failed""#).count(), 24, "{events}");
    assert_eq!(events.matches(r#""event":"note""#).count(), 3, "{events}");

    // Of one file everything is said.
    let mut one = repro(folder.path());
    let output = run(one.args(["fetch", "f0-0", "--manifest", "assets.toml"]), exit::NETWORK);
    says(
        &output,
        &["error: cannot fetch `f0-0`", "https://one.invalid/0 this machine cannot resolve host names", "next: "],
    );
}

#[test]
fn a_host_that_is_gone_does_not_keep_others_from_being_asked() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    server.put("/0", Served::new(b"content".to_vec()));
    // It answers late: what is transient is asked again.
    server.faults("/0", [Fault::Status(503, vec![("Retry-After", "0".into())])]);
    manifest(folder.path(), &[server.url("").trim_end_matches('/'), "https://gone.invalid"], 1);
    let start = Instant::now();
    let output = run(&mut fetch(folder.path()), exit::NETWORK);
    assert!(start.elapsed() < SECONDS, "{:?}", start.elapsed());
    says(&output, &["f0-0: fetched", "error: cannot fetch `f1-0`"]);
    assert_eq!(server.records().len(), 2);
}

/// What it said until it ended, and how.
fn stopped(mut child: std::process::Child, signal: Signal) -> String {
    let start = Instant::now();
    kill_process(Pid::from_child(&child), signal).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(exit::INTERRUPTED.into()));
    assert!(start.elapsed() < SECONDS);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    told
}

#[test]
fn ctrl_c_says_a_word_and_leaves_no_claim() {
    let bytes = content(400_000);
    let start = |setup: &FetchSetup, stall: &str| {
        let mut fetch = repro(setup.folder.path());
        fetch.args(["fetch", "a", "--manifest", "assets.toml", "--workspace", "w", "--stall-timeout", stall]);
        fetch.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let faults = [
        // While bytes are awaited, while an answer is, and between two tries.
        (Fault::Stall(300_000), Signal::INT),
        (Fault::Hang, Signal::TERM),
        (Fault::Status(503, vec![("Retry-After", "500".into())]), Signal::INT),
    ];
    for (number, (fault, signal)) in faults.into_iter().enumerate() {
        let server = Server::start();
        let url = server.put("/a", Served::new(bytes.clone()));
        server.faults("/a", [fault]);
        let setup = FetchSetup::new(&[&url], &sha256(&bytes));
        let child = start(&setup, "500");
        until("a request", || server.records().len() == 1 && (number > 0 || setup.part() >= 200_000));
        let told = stopped(child, signal);
        assert!(
            told.contains("stopped on request (signal ") && told.contains("next: run the same command again"),
            "{told}"
        );
        assert_eq!(told.matches("stopped on request").count(), 1, "{told}");
        assert!(setup.names().iter().all(|name| !name.contains("claim")), "{:?}", setup.names());
        run(&mut setup.fetch(), exit::PASS);
        assert_eq!(setup.names(), ["a.bin"]);
        assert!(fs::read(setup.file()).unwrap() == bytes);
    }

    // While it waits for another process, which goes on.
    let server = Server::start();
    let url = server.put("/a", Served { rate: Some(100_000), ..Served::new(bytes.clone()) });
    let setup = FetchSetup::new(&[&url], &sha256(&bytes));
    let first = start(&setup, "30");
    until("the first byte", || setup.part() > 0);
    let mut second = start(&setup, "30");
    let mut told = BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("is working on it"), "{line}");
    second.stderr = Some(told.into_inner());
    stopped(second, Signal::INT);
    assert!(first.wait_with_output().unwrap().status.success());
    assert_eq!(setup.names(), ["a.bin"]);
}
