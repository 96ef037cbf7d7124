//! A training that takes seconds and can be stopped anywhere.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::{mini, repro};

/// Returns the shared data: 37 training examples.
pub(crate) fn data() -> &'static Path {
    static DATA: OnceLock<tempfile::TempDir> = OnceLock::new();
    DATA.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        mini::data_root(folder.path(), 37, 10);
        folder
    })
    .path()
}

/// Returns the command of a training in `folder` with `batch` examples per step; it writes its results into `out`.
pub(crate) fn train(folder: &Path, batch: usize, more: &str) -> Command {
    let mut command = repro(folder);
    command.env("GOMP_SPINCOUNT", "1000").args(["train", "vqa", "--data-root"]).arg(data());
    let fixed = format!(
        "--train train --valid valid --model tiny --from-scratch --batch-size {batch} --eval-batch-size 4 --threads 1 --device cpu --lr 1e-3 \
         --output out"
    );
    command.args(fixed.split_whitespace()).args(more.split_whitespace());
    command
}
