//! Finished runs: never trained over, never attributed to weights of another training, never read with other words.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use base::files::sha256;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::common::mini;
use crate::common::{copy_folder, repro, run, stderr, stdout};

const USAGE: i32 = 2;
const DATA: i32 = 5;
const FIXED: &str =
    "--model tiny --fromScratch --batchSize 8 --eval-batch-size 8 --epochs 1 --threads 1 --device cpu --lr 1e-3";
const PRETRAIN: &str = "pretrain --taskMaskLM --train mscoco_train --valid mscoco_minival";

/// Data, and runs that have ended: `a` and `b` of VQA, `gqa`, and `pretrain`.
struct World {
    place: tempfile::TempDir,
}

impl World {
    fn shared() -> &'static Self {
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

    fn add_pretraining_data(&self) {
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

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A command in `folder` on these data.
    fn go(&self, folder: &Path, words: &str) -> Command {
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
    fn copies(&self, runs: &[&str]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        runs.iter().for_each(|run| copy_folder(&self.path(run), &place.path().join(run)));
        place
    }
}

/// Each file below a folder with its checksum and time of change.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (String, std::time::SystemTime)> {
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
fn aside(place: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    let prefix = format!("{name}-20");
    entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&prefix)).collect()
}

#[test]
fn a_finished_run_is_never_trained_over() {
    let world = World::shared();
    let place = world.copies(&["a", "gqa", "pretrain"]);
    for (run_there, words, said) in [
        ("a", "train vqa --pth --seed 1", "holds a finished run: vqa, with the same settings, best "),
        ("a", "train vqa --seed 1 --lr 2e-3", "other settings (--lr: 0.001 -> 0.002), best "),
        ("a", "train vqa --seed 1 --data-root /nowhere", "with the same settings"),
        ("a", "train vqa --seed 1 --llayers 3", "model l_layers: "),
        ("a", "train gqa --seed 1", "task: vqa -> gqa"),
        ("a", "train nlvr2 --seed 1 --data-root /nowhere", "task: vqa -> nlvr2"),
        ("a", "pretrain --taskMaskLM", "holds a finished run: vqa, with other settings (task: vqa -> pretrain), best "),
        ("a", "pretrain --taskMaskLM --resume", "task: vqa -> pretrain"),
        ("gqa", "train vqa --seed 3", "task: gqa -> vqa"),
        ("pretrain", PRETRAIN, "holds a finished run: pretrain, with the same settings, best loss "),
        ("pretrain", "pretrain --taskMaskLM --taskMatched --data-root /nowhere", "tasks: [\"Mask_LM\"] -> "),
        ("pretrain", "train vqa", "holds a finished run: pretrain, with other settings (task: pretrain -> vqa)"),
        ("pretrain", "train vqa --resume", "task: pretrain -> vqa"),
    ] {
        let folder = place.path().join(run_there);
        let before = tree(&folder);
        // The last of an option counts.
        let (command, options) = words.split_at(words.find(" --").unwrap_or(words.len()));
        let words = format!("{command} {FIXED} --output {run_there} {options}");
        let refused = run(&mut world.go(place.path(), &words), USAGE);
        let text = stderr(&refused);
        assert!(text.contains(said), "{words}: {text}");
        assert!(text.contains("--resume") && text.contains("--restart") && text.contains("another --output"), "{text}");
        assert!(tree(&folder) == before, "{words} changed the folder");
    }
    assert!(aside(place.path(), "a").is_empty());
    // In a container it is refused before anything is asked of an engine.
    let contained = format!("train vqa --seed 1 --output a {FIXED} --engine docker --image none:1");
    let refused = run(world.go(place.path(), &contained).env("DOCKER_HOST", "unix:///nowhere"), USAGE);
    assert!(stderr(&refused).contains("holds a finished run"), "{}", stderr(&refused));
}

