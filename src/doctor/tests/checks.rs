//! Checks of everything, with a machine that has all and one that has nothing.

use super::super::machine::*;
use super::super::render::render;
use super::super::{DoctorReport, FindingState, Purpose};
use super::machines::*;
use sandbox::engine::EngineFacts;
use sandbox::failure::Unreachable;

#[test]
fn the_report_fits_80_columns_and_names_every_problem() {
    let (server, laptop) = (all(&server()), all(&laptop()));
    insta::assert_snapshot!("server", render(&server, false));
    insta::assert_snapshot!("laptop", render(&laptop, false));
    assert!(server.is_ready() && !laptop.is_ready());
    for line in render(&laptop, false).lines() {
        assert!(line.chars().count() <= 80 || line.contains("$ ") || line.contains("https://"), "{line}");
    }
    let coloured = render(&laptop, true);
    assert!(coloured.contains("\x1b[1;31mWRONG \x1b[0m") && coloured.contains("\x1b[1;31mnot ready\x1b[0m"));
}

#[test]
fn only_requested_purposes_are_judged() {
    let mut machine = server();
    machine.engine = silent(Unreachable::NotRunning, false);
    machine.gpu.driver = None;
    machine.gpu.devices = 0;
    let report = |asked: &[Purpose]| DoctorReport::of(&machine, asked);
    assert!(report(&[Purpose::Demo, Purpose::Train]).is_ready());
    assert!(!report(&[Purpose::Docker]).groups.iter().any(|(_, all)| all.iter().any(|one| one.name == "worker")));
    assert_eq!(report(&[Purpose::Docker]).stops(Purpose::Docker), ["engine"]);
    assert_eq!(report(&[Purpose::Extract]).stops(Purpose::Extract), ["engine", "driver"]);
    assert!(!render(&report(&[Purpose::Demo]), false).contains("containers"));
    // A finding that hinders no requested purpose is fine.
    machine.workspace.1 = Some(5_000_000_000);
    assert_eq!(DoctorReport::of(&machine, &[Purpose::Demo]).json()["checks"][2]["state"], "fine");
    let json = DoctorReport::of(&machine, &[Purpose::Train, Purpose::Docker]).json();
    assert_eq!((&json["schema"], &json["ready"]["train"]["ready"]), (&1.into(), &true.into()));
    assert_eq!(json["ready"]["docker"]["stopped_by"][0], "engine");
    let disk = &json["checks"][2];
    assert_eq!(
        (&disk["name"], &disk["state"], &disk["hinders"][0]),
        (&"disk".into(), &"advice".into(), &"train".into())
    );
    assert_eq!(disk["commands"][0], "repro fetch --task nlvr2 --dry-run");
}

#[test]
fn commands_for_a_missing_engine_suit_the_machine() {
    let commands = |reason, named, change: fn(&mut System)| {
        let mut machine = server();
        machine.engine = silent(reason, named);
        change(&mut machine.system);
        let (state, _, commands) = check(&machine, "engine");
        assert_eq!(state, FindingState::Wrong);
        commands
    };
    let start = "sudo systemctl enable --now docker; sudo usermod -aG docker \"$USER\"";
    assert_eq!(commands(Unreachable::NoSocket, false, |_| ()), start);
    let root = |system: &mut System| (system.root, system.systemd) = (true, false);
    assert_eq!(commands(Unreachable::NotRunning, false, root), "nohup dockerd >/tmp/dockerd.log 2>&1 </dev/null &");
    let podman = |system: &mut System| system.programs = vec!["podman"];
    assert_eq!(commands(Unreachable::NoSocket, false, podman), "systemctl --user enable --now podman.socket");
    let bare = |system: &mut System| system.programs.clear();
    assert_eq!(commands(Unreachable::NoSocket, false, bare), format!("sudo apt-get install -y docker.io; {start}"));
    let strange = |system: &mut System| (system.programs, system.packages) = (Vec::new(), PackageManager::Other);
    assert_eq!(commands(Unreachable::NoSocket, false, strange), "");
    assert_eq!(commands(Unreachable::NoPermission, false, |_| ()), "sudo usermod -aG docker \"$USER\"");
    assert_eq!(commands(Unreachable::NoSocket, true, |_| ()), "unset DOCKER_HOST; repro doctor");
    assert_eq!(commands(Unreachable::BadAddress, true, |_| ()), "unset DOCKER_HOST; repro doctor");
    assert_eq!(commands(Unreachable::Other, false, |_| ()), "");
    let old = Machine { engine: EngineState::TooOld { found: "1.39".into() }, ..server() };
    assert_eq!(check(&old, "engine").2, "sudo apt-get install -y docker.io");
}

