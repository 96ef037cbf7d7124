//! Both kinds of engines, for tests that must pass with each: the shared Docker, and a Podman service that the tests start.
//! Without an engine, tests are visibly skipped, or fail if `REPRO_TEST_REQUIRE` names `docker` or `podman`.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sandbox::{Engine, Failure, Image, ResourceUsage, Sandbox, Stream};

use crate::private::podman_settings;
pub use crate::shared::BASE;
use fixtures::required::{program, required};

/// An engine, its base image, and the label of a test's containers.
pub struct TestEngine {
    /// Connection to the engine.
    pub engine: Engine,
    /// The base image.
    pub image: Image,
    /// The label.
    pub run: String,
}

/// Declares tests that run with each engine: `test_on_both!(isolation, limits);` for functions with a [`TestEngine`] parameter.
#[macro_export]
macro_rules! test_on_both {
    ($($name:ident),+ $(,)?) => {
        mod docker { $( #[test] fn $name() { if let Some(fixture) = $crate::test_engine::docker(stringify!($name)) { super::$name(&fixture); } } )+ }
        mod podman { $( #[test] fn $name() { if let Some(fixture) = $crate::test_engine::podman(stringify!($name)) { super::$name(&fixture); } } )+ }
    };
}

impl TestEngine {
    fn new(host: Option<&str>, test: &str) -> Option<Self> {
        let run = format!("{test}-{:08x}", rand::random::<u32>());
        let Some(host) = host else {
            return crate::shared::engine(&run).map(|(engine, image)| Self { engine, image, run });
        };
        let engine = Engine::connect_to(host, &run).unwrap();
        let image = engine.image(BASE).unwrap();
        Some(Self { engine, image, run })
    }

    /// Returns a sandbox for a shell script in the base image.
    pub fn sandbox(&self, script: &str) -> Sandbox {
        Sandbox::new("test", &self.image, ["sh", "-c", script])
    }

    /// Runs a sandbox; returns the result and the lines of the container's output.
    pub fn run_lines(&self, sandbox: &Sandbox) -> (Result<ResourceUsage, Failure>, Vec<String>) {
        let mut lines = Vec::new();
        let result = self.engine.run(sandbox, &mut |line| {
            if line.stream != Stream::Note {
                lines.push(line.text.clone());
            }
        });
        (result, lines)
    }

    /// Runs a command of the `docker` program on this engine and returns its output.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker").args(["-H", self.engine.host()]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Returns the ids of this test's containers in any state.
    pub fn containers(&self) -> Vec<String> {
        let filter = format!("label=lxmert-repro.run={}", self.run);
        let found = self.cli(&["ps", "-aq", "--filter", &filter]);
        found.lines().map(str::to_owned).collect()
    }
}

/// Returns the shared Docker.
pub fn docker(test: &str) -> Option<TestEngine> {
    TestEngine::new(None, test)
}

/// Returns Podman. Its service ends after a minute without requests; its images are kept for later tests.
pub fn podman(test: &str) -> Option<TestEngine> {
    static HOST: OnceLock<Option<String>> = OnceLock::new();
    TestEngine::new(Some(HOST.get_or_init(start_podman).as_deref()?), test)
}

fn start_podman() -> Option<String> {
    let missing = |what: &str| {
        assert!(!required("podman"), "{what} is required");
        eprintln!("skipped: no {what} (ci/docker-up installs it)");
        None
    };
    if program("podman").is_none() || !rustix::process::geteuid().is_root() {
        return missing("podman, and root to run it");
    }
    if crate::shared::engine("copy").is_none() {
        return missing("Docker to copy the base image from");
    }
    let folder = std::env::temp_dir().join("lxmert-repro-test-podman");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    fs::write(folder.join("containers.conf"), podman_settings()).unwrap();
    let command = |arguments: &[&str]| {
        // In its own session, it outlives the test that started it.
        let mut command = Command::new("setsid");
        command
            .arg(if arguments[0] == "system" { "-f" } else { "-w" })
            .arg("podman")
            // conmon leaves a file `oom` in the working directory of the service.
            .current_dir(&folder)
            .env("CONTAINERS_CONF", folder.join("containers.conf"));
        command.arg("--root").arg(folder.join("root")).arg("--runroot").arg(folder.join("run"));
        command.arg("--tmpdir").arg(folder.join("tmp"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    if !command(&["image", "exists", BASE]).status().unwrap().success() {
        let mut save = Command::new("docker").args(["save", BASE]).stdout(Stdio::piped()).spawn().unwrap();
        let loaded = command(&["load"]).stdin(save.stdout.take().unwrap()).status().unwrap();
        assert!(save.wait().unwrap().success() && loaded.success(), "{BASE} cannot be loaded into Podman");
    }
    let host = format!("unix://{}", folder.join(format!("s{}", std::process::id())).display());
    let log = File::create(folder.join("log")).unwrap();
    assert!(command(&["system", "service", "--time=60", &host]).stderr(log).status().unwrap().success());
    let end = Instant::now() + Duration::from_secs(60);
    while Engine::connect_to(&host, "wait").is_err() {
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(Instant::now() < end, "no Podman: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(host)
}

/// Creates a folder that the container's user may read.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Waits until a condition holds, for a minute at most.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "{what}: still not after a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}