#[test]
fn a_run_that_has_ended_says_so_when_it_is_resumed() {
    let world = World::shared();
    let place = world.copies(&["a", "pretrain"]);
    for (folder, words) in [("a", "train vqa --seed 1"), ("pretrain", PRETRAIN)] {
        let before = tree(&place.path().join(folder));
        let told = run(&mut world.go(place.path(), &format!("{words} --output {folder} {FIXED} --resume")), 0);
        assert!(stderr(&told).contains("has ended before"), "{}", stderr(&told));
        assert!(tree(&place.path().join(folder)) == before);
    }
}

#[test]
fn ctrl_c_at_any_moment_leaves_a_finished_run_as_it_was() {
    let world = World::shared();
    for (more, wait) in
        [("", 0), ("", 40), ("--lr 5e-3", 150), ("--restart", 0), ("--restart", 250), ("--restart", 900)]
    {
        let place = world.copies(&["a"]);
        let folder = place.path().join("a");
        let before = tree(&folder);
        let words = format!("train vqa --output a {FIXED} --seed 1 {more}");
        let mut command = world.go(place.path(), &words);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        if child.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        }
        child.wait().unwrap();
        let kept = match &aside(place.path(), "a")[..] {
            [] => folder,
            [moved] if more == "--restart" => moved.clone(),
            others => panic!("{others:?}"),
        };
        assert!(tree(&kept) == before, "{words} after {wait} ms");
    }
}

#[test]
fn a_run_begun_again_moves_the_old_one_aside_and_deletes_nothing() {
    let world = World::shared();
    let place = world.copies(&["a", "gqa", "pretrain"]);
    for (folder, words) in [
        ("a", "train vqa --seed 7"),
        ("gqa", "pretrain --taskMaskLM --train mscoco_train --valid mscoco_minival"),
        ("pretrain", "train vqa"),
    ] {
        let output = place.path().join(folder);
        let before = tree(&output);
        let told = run(&mut world.go(place.path(), &format!("{words} --output {folder} {FIXED} --restart")), 0);
        let [moved] = &aside(place.path(), folder)[..] else { panic!("{:?}", aside(place.path(), folder)) };
        assert!(tree(moved) == before);
        let name = moved.file_name().unwrap().to_str().unwrap();
        assert!(stderr(&told).contains(name) && stderr(&told).contains("nothing was deleted"), "{}", stderr(&told));
        let now = tree(&output);
        assert!(now.contains_key(Path::new("outcome.json")));
        assert_ne!(now.get(Path::new("outcome.json")), before.get(Path::new("outcome.json")));
    }
    // Where nothing can be made beside the folder, it is kept within.
    let within = place.path().join("a");
    let before = tree(&within);
    let root = rustix::process::geteuid().is_root();
    if !root {
        let writable =
            |mode| fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        writable(0o555);
        let again =
            world.go(place.path(), &format!("train vqa --seed 8 --output a {FIXED} --restart")).output().unwrap();
        writable(0o755);
        assert!(again.status.success(), "{}", stderr(&again));
        let kept =
            fs::read_dir(&within).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
        assert!(tree(&kept) == before);
    }
}

#[test]
fn an_outcome_that_cannot_be_read_is_never_deleted() {
    let world = World::shared();
    for content in [&b"{\"outcome\": "[..], b"", b"\xff\xfe{", b"[1, 2]"] {
        let place = world.copies(&["a"]);
        let folder = place.path().join("a");
        fs::write(folder.join("outcome.json"), content).unwrap();
        let before = tree(&folder);
        for words in ["train vqa", "train gqa", "train vqa --resume", "pretrain --taskMaskLM"] {
            let refused = run(&mut world.go(place.path(), &format!("{words} --output a {FIXED}")), DATA);
            assert!(stderr(&refused).contains("a/outcome.json"), "{}", stderr(&refused));
            assert!(!stderr(&refused).contains("remove it"), "{}", stderr(&refused));
            assert!(tree(&folder) == before);
        }
    }
    let place = world.copies(&["a"]);
    fs::write(place.path().join("a/outcome.json"), "half").unwrap();
    run(&mut world.go(place.path(), &format!("train vqa --output a {FIXED} --restart")), 0);
    let [moved] = &aside(place.path(), "a")[..] else { panic!() };
    assert_eq!(fs::read_to_string(moved.join("outcome.json")).unwrap(), "half");
}

