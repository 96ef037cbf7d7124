//! Whole runs of the original's fine-tuning programs give the same log.log, weights, gradient norms and submission files.

use std::path::{Path, PathBuf};

use data::features::Row;
use data::features::tsv::{TsvReader, TsvWriter};
use serde_json::{Value, json};

use crate::common::{repro, run, stdout, tiny_config};

/// Returns a folder with the programs' data and features; `None` if the fixtures are missing.
fn program_folder() -> Option<(tempfile::TempDir, PathBuf)> {
    let programs = fixtures::lxrt("programs")?;
    let (vocab, tsv) =
        (fixtures::support("tiny/vocab/vocab.txt")?, fixtures::beside("real/golden/train2014_obj36.tsv")?);
    let meta = fixtures::json(&fixtures::support("tiny/pretrain_meta.json")?);
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    for task in ["vqa", "gqa", "nlvr2"] {
        std::fs::create_dir_all(data.join(task)).unwrap();
        for entry in std::fs::read_dir(&programs).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if let Some(file) = name.strip_prefix(&format!("{task}_")).filter(|file| file.ends_with(".json")) {
                std::fs::copy(&path, data.join(task).join(file)).unwrap();
            }
        }
    }
    for feature in [
        "mscoco_imgfeat/train2014",
        "mscoco_imgfeat/val2014",
        "mscoco_imgfeat/test2015",
        "vg_gqa_imgfeat/vg_gqa",
        "vg_gqa_imgfeat/gqa_testdev",
    ] {
        let path = data.join(format!("{feature}_obj36.tsv"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(&tsv, path).unwrap();
    }
    std::fs::copy(vocab, data.join("vocab.txt")).unwrap();
    nlvr2_features(&programs, &tsv, &data.join("nlvr2_imgfeat"));
    std::fs::write(place.path().join("config.json"), tiny_config(&meta).to_string()).unwrap();
    Some((place, programs))
}

/// NLVR2's images are rows of the same file under other names.
fn nlvr2_features(programs: &Path, tsv: &Path, folder: &Path) {
    let mut rows = Vec::new();
    let mut reader = TsvReader::open(tsv).unwrap();
    let mut row = Row::default();
    while reader.read(&mut row).unwrap() {
        rows.push(row.clone());
    }
    std::fs::create_dir_all(folder).unwrap();
    let images = programs.join("nlvr2_images.json");
    if !images.exists() {
        return;
    }
    for (split, images) in fixtures::json(&images).as_object().unwrap() {
        let Some(images) = images.as_object() else { continue };
        let mut writer = TsvWriter::new(std::fs::File::create(folder.join(format!("{split}_obj36.tsv"))).unwrap());
        for (id, row) in images {
            let row = &rows[row.as_u64().unwrap() as usize];
            writer.write_row(&Row { img_id: id.clone(), ..row.clone() }).unwrap();
        }
        writer.finish().unwrap();
    }
}

/// Translates the original's arguments: the same spellings, but weights and folders are ours.
fn arguments(argv: &Value, programs: &Path) -> Vec<String> {
    let mut out = Vec::new();
    let mut argv = argv.as_array().unwrap().iter().map(|v| v.as_str().unwrap());
    while let Some(flag) = argv.next() {
        match flag {
            "--mceLoss" => out.push(flag.to_owned()),
            "--load" => {
                let name = argv.next().unwrap();
                out.extend([flag.to_owned(), programs.join(format!("{name}.safetensors")).display().to_string()]);
            }
            _ => out.extend([flag.to_owned(), argv.next().unwrap().to_owned()]),
        }
    }
    out
}

#[test]
fn training_runs_end_with_the_original_logs_and_weights() {
    let Some((place, programs)) = program_folder() else { return };
    let Some(runs) = fixtures::lxrt("programs/programs.json") else { return };
    let runs = fixtures::json(&runs);
    let mut compared = 0;
    for (name, case) in runs.as_object().unwrap() {
        let Some(task) =
            case["program"].as_str().and_then(|p| p.strip_prefix("tasks/")).map(|p| p.trim_end_matches(".py"))
        else {
            continue;
        };
        let argv = &case["argv"];
        let needed = [format!("{task}_start.safetensors"), format!("{task}_train.json")];
        if argv.as_array().unwrap().contains(&json!("--test"))
            || needed.iter().any(|file| !programs.join(file).exists())
        {
            continue;
        }
        let arguments = arguments(argv, &programs);
        run(
            repro(place.path())
                .args(["train", task, "--data-root", "data", "--config", "config.json", "--allow-missing-images"])
                .args(&arguments),
            0,
        );
        let output = place.path().join(&arguments[arguments.iter().position(|a| a == "--output").unwrap() + 1]);
        let base = name.trim_end_matches("_train");
        if let Ok(log) = std::fs::read_to_string(programs.join(format!("{base}_log.log"))) {
            assert_eq!(std::fs::read_to_string(output.join("log.log")).unwrap(), log, "{name}: log.log");
            compared += 1;
        }
        let metrics = std::fs::read_to_string(output.join("metrics.jsonl")).unwrap();
        let steps = metrics
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["kind"] == "step");
        for (want, got) in case["grad_norms"].as_array().unwrap().iter().zip(steps) {
            let (got, want) = (got["grad_norm"].as_f64().unwrap(), want["grad_norm"].as_f64().unwrap());
            assert!((got - want).abs() <= 1e-4 * want, "{name}: gradient norm {got} is not {want}");
        }
        let last = programs.join(format!("{base}_LAST.safetensors"));
        if last.exists() {
            let (got, want) = (
                lxmert_spec::loading::read(&output.join("LAST.safetensors")).unwrap(),
                lxmert_spec::loading::read(&last).unwrap(),
            );
            for (tensor, want) in &want {
                let (got, want) = (got[tensor].to_f32().unwrap(), want.to_f32().unwrap());
                let difference = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(difference <= 1e-4, "{name}: {tensor} differs by {difference}");
            }
        }
    }
    eprintln!("{compared} log files compared");
}

