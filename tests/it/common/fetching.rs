//! Runs `repro fetch` on a manifest with one asset.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A folder with a manifest of one asset `a`, and a workspace.
pub(crate) struct FetchSetup {
    pub folder: tempfile::TempDir,
}

impl FetchSetup {
    /// Writes the manifest: `urls` in the order to try, `more` such as `sha256 = "…"`.
    pub(crate) fn new(urls: &[&str], more: &str) -> Self {
        let text = format!(
            "schema = 1\ngroup = [{{ name = \"all\", title = \"all\" }}]\n[[asset]]\nname = \"a\"\ntitle = \"t\"\n\
             groups = [\"all\"]\npath = \"data/a.bin\"\nurls = {urls:?}\n{more}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("assets.toml"), text).unwrap();
        Self { folder }
    }

    /// Returns the command that fetches the asset, with short timeouts.
    pub(crate) fn fetch(&self) -> Command {
        let mut command = super::repro(self.folder.path());
        command.args(["fetch", "a", "--manifest", "assets.toml", "--workspace", "w"]);
        command.args(["--stall-timeout", "2", "--retry-wait", "0.001"]);
        command
    }

    /// Starts the command.
    pub(crate) fn start(&self) -> Child {
        self.fetch().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Returns the path of the fetched file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("w/data/a.bin")
    }

    /// Returns the size of the partial file.
    pub(crate) fn part(&self) -> u64 {
        std::fs::metadata(self.folder.path().join("w/data/a.bin.part")).map_or(0, |part| part.len())
    }

    /// Lists the names of all files in the folder of the fetched file.
    pub(crate) fn names(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.folder.path().join("w/data")).unwrap();
        let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Returns bytes without a repeating pattern, so that a shift is noticed.
pub(crate) fn content(size: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    });
    words.take(size.div_ceil(4)).flat_map(u32::to_le_bytes).take(size).collect()
}

/// Returns the line `sha256 = "…"` for a manifest.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256 = \"{}\"", base::files::sha256_bytes(bytes))
}

/// Waits until a condition holds, for at most half a minute.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