#[test]
fn engines_that_answer_are_judged_by_their_facts() {
    let with = |host: &str, change: fn(&mut EngineFacts)| {
        let mut machine = server();
        let mut facts = facts();
        change(&mut facts);
        machine.engine = EngineState::Answers { host: host.into(), facts, free: Some(5_000_000_000) };
        machine
    };
    let (state, found, _) = check(&with("unix:///run/user/1000/docker.sock", |facts| facts.rootless = true), "engine");
    assert_eq!(state, FindingState::Fine);
    assert_eq!(found, "Docker 28.3.0, API 1.51, rootless, cgroup v2, at unix:///run/user/1000/docker.sock");
    assert_eq!(check(&with("tcp://127.0.0.1:2375", |_| ()), "engine").0, FindingState::Fine);
    assert_eq!(check(&with("tcp://10.0.0.7:2375", |_| ()), "engine").0, FindingState::Wrong);
    assert_eq!(check(&with("unix:///s", |facts| facts.limits_memory = false), "engine").0, FindingState::Advice);
    assert_eq!(check(&with("unix:///s", |_| ()), "engine's disk").0, FindingState::Advice);
    let (state, found, commands) = check(&with("unix:///s", |facts| facts.podman = true), "toolkit");
    assert_eq!((state, found.as_str()), (FindingState::Wrong, "nvidia-ctk, runtime nvidia, hook"));
    assert_eq!(commands, "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml");
}

#[test]
fn each_state_of_an_image_has_its_command() {
    let with = |state| {
        let mut machine = server();
        machine.images[0].state = state;
        check(&machine, "extractor image")
    };
    assert_eq!(with(ImageState::Missing).0, FindingState::Wrong);
    assert_eq!(with(ImageState::Missing).2, "repro images pull extractor");
    assert_eq!(
        (with(ImageState::Unpinned).0, with(ImageState::Unpinned).2.as_str()),
        (FindingState::Advice, "repro images pin extractor")
    );
    assert!(
        with(ImageState::Changed).0 == FindingState::Wrong
            && with(ImageState::Changed).2.contains("pin --accept extractor")
    );
    assert_eq!(with(ImageState::Unknown("odd".into())).0, FindingState::Wrong);
}

#[test]
fn each_part_of_gpu_access_is_checked() {
    let with = |change: fn(&mut Machine)| {
        let mut machine = server();
        change(&mut machine);
        machine
    };
    let bare = with(|machine| {
        machine.system.programs.clear();
        if let EngineState::Answers { facts, .. } = &mut machine.engine {
            facts.runtimes.clear();
        }
    });
    let (state, found, commands) = check(&bare, "toolkit");
    assert_eq!((state, found.as_str()), (FindingState::Wrong, "not installed"));
    assert_eq!(
        commands,
        "sudo apt-get install -y nvidia-container-toolkit; sudo nvidia-ctk runtime configure --runtime=docker; \
         sudo systemctl restart docker"
    );
    let newer = with(|machine| machine.gpu.probe = GpuProbe::Found(vec![gpu("NVIDIA H100 80GB HBM3", (9, 0))]));
    let (state, found, _) = check(&newer, "in a container");
    assert_eq!((state, found.as_str()), (FindingState::Wrong, "0 NVIDIA H100 80GB HBM3, capability 9.0, 17.2 GB"));
    assert_eq!(all(&newer).stops(Purpose::Extract), ["in a container"]);
    assert!(all(&newer).stops(Purpose::Docker).is_empty());
    let failed = with(|machine| machine.gpu.probe = GpuProbe::Failed("no GPU in the container".into()));
    assert_eq!(check(&failed, "in a container").0, FindingState::Wrong);

    let driver = |listed, devices| {
        let mut machine = server();
        machine.worker = worker(true, 0);
        (machine.gpu.listed, machine.gpu.devices) = (listed, devices);
        if devices == 0 {
            machine.gpu.driver = None;
        }
        check(&machine, "driver")
    };
    let three = ["NVIDIA H200", "Tesla T4", "NVIDIA H200"].map(|name| listed(name, "580.95.05", (9, 0)));
    assert_eq!(
        driver(Some(Ok(three.into())), 3),
        (FindingState::Fine, "580.95.05; nvidia-smi lists 3 GPUs: 2 × NVIDIA H200, Tesla T4".into(), String::new())
    );
    // Training is worse off, and features are extracted natively on the CPU.
    assert_eq!(driver(Some(Ok(Vec::new())), 1).0, FindingState::Advice);
    assert_eq!(driver(Some(Err("mismatch".into())), 1).1, "580.95.05; nvidia-smi fails: mismatch");
    assert_eq!(driver(None, 1).1, "580.95.05; no nvidia-smi");
    assert_eq!(driver(None, 0).1, "this machine has no NVIDIA GPU");
}

#[test]
fn a_worker_that_does_not_match_stops_only_what_computes_here() {
    let mut machine = server();
    let why = "the worker /opt/repro-worker does not match this program";
    machine.worker = WorkerState::Unfit { why: why.into() };
    let (state, found, commands) = check(&machine, "worker");
    assert_eq!((state, found.as_str()), (FindingState::Wrong, why));
    assert!(commands.starts_with("ci/setup; cargo build"), "{commands}");
    let report = all(&machine);
    let stopped = Purpose::ALL.map(|purpose| report.stops(purpose).contains(&"worker"));
    assert_eq!(stopped, [true, true, false, false]);
}
