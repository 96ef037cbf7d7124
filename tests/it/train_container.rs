//! The training image: it computes the same as this machine, bit for bit, and leaves nothing behind. Skipped visibly if no engine has
//! the image, unless `REPRO_TEST_REQUIRE` names `train-image`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base::files::sha256;
use engines::private::PrivateEngine;
use judge::report::{Report, json};
use serde_json::Value;

use crate::common::train_image::{image, with_engine};
use crate::common::{recipe, repro, run, stderr, stdout};

const INCONCLUSIVE: i32 = 3;
const INTERRUPTED: i32 = 130;
fn outside(folder: &Path) -> Command {
    let mut command = repro(folder);
    with_engine(&mut command).env("GOMP_SPINCOUNT", "1000");
    command
}

fn demo(folder: &Path) -> Command {
    fs::write(folder.join("recipe.toml"), recipe::small()).unwrap();
    let mut command = outside(folder);
    command.args(["all", "--profile", "demo", "--recipe", "recipe.toml", "--threads", "1"]);
    command
}

/// In containers, on a machine without a worker: asking for one would fail.
fn inside(command: &mut Command, image: &str) -> Output {
    command.args(["--engine", "docker", "--image", image]).env("REPRO_WORKER", "/nowhere/repro-worker");
    run(command, INCONCLUSIVE)
}

/// The report without what names the place.
fn report(folder: &Path) -> Report {
    let report = json::read(&folder.join("workspace/runs/latest/report.json")).unwrap().without_times();
    // Rows name their run, and its name is made from the plan, image included.
    let text = json::render(&report).unwrap().replace(&report.run, "RUN");
    let mut report: Report = serde_json::from_str(&text).unwrap();
    report.environment.image = None;
    report.environment.commit = None;
    report.stages.iter_mut().for_each(|stage| stage.fingerprint = None);
    report
}

fn latest(folder: &Path, path: &str) -> std::path::PathBuf {
    folder.join("workspace/runs/latest").join(path)
}

/// Containers of a process: those that run, or all.
fn containers_of(process: u32, running: bool) -> usize {
    let owned = format!("-{process}-");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let all = runtime.block_on(async {
        let docker = bollard::Docker::connect_with_defaults().unwrap();
        let options = bollard::query_parameters::ListContainersOptionsBuilder::default().all(!running).build();
        docker.list_containers(Some(options)).await.unwrap()
    });
    let owner = |labels: std::collections::HashMap<String, String>| labels.get("lxmert-repro.owner").cloned();
    all.into_iter().filter_map(|one| owner(one.labels?)).filter(|owner| owner.contains(&owned)).count()
}

#[test]
fn the_demo_is_the_same_to_the_last_bit() {
    let Some(image) = image() else { return };
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (here.path(), there.path());
    run(&mut demo(here), INCONCLUSIVE);
    inside(&mut demo(there), &image);
    for task in ["vqa", "gqa", "nlvr2"] {
        for file in ["LAST.safetensors", "ENCODER_LXRT.safetensors"] {
            let file = format!("train-{task}/{file}");
            assert_eq!(sha256(&latest(here, &file)).unwrap(), sha256(&latest(there, &file)).unwrap(), "{file}");
        }
    }
    let named = json::read(&latest(there, "report.json")).unwrap().environment.image.unwrap();
    assert!(named.contains("sha256:"), "{named}");
    assert_eq!(report(there), report(here));
    let events = fs::read_to_string(latest(there, "events.jsonl")).unwrap();
    assert_eq!(events.matches("\"stage-container\"").count(), 10, "one container a stage: {events}");

    // The image is part of what a stage depends on; the same image is asked for nothing again.
    let again = inside(&mut demo(there), &image);
    assert_eq!(stderr(&again).matches(": cached (").count(), 10, "{}", stderr(&again));
    let moved = run(demo(there).arg("--explain"), 0);
    assert_eq!(stdout(&moved).matches("it runs in a different place (").count(), 10, "{}", stdout(&moved));

    commands_do_the_same(here, &image);
}

/// train, evaluate and predict on the demo's data, which are links to other places, as people keep large files.
fn commands_do_the_same(folder: &Path, image: &str) {
    fs::create_dir(folder.join("data")).unwrap();
    for stage in ["scenes/data", "features"] {
        for entry in fs::read_dir(latest(folder, stage)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != "stage.json" {
                symlink(entry.path().canonicalize().unwrap(), folder.join("data").join(entry.file_name())).unwrap();
            }
        }
    }
    let both = |words: &[&str], code: i32| {
        let base = ["--data-root", "data", "--threads", "1", "--device", "cpu"];
        let host = run(outside(folder).args(words).args(base), code);
        // What it wrote is kept aside.
        let _ = fs::remove_dir_all(folder.join("host"));
        let written = folder.join("out");
        if written.exists() {
            fs::rename(&written, folder.join("host")).unwrap();
        }
        let docker = ["--engine", "docker", "--image", image];
        let mut outside = outside(folder);
        outside.args(words).args(base).args(docker).env("REPRO_WORKER", "/nowhere/repro-worker");
        let docker = run(&mut outside, code);
        assert_eq!(stdout(&docker), stdout(&host), "{words:?}: {}", stderr(&docker));
        (stderr(&docker), stderr(&host))
    };
    let same = |names: &[&str]| {
        for name in names {
            let read = |folder: &Path| fs::read(folder.join(name)).unwrap();
            assert!(read(&folder.join("out")) == read(&folder.join("host")), "{name} differs");
        }
    };
    let train = ["train", "vqa", "--model", "tiny", "--from-scratch", "--valid", "minival", "--epochs", "2"];
    both(&[&train[..], &["--batch-size", "16", "--pth", "--output", "out"]].concat(), 0);
    same(&["BEST.safetensors", "LAST.safetensors", "BEST.pth", "log.log"]);
    fs::rename(folder.join("out"), folder.join("model")).unwrap();

    both(&["evaluate", "vqa", "--load", "model/BEST", "--split", "minival", "--format", "json"], 0);
    both(&["predict", "vqa", "--load", "model/BEST", "--split", "minival", "--output", "out/p.json"], 0);
    same(&["p.json"]);
    let mut found: Vec<_> = fs::read_dir(folder.join("out")).unwrap().map(|e| e.unwrap().file_name()).collect();
    found.sort();
    assert_eq!(found, ["p.json"], "nothing else is left");

    // An error of the command is its own, with its own exit code.
    let (docker, host) = both(&["predict", "gqa", "--load", "model/BEST", "--split", "testdev"], 2);
    assert!(host.contains("error: ") && docker.contains(host.lines().last().unwrap()), "{docker}\n{host}");
}

