//! Engines for a single test, in a temporary folder, for what the shared one cannot test: Docker with chosen settings, and
//! Podman. They need root and the programs. Without these, tests are visibly skipped, or fail if `REPRO_TEST_REQUIRE` names
//! `docker` or `podman`.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fixtures::required::{program, required};
use sandbox::{Engine, Image};

/// A running engine. It is stopped and its folder removed on drop.
pub struct PrivateEngine {
    /// Folder of its data and its socket.
    pub folder: tempfile::TempDir,
    command: Command,
    child: Child,
}

impl PrivateEngine {
    /// Starts Docker with additional arguments, and with a folder first on its PATH.
    pub fn docker(first_on_path: Option<&Path>, arguments: &[&str]) -> Option<Self> {
        let dockerd = root_program("docker", "dockerd")?;
        let folder = tempfile::tempdir().unwrap();
        // In its own network namespace: a second engine of the same kind would remove the bridge of the first.
        let mut command = Command::new("unshare");
        command.arg("--net").arg(dockerd.get_program());
        let at = |name: &str| folder.path().join(name);
        command.arg("--data-root").arg(at("data")).arg("--exec-root").arg(at("exec")).arg("--pidfile").arg(at("pid"));
        command.arg("-H").arg(format!("unix://{}", at("socket").display()));
        command.args(["--bridge", "none", "--iptables=false"]).args(arguments);
        let path = std::env::var("PATH").unwrap_or_default();
        let first = first_on_path.map_or_else(String::new, |folder| format!("{}:", folder.display()));
        command.env("PATH", format!("{first}{path}:/usr/sbin:/sbin"));
        Some(Self::start(folder, command))
    }

    /// Starts Podman's service with its Docker-compatible socket.
    pub fn podman() -> Option<Self> {
        Self::podman_with_registry("localhost:1")
    }

    /// Starts Podman like [`Self::podman`], but with plain HTTP to this registry.
    pub fn podman_with_registry(registry: &str) -> Option<Self> {
        let mut command = root_program("podman", "podman")?;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("containers.conf"), podman_settings()).unwrap();
        command.env("CONTAINERS_CONF", at("containers.conf"));
        let plain = format!("[[registry]]\nlocation = \"{registry}\"\ninsecure = true\n");
        std::fs::write(at("registries.conf"), plain).unwrap();
        command.env("CONTAINERS_REGISTRIES_CONF", at("registries.conf"));
        command.arg("--root").arg(at("data")).arg("--runroot").arg(at("run"));
        command.args(["system", "service", "--time=0"]).arg(format!("unix://{}", at("socket").display()));
        Some(Self::start(folder, command))
    }

    fn start(folder: tempfile::TempDir, mut command: Command) -> Self {
        let log = File::create(folder.path().join("log")).unwrap();
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut engine = Self { child: command.spawn().unwrap(), command, folder };
        engine.wait();
        engine
    }

    /// Kills it without time for a clean shutdown.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again with the same folder and arguments.
    pub fn restart(&mut self) {
        // Docker's containerd dies with it, but without a parent that reaps it, its pid looks alive.
        let _ = std::fs::remove_file(self.folder.path().join("exec/containerd/containerd.pid"));
        let _ = std::fs::remove_file(self.folder.path().join("pid"));
        self.child = self.command.spawn().unwrap();
        self.wait();
    }

    fn wait(&mut self) {
        let end = Instant::now() + Duration::from_secs(120);
        while Engine::connect_to(&self.host(), "wait").is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < end && self.child.try_wait().unwrap().is_none(), "no engine: {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Copies an image from the shared engine.
    pub fn copy_image(&self, name: &str) -> Image {
        let copy = format!("docker save {name} | docker -H {} load", self.host());
        assert!(Command::new("sh").args(["-c", &copy]).stdout(Stdio::null()).status().unwrap().success());
        self.connect("copy").image(name).unwrap()
    }

    /// Returns its address.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("socket").display())
    }

    /// Connects to it.
    pub fn connect(&self, run: &str) -> Engine {
        Engine::connect_to(&self.host(), run).unwrap()
    }

    /// Creates an image with only a shell and one script, `/usr/bin/NAME`.
    pub fn image_with_script(&self, image: &str, name: &str, script: &str) -> Image {
        let root = tempfile::tempdir().unwrap();
        let put = |from: &Path, to: &str| {
            let to = root.path().join(to.trim_start_matches('/'));
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(from, to).unwrap();
        };
        put(Path::new("/bin/sh"), "/bin/sh");
        let libraries = Command::new("ldd").arg("/bin/sh").output().unwrap();
        for path in String::from_utf8(libraries.stdout).unwrap().split_whitespace().filter(|word| word.starts_with('/'))
        {
            put(Path::new(path), path);
        }
        write_script(&root.path().join("usr/bin").join(name), script);
        // Some loaders have a path that exists only through the merged folder.
        let _ = symlink("lib", root.path().join("usr/lib"));
        let tar = root.path().join("image.tar");
        let made = Command::new("tar")
            .arg("-C")
            .arg(root.path())
            .args(["--exclude=./image.tar", "-cf"])
            .arg(&tar)
            .arg(".")
            .status();
        assert!(made.unwrap().success());
        let name = format!("{image}:latest");
        let import = Command::new("docker").args(["-H", &self.host(), "import"]).arg(&tar).arg(&name).output().unwrap();
        assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
        self.connect("import").image(&name).unwrap()
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.child.wait();
        // Podman leaves file systems mounted, as does a killed Docker; the folder could not be removed.
        for mounted in ["data/overlay", "data"] {
            let _ = Command::new("umount").arg(self.folder.path().join(mounted)).stderr(Stdio::null()).status();
        }
    }
}

/// Writes an executable shell script.
pub fn write_script(path: &Path, script: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Returns the command of an engine; `None` if this machine cannot run it.
fn root_program(engine: &str, name: &str) -> Option<Command> {
    let found = program(name).filter(|_| rustix::process::geteuid().is_root());
    if found.is_none() {
        assert!(!required(engine), "{name} is required, and root to run it");
        eprintln!("skipped: no {name} (ci/docker-up installs it), or not root");
    }
    found.map(Command::new)
}

/// Returns settings with which Podman runs on all test machines: some do not allow to raise limits, some have no systemd, and
/// crun refuses some mixes of cgroups.
pub(crate) fn podman_settings() -> String {
    let runtime = if program("runc").is_some() { "runtime=\"runc\"" } else { "" };
    format!(
        "[containers]\ndefault_ulimits=[\"nofile=20000:20000\",\"nproc=4096:4096\"]\n\
         [engine]\ncgroup_manager=\"cgroupfs\"\nevents_logger=\"file\"\n{runtime}\n"
    )
}
