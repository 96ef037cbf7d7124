//! Checks of the container engine and the images.

use crate::doctor::finding::{Finding, Purpose};
use crate::doctor::machine::{EngineState, ImageState, Machine, PackageManager, RoleImage};
use crate::images::Role;
use base::format::human_bytes;
use sandbox::engine::EngineFacts;
use sandbox::failure::Unreachable;

/// Recommended free space: images with CUDA take several GB, and pulling one needs space for it compressed and unpacked.
const ROOM_FOR_IMAGES: u64 = 20_000_000_000;
/// Minimum free space: the output of one container.
const LEAST_DISK: u64 = 1_000_000_000;
const INSTALL_DOCKER: &str = "https://docs.docker.com/engine/install";

pub(super) fn engine(machine: &Machine) -> Finding {
    match &machine.engine {
        EngineState::Answers { host, facts, .. } => answers(host, facts),
        EngineState::Silent { host, named, reason, why } => silent(machine, host, *named, *reason, why),
        EngineState::TooOld { found } => {
            let advice = "Docker 20.10 or newer or Podman 4 or newer is needed:";
            Finding::problem("engine", format!("API {found} is too old"), super::purposes::CONTAINERS, advice)
                .run(machine.system.install("docker.io", "moby-engine"))
        }
    }
}

fn answers(host: &str, facts: &EngineFacts) -> Finding {
    let rootless = if facts.rootless { ", rootless" } else { "" };
    let found = format!("{}, API {}{rootless}, cgroup v{}, at {host}", product(facts), facts.api, facts.cgroups);
    let elsewhere =
        !host.starts_with("unix://") && !["//127.", "//localhost", "//[::1]"].iter().any(|own| host.contains(own));
    if elsewhere {
        let advice =
            "an engine on a different machine cannot mount folders of this one; run this program there instead";
        return Finding::problem("engine", found, super::purposes::CONTAINERS, advice);
    }
    if !facts.limits_memory {
        let advice = "the engine cannot limit the memory of containers, so that one can use up all memory; \
                      boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1) or use an engine that runs as root";
        return Finding::limitation("engine", found, super::purposes::CONTAINERS, advice);
    }
    Finding::fine("engine", found)
}

/// `Docker 20.10.24`.
fn product(facts: &EngineFacts) -> String {
    format!("{} {}", if facts.podman { "Podman" } else { "Docker" }, facts.version)
}

fn silent(machine: &Machine, host: &str, named: bool, reason: Unreachable, why: &str) -> Finding {
    let stopped = |found: String, advice: &str| Finding::problem("engine", found, super::purposes::CONTAINERS, advice);
    let found = match reason {
        Unreachable::NoPermission => {
            let advice = "join the group of the socket, then log out and in again (in the group docker one is as powerful as \
                          root):";
            return stopped(format!("this user may not open {host}"), advice)
                .run(["sudo usermod -aG docker \"$USER\""]);
        }
        Unreachable::NoSocket => format!("none: {} does not exist", host.trim_start_matches("unix://")),
        Unreachable::NotRunning => format!("none: no engine answers at {host}"),
        Unreachable::BadAddress => format!("none: {host} is not a valid address"),
        Unreachable::Other => format!("none: {host}: {why}"),
    };
    match reason {
        _ if named => stopped(found, "DOCKER_HOST names it: start that engine, or use the default one:")
            .run(["unset DOCKER_HOST", "repro doctor"]),
        Unreachable::Other => stopped(found, "check that the engine runs, and read its log"),
        _ => {
            let (advice, commands) = start(machine);
            stopped(found, &advice).run(commands)
        }
    }
}

