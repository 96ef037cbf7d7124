//! Default values of options: the paper's for the task, as the help pages say.

use std::fs;
use std::path::Path;
use std::process::Command;

use data::dataset::Task;
use lxmert_spec::paper::{FineTuningRecipe, OPTIM, PRETRAINING, SEED, fine_tuning};
use serde_json::{Value, json};

use crate::common::{mini, repro, run, stdout, unwrapped};

/// A few examples of every split that the paper trains and validates on.
fn data(root: &Path) {
    mini::data_root(root, 37, 10);
    let read = |path: &str| -> Value { serde_json::from_slice(&fs::read(root.join(path)).unwrap()).unwrap() };
    let mut more = read("vqa/train.json");
    more.as_array_mut().unwrap().truncate(3);
    for example in more.as_array_mut().unwrap() {
        example["question_id"] = json!(example["question_id"].as_u64().unwrap() + 500);
    }
    fs::write(root.join("vqa/nominival.json"), more.to_string()).unwrap();
    fs::rename(root.join("vqa/valid.json"), root.join("vqa/minival.json")).unwrap();
    let mut testdev = read("gqa/valid.json");
    for example in testdev.as_array_mut().unwrap() {
        example["question_id"] = json!(format!("{}0", example["question_id"].as_str().unwrap()));
    }
    fs::write(root.join("gqa/testdev.json"), testdev.to_string()).unwrap();
    let features = root.join("vg_gqa_imgfeat");
    fs::copy(features.join("vg_gqa_obj36.tsv"), features.join("gqa_testdev_obj36.tsv")).unwrap();
}

fn computing(folder: &Path, words: &[&str]) -> Command {
    let mut command = repro(folder);
    command.env("GOMP_SPINCOUNT", "1000").args(words);
    command.args(["--data-root", "data", "--threads", "1", "--device", "cpu"]);
    command
}

#[test]
fn a_training_of_which_only_the_task_is_named_has_the_papers_settings() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    data(&folder.join("data"));
    for task in Task::ALL {
        let words = ["train", task.name(), "--model", "tiny", "--from-scratch", "--output", task.name()];
        run(&mut computing(folder, &words), 0);
        let outcome: Value =
            serde_json::from_slice(&fs::read(folder.join(task.name()).join("outcome.json")).unwrap()).unwrap();
        let FineTuningRecipe { train, valid, training, .. } = fine_tuning(task);
        let options = &outcome["identity"]["run"];
        for (name, value) in [
            ("--train", json!(train)),
            ("--valid", json!(valid)),
            ("--epochs", json!(training.epochs)),
            ("--batch-size", json!(training.batch_size)),
            ("--lr", json!(training.lr)),
            ("--optim", json!(OPTIM)),
            ("--seed", json!(SEED)),
        ] {
            assert_eq!(options[name], value, "{task} {name}");
        }
        let weights = format!("{task}/LAST");
        let predicted = run(&mut computing(folder, &["predict", task.name(), "--load", &weights]), 0);
        assert!(
            stdout(&predicted).contains(&format!("questions of {task} {valid}, each once")),
            "{}",
            stdout(&predicted)
        );
        run(&mut computing(folder, &["evaluate", task.name(), "--load", &weights, "--output", "evaluated"]), 0);
        let result: Value = serde_json::from_slice(&fs::read(folder.join("evaluated/result.json")).unwrap()).unwrap();
        assert_eq!((&result["splits"], &result["n"]), (&json!(valid), &json!(10)), "{task}");
        fs::remove_dir_all(folder.join("evaluated")).unwrap();
    }
}

/// What a command's help says is the default of an option.
fn default_of(help: &str, option: &str) -> String {
    let words = unwrapped(help);
    let at = words.find(&format!(" {option} <")).unwrap_or_else(|| panic!("{option} is not in {help}"));
    let said = words[at..].split_once("[default").unwrap().1;
    said[..said.find(']').unwrap()].trim_start_matches(" by task").trim_start_matches(": ").to_owned()
}

#[test]
fn help_says_the_papers_values() {
    let place = tempfile::tempdir().unwrap();
    let help = |command: &str| stdout(&run(repro(place.path()).args([command, "--help"]), 0));
    let by_task = |of: &dyn Fn(FineTuningRecipe) -> String| {
        Task::ALL.map(|task| format!("{task} {}", of(fine_tuning(task)))).join("; ")
    };
    let train = help("train");
    let paper = fine_tuning(Task::Vqa).training;
    for (option, default) in [
        ("--train", by_task(&|paper| paper.train.to_owned())),
        ("--valid", by_task(&|paper| paper.valid.to_owned())),
        ("--eval-batch-size", by_task(&|paper| paper.eval_batch_size.to_string())),
        ("--lr", by_task(&|paper| format!("{:e}", paper.training.lr))),
        ("--batch-size", paper.batch_size.to_string()),
        ("--epochs", paper.epochs.to_string()),
        ("--optim", OPTIM.name().to_owned()),
        ("--seed", SEED.to_string()),
    ] {
        assert_eq!(default_of(&train, option), default, "{option}");
    }
    for command in ["evaluate", "predict"] {
        assert_eq!(default_of(&help(command), "--split"), by_task(&|paper| paper.valid.to_owned()), "{command}");
    }
    let pretrain = help("pretrain");
    for (option, default) in [
        ("--train", PRETRAINING.train.to_owned()),
        ("--valid", PRETRAINING.valid.to_owned()),
        ("--batch-size", PRETRAINING.training.batch_size.to_string()),
        ("--lr", PRETRAINING.training.lr.to_string()),
        ("--epochs", PRETRAINING.training.epochs.to_string()),
        ("--seed", SEED.to_string()),
    ] {
        assert_eq!(default_of(&pretrain, option), default, "{option}");
    }
    assert_eq!(default_of(&help("all"), "--seed"), SEED.to_string());
}
