//! `repro extract --backend caffe-cpu`, with a stand-in for the original's image that aborts without a GPU, as the original does.

use std::fs;
use std::path::Path;
use std::process::Command;

use fixtures::required::required;
use insta::assert_snapshot;

use crate::common::{run, stderr, stdout};
use crate::extract::{WITHOUT_GPU, World};

/// Less memory than the original needs, so that the test runs on small machines too.
const ON_CPU: [&str; 6] = ["--order", "id", "--backend", "caffe-cpu", "--memory", "300MiB"];

#[test]
fn the_original_aborts_without_a_gpu_and_runs_on_the_processor() {
    let Some(world) = World::new(&["", "", "swallow company"]) else { return };
    let error = stderr(&run(&mut world.repro_in(WITHOUT_GPU, &["--order", "id", "--gpus", "none"]), 4));
    assert!(error.contains("exit code 134 (abort") && error.contains("(35 vs. 0)  CUDA driver version"), "{error}");
    assert!(error.contains("next: choose a GPU with --gpus; without one, --backend caffe-cpu"), "{error}");

    let told = stderr(&run(&mut world.repro_in(WITHOUT_GPU, &ON_CPU), 0));
    world.is_right(&[0, 1, 2]);
    assert!(told.contains("about 20 s an image, so at least 1 min for 3 images"), "{told}");
    assert!(told.contains("--memory 0.3 GiB: the original's network needs 13 GiB"), "{told}");
    let record = world.json("val2014_obj36.extract.json");
    assert_eq!((&record["made_by"]["backend"], &record["threads"]), (&"caffe-cpu".into(), &2.into()));
    assert!(record["made_by"]["version"].as_str().unwrap().contains(" processor 2 threads module "), "{record}");
    assert_eq!((&record["gpus"], &record["shards"]), (&serde_json::json!([]), &1.into()));
    let on_cpu = fs::read(world.out("val2014_obj36.tsv")).unwrap();

    fs::remove_dir_all(world.out("")).unwrap();
    run(&mut world.repro(&["--order", "id"]), 0);
    assert!(!world.json("val2014_obj36.extract.json").as_object().unwrap().contains_key("threads"));
    assert!(fs::read(world.out("val2014_obj36.tsv")).unwrap() == on_cpu, "the rows are those with a GPU");
}

#[test]
fn needs_are_named_before_anything_runs() {
    let Some(world) = World::new(&[""; 10]) else { return };
    let repro = |words: &[&str], code| {
        let words: Vec<&str> = ON_CPU[..4].iter().chain(words).copied().collect();
        run(&mut world.repro_in(WITHOUT_GPU, &words), code)
    };
    let told = stdout(&repro(&["--dry-run", "--shards", "2"], 0));
    let (_, told) = told.split_once("until the file is complete\n").unwrap();
    let root = world.workspace.folder.canonicalize().unwrap();
    assert_snapshot!(told.replace(&root.display().to_string(), "ROOT"), @r"
    containers at the same time: 2, image: lxmert-repro-test/extractor-standin-without-gpu
    mounts: ROOT/images (read), the extract-coco-script and the caffemodel (read), folders of links (read), a folder for rows (write); no network
    also mounted: run_on_cpu.py (read)
    memory: 26 GiB for 2 containers
    caffe-cpu needs about 20 s an image, so at least 2 min for 10 images
    ");
    // 256 containers fit into no machine that tests run on.
    let error = stderr(&repro(&["--shards", "256"], 4));
    assert!(error.contains("3328 GiB needed for 256 containers") && error.contains("smaller --shards"), "{error}");
    let error = stderr(&repro(&["--gpus", "0"], 2));
    assert!(error.contains("--backend caffe-cpu uses no GPU") && error.contains("next: omit --gpus"), "{error}");
    assert!(!world.out("").exists());
}

#[test]
fn the_module_for_the_processor_runs_with_both_pythons() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/run_on_cpu_test.py");
    // Python 2.7 is what the original's image has; few machines still have it.
    for python in ["python3", "python2.7"] {
        let works = Command::new(python).arg("--version").output().is_ok_and(|output| output.status.success());
        if works {
            let output = Command::new(python).arg(&script).output().unwrap();
            assert!(output.status.success(), "{python}: {}", stderr(&output));
        } else {
            assert!(python != "python3" || !required("python"), "{python} is missing");
            eprintln!("skipped: there is no {python}");
        }
    }
}
