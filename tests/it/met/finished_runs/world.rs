//! Data and finished runs that the tests copy.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use base::files::sha256;
use serde_json::{Value, json};

use crate::common::mini;
use crate::common::{copy_folder, repro, run};

pub(super) const USAGE: i32 = 2;

pub(super) const DATA: i32 = 5;

pub(super) const FIXED: &str =
    "--model tiny --fromScratch --batchSize 8 --eval-batch-size 8 --epochs 1 --threads 1 --device cpu --lr 1e-3";
pub(super) const PRETRAIN: &str = "pretrain --taskMaskLM --train mscoco_train --valid mscoco_minival";

/// Data, and runs that have ended: `a` and `b` of VQA, `gqa`, and `pretrain`.
pub(super) struct World {
    pub(super) place: tempfile::TempDir,
}

impl World {
    pub(super) fn shared() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            let world = Self { place: tempfile::tempdir().unwrap() };
            mini::data_root(&world.path("data"), 24, 10);
            world.add_pretraining_data();
            for (words, seed) in
                [("train vqa --output a --pth", 1), ("train vqa --output b", 2), ("train gqa --output gqa", 3)]
            {
                run(&mut world.go(world.place.path(), &format!("{words} {FIXED} --seed {seed}")), 0);
            }
            run(&mut world.go(world.place.path(), &format!("{PRETRAIN} --output pretrain {FIXED}")), 0);
            world
        })
    }

    pub(super) fn add_pretraining_data(&self) {
        let folder = self.path("data/lxmert");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("all_ans.json"), json!([{"ans": "cat", "dsets": ["vqa"]}]).to_string()).unwrap();
        for source in ["mscoco_train", "mscoco_minival"] {
            let of = |image| {
                json!({"img_id": data::features::bench::image_id(image),
                "sentf": {"mscoco": ["a red cat", "two blue dog there"]}, "labelf": {}})
            };
            let all: Vec<Value> = (0..8).map(of).collect();
            fs::write(folder.join(format!("{source}.json")), json!(all).to_string()).unwrap();
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A command in `folder` on these data.
    pub(super) fn go(&self, folder: &Path, words: &str) -> Command {
        let mut command = repro(folder);
        command.env("REPRO_WORKSPACE", self.path("workspace")).env("GOMP_SPINCOUNT", "1000");
        let (verb, words) = words.split_once(' ').unwrap();
        command.arg(verb);
        if verb == "train" {
            command.args(["--train", "train", "--valid", "valid"]);
        }
        command.args(words.split_whitespace());
        if !words.contains("--data-root") && verb != "check" {
            command.arg("--data-root").arg(self.path("data"));
        }
        command
    }

    /// A place with copies of runs, under the same names.
    pub(super) fn copies(&self, runs: &[&str]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        runs.iter().for_each(|run| copy_folder(&self.path(run), &place.path().join(run)));
        place
    }
}

/// Each file below a folder with its checksum and time of change.
pub(super) fn tree(folder: &Path) -> BTreeMap<PathBuf, (String, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let about = (sha256(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), about);
            }
        }
    }
    found
}

/// Folders to which the run in `name` was moved.
pub(super) fn aside(place: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    let prefix = format!("{name}-20");
    entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&prefix)).collect()
}
