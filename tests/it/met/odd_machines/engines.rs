//! Container engines that fail to pull an image: the reason and the next step are named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base::exit;

use super::machine::{PATIENCE, ends, says};
use crate::common::repro;

/// An engine that fails each pull as its mode says, which is read for each request.
struct Engine {
    python: std::process::Child,
    socket: PathBuf,
}

impl Engine {
    fn start(folder: &Path) -> Option<Self> {
        let original = fs::read_to_string(fixtures::beside("cases/docker/engine_that_fails_to_pull.py")?).unwrap();
        let (script, socket) = (folder.join("engine.py"), folder.join("engine.sock"));
        let request = "    def any(self):\n";
        assert!(original.contains(request));
        let modes = "        global MODE; MODE=open(SOCK+'.mode').read(); ERR['more']=open(SOCK+'.more').read()\n";
        fs::write(&script, original.replacen(request, &format!("{request}{modes}"), 1)).unwrap();
        let mut python = Command::new("python3");
        python.args([&script, &socket]).arg("more").stdout(Stdio::null()).stderr(Stdio::null());
        let mut python = match python.spawn() {
            Ok(python) => python,
            Err(error) => {
                eprintln!("skipped: no Python: {error}");
                return None;
            }
        };
        let start = Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(python.try_wait().unwrap().is_none() && start.elapsed() < PATIENCE, "the stand-in does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { python, socket })
    }

    /// From now on it fails so; `text` is that of the mode `more`.
    fn fail(&self, mode: &str, text: &str) {
        for (ending, content) in [("mode", mode), ("more", text)] {
            fs::write(self.socket.with_extension(format!("sock.{ending}")), content).unwrap();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}

/// moby#44521 and others: each kind of failure has its own cause, advice and exit code.
#[test]
fn the_reason_why_an_image_cannot_be_pulled_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(engine) = Engine::start(folder.path()) else { return };
    let old = "this container engine is too new for image docker.io/airsplay/bottom-up-attention:latest";
    let certificate = "does not accept the certificate of the registry";
    let unreachable = "the container engine cannot reach the registry";
    let ids = "its user namespace has too few user and group ids";
    let storage = "the container engine cannot store image";
    let rows = [
        ("schema1", "", exit::INFRA, old, "Docker before 26, or Podman"),
        ("schema1ctd", "", exit::INFRA, old, "skopeo copy docker://docker.io/airsplay/bottom-up-attention:latest"),
        ("more", "unsupported manifest: schema1 is gone", exit::INFRA, old, "repro images pin"),
        ("rate", "", exit::NETWORK, "its pull limit is reached", "log in (docker login) or wait"),
        (
            "more",
            "unexpected status: 429 Too Many Requests",
            exit::NETWORK,
            "its pull limit is reached",
            "docker login",
        ),
        ("tls", "", exit::NETWORK, certificate, "authority (CA)"),
        (
            "more",
            "x509: certificate signed by unknown authority",
            exit::NETWORK,
            certificate,
            "certs.d/docker.io/ca.crt",
        ),
        ("more", "x509: certificate has expired or is not yet valid", exit::NETWORK, certificate, "set the clock"),
        ("proxy", "", exit::NETWORK, unreachable, "set HTTPS_PROXY for the engine"),
        ("more", "proxyconnect tcp: dial tcp 10.0.0.1:3128: i/o timeout", exit::NETWORK, unreachable, "HTTPS_PROXY"),
        (
            "more",
            "dial tcp: lookup registry.example.org: no such host",
            exit::NETWORK,
            unreachable,
            "check the network",
        ),
        ("quota", "", exit::DISK, "no room left on the disk", "raise the quota"),
        ("more", "write /x: no space left on device", exit::DISK, "no room left on the disk", "free some space"),
        ("lchown", "", exit::INFRA, ids, "--add-subuids"),
        ("more", "newuidmap: uid range [0-1) -> [0-1) not allowed", exit::INFRA, ids, "podman system migrate"),
        ("overlay", "", exit::INFRA, storage, "run this again; if it fails again, read the engine's log"),
        (
            "more",
            "error creating overlay mount to /x: invalid argument",
            exit::INFRA,
            storage,
            "not a network file system",
        ),
        ("more", "manifest unknown", exit::NETWORK, "the registry refuses image", "check the name"),
    ];
    for (mode, text, code, cause, advice) in rows {
        engine.fail(mode, text);
        let mut pull = repro(folder.path());
        pull.args(["images", "pull", "extractor"]).env("DOCKER_HOST", format!("unix://{}", engine.socket.display()));
        says(&ends(&mut pull, code), &["error: ", cause, text, "next: ", advice]);
    }
}
