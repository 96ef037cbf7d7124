//! Both kinds of engine, for tests that must pass with each: the shared Docker, and Podman with a service of the tests' own.
//! Skipped visibly where one is missing, unless `REPRO_TEST_REQUIRE` names `docker` or `podman`.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sandbox::{Ended, Engine, Failure, Image, Sandbox, Stream};

use crate::own::podman_settings;
pub use crate::shared::BASE;
use fixtures::required::{program, required};

/// An engine, the base image on it, and the label of a test's containers.
pub struct Given {
    /// A connection to the engine.
    pub engine: Engine,
    /// The base image.
    pub image: Image,
    /// The label.
    pub run: String,
}

/// Declares tests that run with each engine: `on_both!(isolation, limits);` for functions that take a [`Given`].
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod docker { $( #[test] fn $name() { if let Some(given) = $crate::given::docker(stringify!($name)) { super::$name(&given); } } )+ }
        mod podman { $( #[test] fn $name() { if let Some(given) = $crate::given::podman(stringify!($name)) { super::$name(&given); } } )+ }
    };
}

impl Given {
    fn new(host: Option<&str>, test: &str) -> Option<Self> {
        let run = format!("{test}-{:08x}", rand::random::<u32>());
        let Some(host) = host else {
            return crate::shared::engine(&run).map(|(engine, image)| Self { engine, image, run });
        };
        let engine = Engine::connect_to(host, &run).unwrap();
        let image = engine.image(BASE).unwrap();
        Some(Self { engine, image, run })
    }

    /// A shell script in the base image.
    pub fn sandbox(&self, script: &str) -> Sandbox {
        Sandbox::new("test", &self.image, ["sh", "-c", script])
    }

    /// Runs; the lines of the container's output.
    pub fn said(&self, sandbox: &Sandbox) -> (Result<Ended, Failure>, Vec<String>) {
        let mut lines = Vec::new();
        let result = self.engine.run(sandbox, &mut |line| {
            if line.stream != Stream::Note {
                lines.push(line.text.clone());
            }
        });
        (result, lines)
    }

    /// Asks the engine through Docker's own program.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker").args(["-H", self.engine.host()]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Containers of this test that are there, whatever their state.
    pub fn containers(&self) -> Vec<String> {
        let filter = format!("label=lxmert-repro.run={}", self.run);
        let found = self.cli(&["ps", "-aq", "--filter", &filter]);
        found.lines().map(str::to_owned).collect()
    }
}

/// The shared Docker.
pub fn docker(test: &str) -> Option<Given> {
    Given::new(None, test)
}

/// Podman, whose service ends by itself after a while without requests; its images are kept for later.
pub fn podman(test: &str) -> Option<Given> {
    static HOST: OnceLock<Option<String>> = OnceLock::new();
    Given::new(Some(HOST.get_or_init(start_podman).as_deref()?), test)
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
        // In a session of its own, it outlives the test that asked first.
        let mut command = Command::new("setsid");
        command
            .arg(if arguments[0] == "system" { "-f" } else { "-w" })
            .arg("podman")
            // What watches over a container leaves a file `oom` where the service began.
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

/// A folder that the container's user may read.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Waits until something is so; for a minute at most.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < end, "{what} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}
