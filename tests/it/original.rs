//! The original's command lines from its README, run by `repro` in a folder with the original's layout.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use crate::common::{copy_folder, repro, run, stderr, stdout};

/// A folder in the layout of the original, with the real mini data set.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Option<Self> {
        let (real, vocab) = (fixtures::beside("real/data")?, fixtures::beside("vocab/vocab.txt")?);
        let place = Self(tempfile::tempdir().unwrap());
        copy_folder(&real, &place.path("data"));
        std::fs::copy(vocab, place.path("data/vocab.txt")).unwrap();
        Some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a line, its words separated by single blanks.
    #[track_caller]
    fn run(&self, line: &str, more: &str, code: i32) -> Output {
        let words = line.split(' ').chain(more.split(' ').filter(|word| !word.is_empty()));
        run(repro(self.0.path()).args(words), code)
    }
}

/// What is needed where there are neither the pre-trained weights nor the time for a large model.
const SMALL: &str = "--model tiny --fromScratch --epochs 1 --threads 1 --device cpu";

/// What is needed where there is no GPU.
const CPU: &str = "--device cpu";

#[test]
fn a_named_gpu_that_is_not_there_stops_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    // The GPUs of a machine that has some are hidden.
    let say =
        |words: &[&str], code| stderr(&run(repro(folder.path()).env("CUDA_VISIBLE_DEVICES", "-1").args(words), code));
    let why = [
        "error: the line names GPU 0, which is not there\n  caused by: the worker uses the libtorch for CPUs\n  next: add \
         --device cpu ",
        "error: the line names GPU 0, which is not there\n  caused by: CUDA_VISIBLE_DEVICES=\"-1\" hides it\n  next: add --device cpu ",
    ];
    for line in [
        &["bash", "run/vqa_finetune.bash", "0", "name"][..],
        &["bash", "run/gqa_test.bash", "0,1", "name", "--test", "testdev", "--load", "model"],
        &["run/lxmert_pretrain.bash", "0,1,2,3", "--multiGPU"],
        &["CUDA_VISIBLE_DEVICES=0", "python", "src/tasks/nlvr2.py", "--fromScratch"],
    ] {
        let error = say(line, 4);
        assert!(why.iter().any(|why| error.contains(why)) && !error.contains("runs: "), "{line:?}: {error}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let on_cpu = repro(folder.path()).args(line).args(["--device", "cpu"]).output().unwrap();
        let error = stderr(&on_cpu);
        assert!(error.contains("runs: ") && error.contains(" --device cpu\n") && !error.contains("GPU 0"), "{error}");
        assert_ne!(on_cpu.status.code(), Some(4), "{error}");
    }
    // As for the commands of this program.
    say(&["bench", "train", "--device", "cuda", "--model", "tiny"], 4);
}

#[test]
fn vqa_as_the_readme_has_it() {
    let Some(place) = Place::new() else { return };
    // Without the pre-trained model that is what is missing, with the way to it.
    let error = stderr(&place.run("bash run/vqa_finetune.bash 0 vqa_lxr955_tiny --tiny", CPU, 5));
    for part in ["runs: repro train vqa --train train,nominival", "repro fetch model-lxrt", "model_LXRT.pth"] {
        assert!(error.contains(part), "{error}");
    }
    let said = stderr(&place.run("bash run/vqa_finetune.bash 0 vqa_lxr955 --tiny", SMALL, 0));
    assert!(said.contains("note: --fromScratch: weights are random"), "{said}");
    assert!(place.path("snap/vqa/vqa_lxr955/log.log").is_file());
    let line = "bash run/vqa_test.bash 0 vqa_lxr955_results --load snap/vqa/vqa_lxr955/LAST";
    let output = place.run(&format!("{line} --test minival"), "--threads 1 --device cpu", 0);
    let file = "snap/vqa/vqa_lxr955_results/minival_predict.json";
    assert!(stdout(&output).starts_with(&format!("{file}\ncomplete: 32 of 32")), "{}", stdout(&output));
    assert!(stdout(&output).lines().last().unwrap().parse::<f64>().is_ok());
    place.run(&format!("{line} --test test"), CPU, 0);
    let answers: Value =
        serde_json::from_slice(&std::fs::read(place.path("snap/vqa/vqa_lxr955_results/test_predict.json")).unwrap())
            .unwrap();
    assert_eq!(answers.as_array().unwrap().len(), 32);
    let error = stderr(&place.run("bash run/vqa_test.bash 0 x --test test", CPU, 2));
    assert!(error.contains("no model is given"), "{error}");
    let error = stderr(&place.run("bash run/vqa_test.bash 0 x --test test --load snap/vqa/nothing/BEST", CPU, 5));
    assert!(error.contains("snap/vqa/nothing/BEST"), "{error}");
}

#[test]
fn gqa_as_the_readme_has_it() {
    let Some(place) = Place::new() else { return };
    place.run("run/gqa_finetune.bash 0 gqa_lxr955 --tiny", SMALL, 0);
    let line = "bash run/gqa_test.bash 0 gqa_lxr955_results --load snap/gqa/gqa_lxr955/LAST --batchSize 1024 --test";
    let output = place.run(line, "testdev,submit --device cpu", 0);
    for (split, questions) in [("testdev", 26), ("submit", 24)] {
        assert!(stdout(&output).contains(&format!("complete: {questions} of {questions} questions of gqa {split}")));
        assert!(place.path(&format!("snap/gqa/gqa_lxr955_results/{split}_predict.json")).is_file());
    }
    assert_eq!(stderr(&output).matches("runs: repro predict gqa").count(), 2);
}