/// Returns how to start an engine, or how to install one first.
fn start(machine: &Machine) -> (String, Vec<String>) {
    let system = &machine.system;
    let by_hand = "nohup dockerd >/tmp/dockerd.log 2>&1 </dev/null &";
    let docker = |mut commands: Vec<String>| {
        commands.push(match (system.systemd, system.root) {
            (true, _) => system.sudo("systemctl enable --now docker"),
            (false, true) => by_hand.to_owned(),
            (false, false) => format!("sudo sh -c '{by_hand}'"),
        });
        if !system.root {
            commands.push("sudo usermod -aG docker \"$USER\"".to_owned());
        }
        commands
    };
    if system.has("dockerd") {
        return ("Docker is installed but does not run:".into(), docker(Vec::new()));
    }
    if system.has("podman") {
        let commands = match (system.systemd, system.root) {
            (true, true) => vec!["systemctl enable --now podman.socket".to_owned()],
            (true, false) => vec!["systemctl --user enable --now podman.socket".to_owned()],
            (false, _) => vec![
                "export DOCKER_HOST=unix:///tmp/podman.sock".to_owned(),
                "nohup podman system service --time=0 $DOCKER_HOST >/tmp/podman.log 2>&1 </dev/null &".to_owned(),
            ],
        };
        return ("Podman is installed; its socket does not run:".into(), commands);
    }
    match (system.packages, system.install("docker.io", "moby-engine")) {
        (PackageManager::Apt | PackageManager::Dnf, Some(install)) => {
            let advice = format!("install Docker (the distribution's, or Docker's own: {INSTALL_DOCKER}):");
            (advice, docker(vec![install]))
        }
        _ => (format!("install Docker ({INSTALL_DOCKER}) or Podman"), Vec::new()),
    }
}

pub(super) fn disk(machine: &Machine) -> Finding {
    let name = "engine's disk";
    let EngineState::Answers { facts, free, .. } = &machine.engine else {
        return Finding::untried(name, "no engine answers");
    };
    let Some(free) = free else {
        return Finding::untried(name, format!("{} is not on this machine", facts.root));
    };
    let found = format!("{} free for {}", human_bytes(*free), facts.root);
    let advice = "images of CUDA programs take several GB; this shows what the engine holds:";
    let list = if facts.podman { "podman system df" } else { "docker system df" };
    match *free {
        free if free < LEAST_DISK => Finding::problem(name, found, super::purposes::CONTAINERS, advice).run([list]),
        free if free < ROOM_FOR_IMAGES => {
            Finding::limitation(name, found, super::purposes::CONTAINERS, advice).run([list])
        }
        _ => Finding::fine(name, found),
    }
}

pub(super) fn extractor_image(machine: &Machine) -> Finding {
    image(machine, Role::Extractor, "extractor image", Purpose::Extract)
}

pub(super) fn train_image(machine: &Machine) -> Finding {
    image(machine, Role::Train, "train image", Purpose::Docker)
}

fn image(machine: &Machine, role: Role, name: &'static str, purpose: Purpose) -> Finding {
    let Some(RoleImage { name: full, state, .. }) = machine.images.iter().find(|image| image.role == role) else {
        return Finding::untried(name, "no engine answers");
    };
    let verb = if role == Role::Extractor { "pull" } else { "build" };
    match state {
        ImageState::Pinned => Finding::fine(name, format!("{full}, pinned")),
        ImageState::Unpinned => {
            let advice = "the image behind this name may change; pin the one that is here:";
            Finding::limitation(name, format!("{full}, not pinned"), &[purpose], advice)
                .run([format!("repro images pin {role}")])
        }
        ImageState::Missing => Finding::problem(name, format!("{full} is missing"), &[purpose], "")
            .run([format!("repro images {verb} {role}")]),
        ImageState::Changed => {
            let advice = "find out why; then get the pinned image again, or accept this one:";
            let found = format!("{full} differs from the pinned image");
            let commands = [format!("repro images {verb} {role}"), format!("repro images pin --accept {role}")];
            Finding::problem(name, found, &[purpose], advice).run(commands)
        }
        ImageState::Unknown(why) => Finding::problem(name, format!("{full}: {why}"), &[purpose], ""),
    }
}