#[test]
fn weights_that_no_outcome_explains_are_not_written_over() {
    let world = World::shared();
    let place = world.copies(&["a", "pretrain"]);
    for (folder, words, weights) in [
        ("a", "train vqa", "BEST.pth, BEST.safetensors, LAST.pth, LAST.safetensors"),
        ("pretrain", PRETRAIN, "BEST_EVAL_LOSS_LXRT.safetensors, Epoch01_LXRT.safetensors"),
    ] {
        let output = place.path().join(folder);
        fs::remove_file(output.join("outcome.json")).unwrap();
        let before = tree(&output);
        let words = format!("{words} --output {folder} {FIXED}");
        let refused = run(&mut world.go(place.path(), &words), USAGE);
        assert!(stderr(&refused).contains(&format!("already holds weights: {weights}")), "{}", stderr(&refused));
        assert!(tree(&output) == before);
        run(&mut world.go(place.path(), &format!("{words} --restart")), 0);
        let [moved] = &aside(place.path(), folder)[..] else { panic!() };
        let (mut moved, mut before) = (tree(moved), before);
        // The log grows from run to run, as in the original; a copy of it is kept.
        let log = Path::new("log.log");
        assert_eq!(moved.remove(log).unwrap().0, before.remove(log).unwrap().0);
        assert!(moved == before);
    }
}

