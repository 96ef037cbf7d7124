//! A folder with data, an image and a manifest, and running commands that must end by themselves.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use base::files::sha256_bytes;

use crate::common::mini;
use crate::common::stderr;

/// Far more than any of these commands needs; one that waits for a pipe takes for ever.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) const TRAIN: &str = "train vqa --data-root data --model tiny --from-scratch --batch-size 4 --eval-batch-size 4 --threads 1 --epochs 1 \
                     --train train --valid valid --output out";

pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

/// Runs a command that must end by itself.
#[track_caller]
pub(super) fn ends(command: &mut Command, code: u8) -> Output {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} waits");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(code.into()), "{command:?}\n{}", stderr(&output));
    output
}

#[track_caller]
pub(super) fn says(output: &Output, texts: &[&str]) {
    let told = stderr(output);
    for text in texts {
        assert!(told.contains(text), "{text:?} is not in: {told}");
    }
}

pub(super) fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).unwrap();
}

/// A picture without anything on it.
pub(super) fn picture(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut picture = png::Encoder::new(fs::File::create(path).unwrap(), 64, 48);
    picture.set_color(png::ColorType::Rgb);
    picture.write_header().unwrap().write_image_data(&[200; 64 * 48 * 3]).unwrap();
}

/// A data root, an image, and a manifest with one asset of this machine.
pub(super) fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    mini::data_root(&folder.path().join("data"), 9, 4);
    picture(&folder.path().join("images/val2014/a.png"));
    fs::write(folder.path().join("source"), "content").unwrap();
    let manifest = format!(
        "schema = 1\n[[asset]]\nname = \"a\"\ntitle = \"a\"\ngroups = []\npath = \"data/a\"\nurls = [\"file://{}/source\"]\nsize = 7\n\
         sha256 = \"{}\"\n",
        folder.path().display(),
        sha256_bytes(b"content")
    );
    fs::write(folder.path().join("assets.toml"), manifest).unwrap();
    folder
}
