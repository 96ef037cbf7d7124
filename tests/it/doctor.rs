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
    // nvidia-smi of the machine itself lists no GPU, so features are extracted natively, which this does not stop.
    assert_eq!(
        (&new["state"], &new["found"]),
        (&"fine".into(), &"0 NVIDIA H100 80GB HBM3, capability 9.0, 17.2 GB".into())
    );
}

#[test]
fn what_nvidia_smi_says_of_driver_and_gpu_decides_the_advice() {
    if Path::new("/proc/driver/nvidia/version").exists() {
        println!("skipped: this machine has an NVIDIA driver of its own");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let tools = place.path().join("tools");
    let host = format!("unix://{}", place.path().join("s").display());
    let look = |line: Option<&str>, name: &str| {
        if let Some(line) = line {
            write_script(&tools.join("nvidia-smi"), &format!("echo '{line}'"));
        }
        let mut command = doctor(place.path(), &host, &["--for", "train", "--format", "json"]);
        let output = command.env("PATH", format!("{}:/usr/bin:/bin", tools.display())).output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = json["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {json}")).clone()
    };
    let found = |check: &Value| check["found"].as_str().unwrap().to_owned();

    let old_driver = "0, 535.183.01, 9.0, NVIDIA H200";
    let check = look(Some(old_driver), "CUDA");
    assert_eq!(found(&check), "driver 535.183.01 is too old: CUDA 13.0 needs 580 or newer");
    assert_eq!((&check["state"], &check["hinders"][0]), (&"advice".into(), &"train".into()));

    let old_gpu = "0, 580.65.06, 6.1, NVIDIA TITAN Xp";
    let check = look(Some(old_gpu), "CUDA");
    assert_eq!(
        found(&check),
        "GPU 0, NVIDIA TITAN Xp, is too old: its compute capability is 6.1, and CUDA 13.0 supports none below 7.5"
    );
    assert_eq!(check["commands"][0], "LIBTORCH=DIR ci/setup");
    assert!(check["advice"].as_str().unwrap().contains("torch 2.11.0+cu126, supports 5.0 to 9.0"), "{check}");

    let usable = "0, 580.65.06, 9.0, NVIDIA H200";
    assert_eq!(found(&look(Some(usable), "CUDA")), "CUDA 13.0 can use GPU 0: NVIDIA H200, compute capability 9.0");
    assert_eq!(found(&look(Some(usable), "driver")), "580.65.06; nvidia-smi lists 1 GPU: NVIDIA H200");
    let worker = look(Some(usable), "worker");
    // The worker of a test may have been built with either libtorch.
    let expected = match found(&worker).as_str() {
        "libtorch 2.11.0, for CPUs only" => "ci/setup --cuda",
        "libtorch 2.11.0, with CUDA, but it sees no GPU" => "nvidia-smi",
        other => panic!("{other}"),
    };
    assert_eq!((&worker["state"], &worker["commands"][0]), (&"advice".into(), &expected.into()));

    // What it does not know is no reason to fail, and none to advise against the GPU.
    let check = look(Some("0, [N/A], [N/A], [Unknown Error]"), "CUDA");
    assert_eq!(found(&check), "CUDA 13.0 can use GPU 0: [Unknown Error]");
}