#[test]
fn nlvr2_as_the_readme_has_it() {
    let Some(place) = Place::new() else { return };
    let Some(raw) = fixtures::beside("real/nlvr2_raw") else { return };
    copy_folder(&raw, &place.path("data/nlvr2/nlvr/nlvr2/data"));
    let before = std::fs::read(place.path("data/nlvr2/valid.json")).unwrap();
    std::fs::remove_file(place.path("data/nlvr2/valid.json")).unwrap();
    let text = "cd data/nlvr2/process_raw_data_scripts && python process_dataset.py";
    let output = run(repro(place.0.path()).args(["bash", "-c", text]), 0);
    assert!(stdout(&output).contains("data/nlvr2/valid.json: 24 examples"), "{}", stdout(&output));
    assert_eq!(std::fs::read(place.path("data/nlvr2/valid.json")).unwrap(), before);

    place.run("nlvr2_finetune.bash 0 nlvr2_lxr955 --tiny", SMALL, 0);
    let line = "bash run/nlvr2_test.bash 0 nlvr2_lxr955_results --load snap/nlvr2/nlvr2_lxr955/LAST --batchSize 1024";
    let output = place.run(line, "--test test --device cpu", 0);
    let accuracy: f64 = stdout(&output).lines().last().unwrap().parse().unwrap();
    let predictions = "snap/nlvr2/nlvr2_lxr955_results/test_predict.csv";
    let gold = "data/nlvr2/nlvr/nlvr2/data/test1.json";
    let output = place.run(&format!("python data/nlvr2/nlvr/nlvr2/eval/metrics.py {predictions} {gold}"), "", 0);
    assert!(stdout(&output).starts_with(&format!("accuracy {:.2} (", accuracy * 100.0)), "{}", stdout(&output));
    // The submodule that is not there is fetched by its own name.
    std::fs::remove_dir_all(place.path("data/nlvr2/nlvr")).unwrap();
    let error = run(repro(place.0.path()).args(["bash", "-c", text]), 5);
    assert!(stderr(&error).contains("runs: repro prepare nlvr2-train nlvr2-valid nlvr2-test --workspace ."));
}

#[test]
fn pretraining_as_the_readme_has_it() {
    let Some(place) = Place::new() else { return };
    let more = "--model tiny --threads 1 --epochs 1 --batchSize 32 --device cpu";
    let output = place.run("bash run/lxmert_pretrain.bash 0,1,2,3 --multiGPU --tiny", more, 0);
    let said = stderr(&output);
    for part in ["note: ignored here: --multiGPU", "runs: repro pretrain --task-mask-lm"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(stdout(&output).contains("The valid loss is "), "{}", stdout(&output));
    assert!(place.path("snap/pretrain/lxmert/Epoch01_LXRT.safetensors").is_file());
    // What it makes is what fine-tuning starts from.
    let folder = place.path("snap/pretrained");
    std::fs::create_dir_all(&folder).unwrap();
    let trained = place.path("snap/pretrain/lxmert/Epoch01_LXRT.safetensors");
    std::fs::copy(trained, folder.join("model_LXRT.safetensors")).unwrap();
    let more = "--model tiny --threads 1 --epochs 1 --tiny --device cpu";
    let said = stderr(&place.run("bash run/vqa_finetune.bash 0 vqa", more, 0));
    assert!(said.contains("3124 answers loaded, 5 zeroed"), "{said}");
}

#[test]
fn python_and_the_readmes_slips() {
    let Some(place) = Place::new() else { return };
    let said = stderr(&place.run("bash run/vqa_finetune.bash 0 --tiny", SMALL, 0));
    assert!(said.contains("note: the original would use --tiny as the experiment's name"), "{said}");
    assert!(place.path("snap/vqa/LAST.safetensors").is_file());
    let line = "python3 src/tasks/nlvr2.py --train train --batch 8 --output snap/mine --multiGPU --numWorkers 2";
    let said = stderr(&place.run(line, SMALL, 0));
    assert!(said.contains("note: ignored here: --multiGPU"), "{said}");
    assert!(place.path("snap/mine/log.log").is_file());
    // Without weights the original starts from BERT's.
    let error = stderr(&place.run("python src/tasks/vqa.py --epochs 1 --tiny", "", 5));
    assert!(error.contains("repro fetch bert-weights"), "{error}");
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let say = |words: &[&str], code| stderr(&run(repro(folder.path()).args(words), code));
    let test = ["bash", "run/vqa_test.bash", "0", "x", "--device", "cpu", "--test", "test", "--load"];
    std::fs::write(folder.path().join("model.pth"), "PK\x03\x04").unwrap();
    let error = say(&[&test[..], &["model"]].concat(), 2);
    assert!(error.contains("there is no data folder data"), "{error}");
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let error = say(&[&test[..], &["model"]].concat(), 2);
    assert!(error.contains("there is no vocabulary data/vocab.txt"), "{error}");
    let error = say(&["bash", "run/all.bash", "0"], 2);
    assert!(error.contains("no script run/all.bash") && error.contains("lxmert_pretrain.bash"), "{error}");
    let error = say(&["python", "extract_nlvr2_image.py", "--split", "test"], 2);
    assert!(error.contains("repro extract nlvr2 --split test"), "{error}");
    let error = say(&["bash", "run/vqa_finetune.bash", "0", "x", "--device", "cpu", "--tinny"], 2);
    assert!(error.contains("unexpected argument '--tinny'"), "{error}");
}

#[test]
fn a_mistyped_command_is_still_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = stderr(&run(repro(folder.path()).args(["trian", "vqa"]), 2));
    assert!(error.contains("unrecognized subcommand 'trian'") && error.contains("'train'"), "{error}");
    let help = stdout(&run(repro(folder.path()).args(["bash", "run/vqa_finetune.bash", "0", "x", "--help"]), 0));
    assert!(help.contains("Usage: repro train"), "{help}");
}