#[test]
fn test_runs_write_the_original_bytes_and_scores() {
    let Some((place, programs)) = program_folder() else { return };
    let Some(runs) = fixtures::lxrt("programs/programs.json") else { return };
    let runs = fixtures::json(&runs);
    for (name, case) in runs.as_object().unwrap() {
        let argv: Vec<&str> = case["argv"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        let Some(split) = argv.iter().position(|a| *a == "--test").map(|at| argv[at + 1]) else { continue };
        let task = name.split('_').next().unwrap();
        let (load, dump) = (programs.join(format!("{task}_LAST.safetensors")), format!("{task}_{split}_predict"));
        let Some(dump) =
            ["json", "csv"].map(|suffix| programs.join(format!("{dump}.{suffix}"))).into_iter().find(|p| p.exists())
        else {
            continue;
        };
        if !load.exists() {
            continue;
        }
        let output = run(
            repro(place.path())
                .args([
                    "predict",
                    task,
                    "--data-root",
                    "data",
                    "--config",
                    "config.json",
                    "--tiny",
                    "--split",
                    split,
                    "--output",
                    "out",
                ])
                .arg("--load")
                .arg(&load),
            0,
        );
        assert_eq!(
            std::fs::read(place.path().join("out")).unwrap(),
            std::fs::read(&dump).unwrap(),
            "{name}: {}",
            dump.display()
        );
        let wanted_score = case["stdout"].as_str().unwrap().lines().rfind(|line| !line.is_empty()).unwrap().to_owned();
        if wanted_score.parse::<f64>().is_ok() {
            assert_eq!(stdout(&output).lines().last().unwrap(), wanted_score, "{name}: score");
        }
    }
}