#[test]
fn weights_are_not_attributed_to_a_training_that_did_not_write_them() {
    let world = World::shared();
    let place = world.copies(&["a", "b", "gqa"]);
    let at = |name: &str| place.path().join(name);
    let refused = |words: &str, said: &[&str]| {
        let text = stderr(&run(&mut world.go(place.path(), words), DATA));
        assert!(said.iter().all(|part| text.contains(part)), "{words}: {text}");
        assert!(text.contains("folder of their own"), "{words}: {text}");
    };
    let good = "evaluate vqa --load a/BEST --split valid --output good --threads 1 --device cpu";
    run(&mut world.go(place.path(), good), 0);
    let result: Value = serde_json::from_str(&fs::read_to_string(at("good/result.json")).unwrap()).unwrap();
    let best = sha256(&at("a/BEST.safetensors")).unwrap();
    assert_eq!(
        (&result["models"][0]["sha256"], &result["training"]["weights"]["BEST.safetensors"]),
        (&json!(best), &json!(best))
    );
    assert_eq!(result["training"]["options"]["--seed"], 1);
    let judged = world.go(place.path(), "check a good").output().unwrap();
    assert!(judged.status.code().unwrap() < 4, "{}", stderr(&judged));

    // BEST of one run beside the outcome of another, LAST, and the other form.
    for (name, words) in [
        ("BEST.safetensors", "--load a/BEST"),
        ("LAST.safetensors", "--load a/LAST"),
        ("BEST.pth", "--load a/BEST.pth --model tiny"),
    ] {
        let own = fs::read(at("a").join(name)).unwrap();
        match name {
            "BEST.pth" => drop(fs::copy(at("a/LAST.safetensors"), at("a/BEST.pth")).unwrap()),
            _ => drop(fs::copy(at("b").join(name), at("a").join(name)).unwrap()),
        }
        let digests = [sha256(&at("a").join(name)).unwrap(), base::files::sha256_bytes(&own)];
        let said = [name, "a/outcome.json", &digests[0], &digests[1]];
        refused(&format!("evaluate vqa {words} --split valid --threads 1 --device cpu"), &said);
        refused(&format!("evaluate vqa {words} --split valid --threads 1 --device cpu --output bad"), &said);
        refused(&format!("predict vqa {words} --split valid --threads 1 --device cpu --output p.json"), &said);
        refused("check a", &said);
        assert!(!at("bad").exists() && !at("p.json").exists());
        fs::write(at("a").join(name), own).unwrap();
    }
    run(&mut world.go(place.path(), good), 0);

    // In a folder of its own no training is named.
    fs::create_dir(at("own")).unwrap();
    fs::copy(at("b/BEST.safetensors"), at("own/BEST.safetensors")).unwrap();
    run(
        &mut world
            .go(place.path(), "evaluate vqa --load own/BEST --split valid --output alone --threads 1 --device cpu"),
        0,
    );
    let result: Value = serde_json::from_str(&fs::read_to_string(at("alone/result.json")).unwrap()).unwrap();
    assert_eq!(result["training"], Value::Null);
    // Under a name that the training does not have, too, and that is said.
    fs::copy(at("b/BEST.safetensors"), at("a/mine.safetensors")).unwrap();
    let told = run(
        &mut world.go(place.path(), "evaluate vqa --load a/mine --split valid --output mine --threads 1 --device cpu"),
        0,
    );
    assert!(stderr(&told).contains("no training is named"), "{}", stderr(&told));
    let result: Value = serde_json::from_str(&fs::read_to_string(at("mine/result.json")).unwrap()).unwrap();
    assert_eq!(result["training"], Value::Null);

    // VQA weights beside the outcome of a training on GQA, of this version or an older one without checksums.
    let outcome = fs::read_to_string(at("gqa/outcome.json")).unwrap();
    let mut older: Value = serde_json::from_str(&outcome).unwrap();
    older.as_object_mut().unwrap().shift_remove("weights").unwrap();
    for outcome in [outcome, older.to_string()] {
        fs::write(at("b/outcome.json"), outcome).unwrap();
        let said = ["a training on gqa", "a model for vqa", "b/outcome.json", "b/BEST.safetensors"];
        refused("evaluate vqa --load b/BEST --split valid --threads 1 --device cpu", &said);
        refused("predict vqa --load b/BEST --split valid --threads 1 --device cpu --output p.json", &said);
        refused("check b", &said);
    }
    // An older outcome of the same task is believed, and that is said.
    let mut older: Value = serde_json::from_str(&fs::read_to_string(at("a/outcome.json")).unwrap()).unwrap();
    older.as_object_mut().unwrap().shift_remove("weights").unwrap();
    older["identity"].as_object_mut().unwrap().shift_remove("vocabulary").unwrap();
    fs::write(at("a/outcome.json"), older.to_string()).unwrap();
    let told = run(&mut world.go(place.path(), good), 0);
    assert!(stderr(&told).contains("names no checksum (an older version wrote it)"), "{}", stderr(&told));
    let judged = world.go(place.path(), "check a good").output().unwrap();
    assert!(stderr(&judged).contains("names no checksum of weights: an older version wrote it"), "{}", stderr(&judged));
    assert!(judged.status.code().unwrap() < 4, "{}", stderr(&judged));
}

#[test]
fn a_result_that_names_another_training_is_not_repeated() {
    let world = World::shared();
    let place = world.copies(&["a"]);
    run(
        &mut world.go(place.path(), "evaluate vqa --load a/BEST --split valid --output good --threads 1 --device cpu"),
        0,
    );
    let path = place.path().join("good/result.json");
    let good: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for (pointer, value, said) in [
        ("/training/options/task", json!("gqa"), "its training learnt gqa"),
        ("/models/0/sha256", json!("00"), "BEST.safetensors (SHA-256 00) is not of its training"),
        ("/training/weights", json!({ "BEST.safetensors": "11" }), "which wrote BEST.safetensors 11"),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        fs::write(&path, wrong.to_string()).unwrap();
        let refused = run(&mut world.go(place.path(), "check good"), DATA);
        assert!(stderr(&refused).contains(said), "{}", stderr(&refused));
    }
}

