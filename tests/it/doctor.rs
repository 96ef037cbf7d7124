//! `repro doctor` on this machine.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use engines::private::{PrivateEngine, write_script};
use serde_json::Value;

use crate::common::{repro, run, stderr, stdout};

fn doctor(folder: &Path, host: &str, arguments: &[&str]) -> Command {
    let mut command = repro(folder);
    command.arg("doctor").args(arguments).env("DOCKER_HOST", host);
    command
}

/// One check of the JSON object.
fn check(folder: &Path, host: &str, name: &str, arguments: &[&str]) -> Value {
    let output = doctor(folder, host, arguments).args(["--format", "json"]).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], 1);
    let checks = json["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {json}")).clone()
}

#[test]
fn a_dead_engine_is_named_with_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let host = format!("unix://{}", socket.display());
    let text = stdout(&run(&mut doctor(folder.path(), &host, &["--for", "docker"]), 4));
    assert!(
        text.contains(&format!("{} does not exist", socket.display())) && text.contains("$ unset DOCKER_HOST\n"),
        "{text}"
    );
    let verdict = text.lines().last().unwrap();
    assert!(verdict.starts_with("docker  not ready: ") && verdict.ends_with("engine"), "{text}");
    drop(UnixListener::bind(&socket).unwrap());
    let found = check(folder.path(), &host, "engine", &[]);
    assert_eq!((&found["state"], &found["stops"][0]), (&"wrong".into(), &"docker".into()));
    assert!(found["found"].as_str().unwrap().contains("no engine answers"), "{found}");
    // What was not asked for is neither looked at nor wrong.
    let text = stdout(&doctor(folder.path(), &host, &["--for", "demo"]).output().unwrap());
    assert!(!text.contains("containers") && text.contains("\ndemo  "), "{text}");
    let wrong = run(&mut doctor(folder.path(), &host, &["--for", "everything"]), 2);
    assert!(stderr(&wrong).contains("possible values: demo, train, docker, extract"), "{}", stderr(&wrong));
}

#[test]
fn a_live_engine_is_described_and_a_container_looks_for_the_gpu() {
    let tools = tempfile::tempdir().unwrap();
    write_script(&tools.path().join("nvidia-container-runtime-hook"), "cat >/dev/null; exit 0");
    let Some(own) = PrivateEngine::docker(Some(tools.path()), &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let engine = check(folder.path(), &own.host(), "engine", &[]);
    assert_eq!(engine["state"], "fine");
    assert!(engine["found"].as_str().unwrap().starts_with("Docker "), "{engine}");
    let image = check(folder.path(), &own.host(), "train image", &[]);
    assert_eq!((&image["state"], &image["commands"][0]), (&"wrong".into(), &"repro images build train".into()));

    let look = |model: &str, capability: &str| {
        let name = "localhost/doctor-gpu";
        own.image_with_script(name, "nvidia-smi", &format!("echo 0, {model}, {capability}, 535.183.01, 16384"));
        check(folder.path(), &own.host(), "in a container", &["--image", name])
    };
    let old = look("Tesla V100-SXM2-16GB", "7.0");
    assert_eq!(
        (&old["state"], &old["found"]),
        (&"fine".into(), &"0 Tesla V100-SXM2-16GB, capability 7.0, 17.2 GB".into())
    );
    let new = look("NVIDIA H100 80GB HBM3", "9.0");
    assert_eq!((&new["state"], &new["stops"][0]), (&"wrong".into(), &"extract".into()));
    assert!(new["advice"].as_str().unwrap().contains("CUDA 9.2"), "{new}");
}
