//! A finished run is never overwritten or deleted, whatever interrupts or repeats a training.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::world::{DATA, FIXED, PRETRAIN, USAGE, World, aside, tree};
use crate::common::{run, stderr};

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
        assert!(stderr(&told).contains("is already finished"), "{}", stderr(&told));
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
fn a_restarted_run_moves_the_old_one_aside_and_deletes_nothing() {
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
fn weights_without_an_outcome_are_not_overwritten() {
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