#[test]
fn a_model_is_not_read_with_other_words_than_it_was_trained_with() {
    let world = World::shared();
    let place = world.copies(&["a", "pretrain"]);
    let at = |name: &str| place.path().join(name);
    let text = fs::read_to_string(world.path("data/vocab.txt")).unwrap();
    let own = sha256(&world.path("data/vocab.txt")).unwrap();
    // As many words, two of them exchanged.
    let other = text.replace("cat\ndog", "dog\ncat");
    assert_ne!(text, other);
    fs::write(at("other.txt"), &other).unwrap();
    // The same words with other line ends.
    fs::write(at("same.txt"), text.trim_end().replace('\n', "\r\n")).unwrap();
    let told = sha256(&at("other.txt")).unwrap();

    let outcome: Value = serde_json::from_str(&fs::read_to_string(at("a/outcome.json")).unwrap()).unwrap();
    assert_eq!(outcome["identity"]["vocabulary"], json!(own));
    let metadata = checkpoint::read_metadata(&at("a/BEST.safetensors")).unwrap().unwrap();
    assert_eq!(metadata["lxmert_repro.vocabulary"], own);
    for from in ["a/BEST", "pretrain/Epoch01"] {
        let to = format!("{}.safetensors", from.replace('/', "-"));
        run(repro(place.path()).args(["convert", "--from", from, "--to", &to, "--encoder-only"]), 0);
        let metadata = checkpoint::read_metadata(&at(&to)).unwrap().unwrap();
        assert_eq!(metadata["lxmert_repro.vocabulary"], own, "{from}");
    }

    let commands = [
        "evaluate vqa --load a/BEST --split valid --threads 1 --device cpu --output e".to_owned(),
        "evaluate vqa --load a/BEST.pth --model tiny --split valid --threads 1 --device cpu".to_owned(),
        "predict vqa --load a/LAST --split valid --threads 1 --device cpu --output p.json".to_owned(),
        "encode --load a/BEST --task vqa --split valid --threads 1 --device cpu --output o.safetensors".to_owned(),
        format!("train vqa --output n1 {} --load a/BEST", FIXED.replace("--fromScratch ", "")),
        format!("train gqa --output n2 {} --load-lxmert pretrain/Epoch01", FIXED.replace("--fromScratch ", "")),
        format!(
            "pretrain --taskMaskLM --train mscoco_train --valid mscoco_minival --output n3 {} --load pretrain/Epoch01",
            FIXED.replace("--fromScratch ", "").replace("--model tiny ", "")
        ),
        format!("train vqa --output a {FIXED} --seed 1 --resume"),
        format!("{PRETRAIN} --output pretrain {FIXED} --resume"),
    ];
    for words in &commands {
        let refused = run(&mut world.go(place.path(), &format!("{words} --vocab other.txt")), DATA);
        let error = stderr(&refused);
        assert!(error.contains("another vocabulary") && error.contains("--vocab FILE"), "{words}: {error}");
        assert!(error.contains(&own) && error.contains(&told), "{words}: {error}");
        let accepted = run(&mut world.go(place.path(), &format!("{words} --vocab same.txt")), 0);
        let notes = stderr(&accepted);
        assert_eq!(notes.matches("another vocabulary than bert-base-uncased's").count(), 1, "{words}: {notes}");
    }
    let result: Value = serde_json::from_str(&fs::read_to_string(at("e/result.json")).unwrap()).unwrap();
    assert_eq!(result["vocabulary"], json!(own));
    // The published vocabulary needs no note.
    let Some(published) = fixtures::beside("vocab/vocab.txt") else { return };
    let words = format!("train vqa --output n4 {FIXED}");
    let quiet = run(world.go(place.path(), &words).arg("--vocab").arg(published), 0);
    assert!(!stderr(&quiet).contains("vocabulary") && stdout(&quiet).contains("best_valid"), "{}", stderr(&quiet));
}
