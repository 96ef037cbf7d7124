//! The recorded runs of the original's programs: the data each loads, the features it reads, its oracle and test scores.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::evaluate::{oracle, score};
use super::feature_files::{Scale, feature_files};
use super::predictions::read_predictions;
use super::python_format::float_repr;
use super::task::{Task, split_names};
use super::task_data::TaskData;

/// `data/<task>/<split>.json` from the flat names `<task>_<split>.json` of the fixture.
fn lay_out(programs: &Path, root: &Path) {
    for task in Task::ALL {
        std::fs::create_dir(root.join(task.name())).unwrap();
        for split in ["train", "valid", "minival", "nominival", "test", "testdev", "submit"] {
            let file = programs.join(format!("{task}_{split}.json"));
            if file.exists() {
                std::fs::copy(file, task.split_file(root, split)).unwrap();
            }
        }
    }
}

/// Image ids by split: those of the ten-row TSV for VQA and GQA, NLVR2's renamed ones.
fn images(programs: &Path, tsv: &Path, task: Task, split: &str) -> HashSet<String> {
    if task == Task::Nlvr2 {
        let names = fixtures::json(&programs.join("nlvr2_images.json"));
        return names[split].as_object().into_iter().flat_map(|map| map.keys().cloned()).collect();
    }
    let text = std::fs::read_to_string(tsv).unwrap();
    text.lines().map(|row| row.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn the_programs_load_the_same_data() {
    let (Some(programs), Some(tsv)) = (fixtures::lxrt("programs"), fixtures::beside("real/golden/train2014_obj36.tsv"))
    else {
        return;
    };
    let Some(runs) = fixtures::lxrt("programs/programs.json").map(|path| fixtures::json(&path)) else { return };
    let root = tempfile::tempdir().unwrap();
    lay_out(&programs, root.path());
    for (name, run) in runs.as_object().unwrap() {
        let Some(task) = Task::ALL.into_iter().find(|task| name.starts_with(task.name())) else { continue };
        let Some(stdout) = run["stdout"].as_str() else { continue };
        let argv: Vec<&str> = run["argv"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let option: HashMap<&str, &str> = argv.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let scale = Scale::from_flags(argv.contains(&"--tiny"), argv.contains(&"--fast"));
        let splits = ["--train", "--valid", "--test"].into_iter().filter_map(|flag| option.get(flag));
        let mut splits = splits.flat_map(|splits| split_names(splits).unwrap());
        if let Some(split) = splits.find(|split| !task.split_file(root.path(), split).exists()) {
            eprintln!("skipped: {name} needs {task}_{split}.json");
            continue;
        }
        let mut expected = String::new();
        let mut valid = None;
        for flag in ["--train", "--valid", "--test"] {
            let Some(&splits) = option.get(flag).filter(|splits| !splits.is_empty()) else { continue };
            let data = TaskData::load(task, root.path(), splits).unwrap();
            let available = images(&programs, &tsv, task, splits);
            let kept = data.with_images(|image| available.contains(image)).kept;
            expected += &format!("Load {} data from split(s) {splits}.\n", data.examples.len());
            for file in feature_files(task, splits, scale, Path::new("data")).unwrap() {
                expected += &format!("Start to load Faster-RCNN detected objects from {}\n", file.path.display());
            }
            expected += &format!("Use {} data in torch dataset\n", kept.len());
            if flag == "--valid" && task != Task::Nlvr2 {
                let table = fixtures::json(&programs.join(format!("{task}_trainval_label2ans.json")));
                let table: Vec<String> = serde_json::from_value(table).unwrap();
                valid = Some(format!("Valid Oracle: {:.2}", oracle(&data, &kept, &table).unwrap() * 100.0));
            }
        }
        let said: String = stdout
            .lines()
            .filter(|line| ["Load ", "Start to load", "Use "].iter().any(|start| line.starts_with(start)))
            .filter(|line| !line.starts_with("Load model"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(said, expected, "{name}");
        let said = stdout.lines().find(|line| line.starts_with("Valid Oracle")).map(str::to_owned);
        assert_eq!(said, valid, "{name}");
    }
}

#[test]
fn the_programs_test_scores() {
    let (Some(programs), Some(runs)) = (fixtures::lxrt("programs"), fixtures::lxrt("programs/programs.json")) else {
        return;
    };
    let runs = fixtures::json(&runs);
    let root = tempfile::tempdir().unwrap();
    lay_out(&programs, root.path());
    for (task, split, file) in [
        (Task::Vqa, "minival", "vqa_minival_predict.json"),
        (Task::Gqa, "testdev", "gqa_testdev_predict.json"),
        (Task::Nlvr2, "valid", "nlvr2_valid_predict.csv"),
        (Task::Nlvr2, "test", "nlvr2_test_predict.csv"),
    ] {
        let run = &runs[format!("{task}_test_{split}")];
        let (Some(stdout), true) = (run["stdout"].as_str(), programs.join(file).exists()) else { continue };
        let data = TaskData::load(task, root.path(), split).unwrap();
        let predictions = read_predictions(task, &programs.join(file)).unwrap();
        let printed = stdout.lines().last().unwrap();
        assert_eq!(float_repr(score(&data, &predictions).unwrap()), printed, "{task} {split}");
    }
}