/// The demo in the image, once its first training is at work.
fn at_work(folder: &Path, image: &str) -> Child {
    let mut child = demo(folder)
        .args(["--engine", "docker", "--image", image])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(300);
    let started = |text: String| text.contains(r#""stage-started","stage":"train-vqa""#);
    while !fs::read_to_string(latest(folder, "events.jsonl")).is_ok_and(started) || containers_of(child.id(), true) == 0
    {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "no training began");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn killed_or_stopped_it_leaves_nothing_and_goes_on() {
    let Some(image) = image() else { return };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let mut stopped = at_work(folder, &image);
    rustix::process::kill_process(rustix::process::Pid::from_child(&stopped), rustix::process::Signal::INT).unwrap();
    assert_eq!(stopped.wait().unwrap().code(), Some(INTERRUPTED));
    assert_eq!(containers_of(stopped.id(), false), 0);

    let mut killed = at_work(folder, &image);
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Its stdin was the worker's: that ends in order, and the container with it.
    let since = Instant::now();
    while containers_of(killed.id(), true) > 0 {
        assert!(since.elapsed() < Duration::from_secs(10), "its worker is still at work");
        std::thread::sleep(Duration::from_millis(20));
    }
    inside(&mut demo(folder), &image);
    assert_eq!(containers_of(killed.id(), false), 0);
    assert!(latest(folder, "train-nlvr2/LAST.safetensors").exists());
}

#[test]
fn an_image_that_does_not_fit_is_named_with_what_to_run() {
    let Some(own) = PrivateEngine::docker(None, &[]) else { return };
    let place = tempfile::tempdir().unwrap();
    let worker = Path::new(env!("CARGO_BIN_EXE_repro")).with_file_name("repro-worker");
    let said = Command::new(worker).args(["devices", "cpu"]).output().unwrap();
    let stale = |change: fn(&mut Value)| {
        let said = stdout(&said);
        let (hello, rest) = said.split_once('\n').unwrap();
        let mut hello: Value = serde_json::from_str(hello).unwrap();
        change(&mut hello);
        // The image has a shell and nothing else.
        format!("{hello}\n{rest}").lines().map(|line| format!("echo '{line}'\n")).collect::<String>()
    };
    let build = "next: rebuild the image from this source with `repro images build train`";
    for (at, program, script, parts) in [
        (0, "other", "true".to_owned(), ["does not contain a working repro-worker", "no program repro-worker"]),
        (1, "repro-worker", "true".to_owned(), ["does not contain a working repro-worker", "it sent no handshake"]),
        (2, "repro-worker", "echo rubbish".to_owned(), ["does not match this program", "but \"rubbish\""]),
        (3, "repro-worker", stale(|hello| hello["schema"] = 1.into()), ["does not match this", "protocol 1, this"]),
        (4, "repro-worker", stale(|hello| hello["source"] = "0".into()), ["does not match this", "source: 0, not"]),
    ] {
        let name = format!("localhost/misfit-{at}");
        own.image_with_script(&name, program, &script);
        let mut all = repro(place.path());
        all.env("DOCKER_HOST", own.host()).args(["all", "--profile", "demo", "--engine", "docker", "--image", &name]);
        let text = stderr(&run(&mut all, 4));
        for part in parts.into_iter().chain([build, &name]) {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }
}

#[test]
fn options_of_containers_belong_to_containers() {
    let place = tempfile::tempdir().unwrap();
    let all = ["all", "--profile", "demo"];
    let wrong = run(repro(place.path()).args(all).args(["--memory", "8G"]), 2);
    assert!(stderr(&wrong).contains("--memory needs --engine docker"), "{}", stderr(&wrong));
    run(repro(place.path()).args(all).args(["--engine", "docker", "--memory", "much"]), 2);
    let mut nowhere = repro(place.path());
    nowhere.env("DOCKER_HOST", format!("unix://{}/none.sock", place.path().display()));
    let wrong = run(nowhere.args(all).args(["--engine", "docker"]), 4);
    assert!(stderr(&wrong).contains("no container engine answers"), "{}", stderr(&wrong));
}
