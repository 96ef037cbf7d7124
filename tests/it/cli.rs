//! The command line: help, mistakes, and the files that commands write.

use crate::common::{mini, repro, run, stderr, stdout};

#[test]
fn help_works_without_any_environment() {
    let place = tempfile::tempdir().unwrap();
    let help = stdout(&run(repro(place.path()).env_clear().arg("--help"), 0));
    assert!(help.contains("Exit codes:") && help.contains("features"), "{help}");
    run(&mut repro(place.path()), 2);
    run(repro(place.path()).arg("no-such-command"), 2);
}

#[test]
fn a_missing_feature_file_is_named() {
    let place = tempfile::tempdir().unwrap();
    let output = run(repro(place.path()).args(["features", "inspect", "train2014_obj36.tsv"]), 5);
    assert!(
        stderr(&output).starts_with("error: cannot read") && stderr(&output).contains("train2014_obj36.tsv"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_top_help_names_variables_and_fits_a_terminal() {
    let place = tempfile::tempdir().unwrap();
    let help = stdout(&run(repro(place.path()).arg("--help"), 0));
    for part in ["REPRO_WORKSPACE", "NO_COLOR", "--quiet", "--verbose", "  bash ", "  completions "] {
        assert!(help.contains(part), "{part} is not in {help}");
    }
    let script = stdout(&run(repro(place.path()).args(["bash", "--help"]), 0));
    assert!(script.contains("repro bash run/vqa_finetune.bash 0 vqa_lxr955"), "{script}");
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&run(repro(place.path()).args(["completions", shell]), 0));
        assert!(
            script.contains("repro") && script.contains("pretrain") && script.contains("load-lxmert-qa"),
            "{shell}"
        );
    }
}

#[test]
fn a_mistyped_name_is_answered_with_the_one_that_was_meant() {
    let place = tempfile::tempdir().unwrap();
    for (words, meant) in [
        (&["fetch", "bert-vocb"][..], "did you mean bert-vocab"),
        (&["verify", "--task", "nlvr"], "did you mean nlvr2"),
        (&["clean", "achives"], "archives"),
        (&["doctr"], "doctor"),
    ] {
        let said = stderr(&run(repro(place.path()).args(words), 2));
        assert!(said.contains(meant), "{words:?}: {said}");
    }
}

#[test]
fn quiet_leaves_results_and_verbose_adds_details() {
    let place = tempfile::tempdir().unwrap();
    mini::data_root(&place.path().join("data"), 8, 4);
    let train = |more: &str| {
        let words = "train vqa --data-root data --train train --valid valid --model tiny --from-scratch --batch-size 4 --epochs 1 \
                     --threads 1 --device cpu --lr 1e-3 --output";
        let mut command = repro(place.path());
        command.args(words.split(' ')).arg(format!("out{more}")).args(more.split_whitespace());
        run(&mut command, 0)
    };
    let (normal, quiet, verbose) = (train(""), train("-q"), train("--verbose"));
    assert!(stderr(&normal).contains("note: ") && !stderr(&normal).contains("worker: "), "{}", stderr(&normal));
    assert_eq!(stderr(&quiet), "");
    for part in ["worker: ", "repro-worker", "device: cpu", "reads data/mscoco_imgfeat/train2014_obj36.tsv", "note: "] {
        assert!(stderr(&verbose).contains(part), "{part} is not in {}", stderr(&verbose));
    }
    let missing = stderr(&run(repro(place.path()).args(["-q", "report", "nowhere"]), 5));
    assert!(missing.starts_with("error: "), "{missing}");
    let split = stderr(&run(
        repro(place.path()).args("train vqa --data-root data --train trian --from-scratch --output other".split(' ')),
        5,
    ));
    assert!(split.contains("did you mean train?"), "{split}");
}

mod torch {
    use std::path::{Path, PathBuf};

    use insta::assert_snapshot;
    use lxmert_repro::demo::{self, DemoDetector};
    use lxmert_repro::extract::extract_all;
    use lxmert_spec::demo::DemoRecipe;

    use crate::common::recipe::recipe;
    use crate::common::{repro, run, stderr, stdout};

    fn data(place: &Path) -> PathBuf {
        let (data, images) = (place.join("data"), place.join("images"));
        let manifest = demo::generate(
            &data,
            &images,
            &DemoRecipe::parse(&recipe([[20, 6, 2], [6, 2, 2], [2, 2, 2]], [1, 1, 1])).unwrap(),
            &|_, _| {},
        )
        .unwrap();
        for file in &manifest.features {
            extract_all(&mut DemoDetector, &file.images(&images), &data.join(&file.tsv), &mut |_| {}).unwrap();
        }
        data
    }

    fn train(place: &Path, more: &[&str]) -> std::process::Command {
        let mut command = repro(place);
        command.args([
            "train",
            "vqa",
            "--data-root",
            "data",
            "--model",
            "demo",
            "--dropout",
            "0.1",
            "--train",
            "train",
            "--valid",
            "minival",
        ]);
        command.args(["--batch-size", "16", "--epochs", "2", "--lr", "1e-3", "--threads", "2"]).args(more);
        command
    }

    #[test]
    fn the_same_command_gives_the_same_weights_and_another_seed_others() {
        let place = tempfile::tempdir().unwrap();
        data(place.path());
        for (output, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
            run(&mut train(place.path(), &["--from-scratch", "--output", output, "--seed", seed]), 0);
        }
        let weights = |output: &str| std::fs::read(place.path().join(output).join("LAST.safetensors")).unwrap();
        assert!(weights("a") == weights("b"), "the same seed gave other weights");
        assert!(weights("a") != weights("c"), "another seed gave the same weights");
        assert_eq!(
            std::fs::read_to_string(place.path().join("a/log.log")).unwrap(),
            std::fs::read_to_string(place.path().join("b/log.log")).unwrap()
        );
    }

    #[test]
    fn trained_weights_predict_and_evaluate_without_repeating_the_sizes() {
        let place = tempfile::tempdir().unwrap();
        data(place.path());
        run(&mut train(place.path(), &["--from-scratch", "--output", "snap", "--pth"]), 0);
        let predict = |load: &str, output: &str, more: &[&str]| {
            let mut command = repro(place.path());
            command.args([
                "predict",
                "vqa",
                "--data-root",
                "data",
                "--split",
                "minival",
                "--load",
                load,
                "--output",
                output,
            ]);
            stdout(&run(command.args(more), 0))
        };
        let printed = predict("snap/LAST", "a.json", &["--dropout", "0"]);
        let score = printed.lines().last().unwrap().to_owned();
        predict("snap/LAST.pth", "b.json", &["--model", "demo"]);
        let read = |name: &str| std::fs::read(place.path().join(name)).unwrap();
        assert_eq!(read("a.json"), read("b.json"), "the .pth gives other answers than the safetensors file");
        let evaluate = run(
            repro(place.path()).args([
                "evaluate",
                "vqa",
                "--data-root",
                "data",
                "--split",
                "minival",
                "--predictions",
                "a.json",
                "--format",
                "json",
            ]),
            0,
        );
        assert!(stdout(&evaluate).contains(&format!("\"score\":{score}")), "{} has not {score}", stdout(&evaluate));
    }

    #[test]
    fn mistakes_say_what_where_and_what_next() {
        let place = tempfile::tempdir().unwrap();
        let data = data(place.path());
        let mistake = |more: &[&str], code| {
            let text = stderr(&run(&mut train(place.path(), more), code));
            text[text.find("error: ").unwrap()..].replace(place.path().to_str().unwrap(), "PLACE")
        };
        assert_snapshot!("no_start", mistake(&[], 2));
        assert_snapshot!("no_batch", mistake(&["--from-scratch", "--train", "nominival"], 2));
        assert_snapshot!("no_checkpoint", mistake(&["--load-lxmert-qa", "model"], 5));
        // The reason depends on the libtorch beside the worker.
        let versions = stdout(&run(repro(place.path()).args(["--version", "--verbose"]), 0));
        let refused = mistake(&["--from-scratch", "--device", "cuda:77"], 4);
        match versions.contains("cuda: yes") {
            true => assert!(refused.starts_with("error: --device cuda:77: there is no GPU 77\n"), "{refused}"),
            false => assert_snapshot!("no_gpu", refused),
        }
        std::fs::write(place.path().join("model_LXRT.pth"), b"<html>503</html>").unwrap();
        assert_snapshot!("no_pth", mistake(&["--load-lxmert", "model"], 5));

        let questions = data.join("vqa/train.json");
        let text = std::fs::read_to_string(&questions).unwrap();
        std::fs::write(&questions, text.replacen("demo_train2014_000003", "demo_train2014_999999", 1)).unwrap();
        assert_snapshot!("no_features", mistake(&["--from-scratch"], 5));
        let allowed = stderr(&run(&mut train(place.path(), &["--from-scratch", "--allow-missing-images"]), 0));
        assert!(allowed.contains("1 skipped because they have no features"), "{allowed}");
        std::fs::remove_file(data.join("vocab.txt")).unwrap();
        assert_snapshot!("no_vocabulary", mistake(&["--from-scratch", "--output", "another"], 2));
    }

    #[test]
    fn a_checkpoint_that_would_load_nothing_is_refused() {
        let place = tempfile::tempdir().unwrap();
        data(place.path());
        let Some(path) = fixtures::lxrt("ckpt/micro_vqa_BEST.pth") else { return };
        std::fs::copy(path, place.path().join("model_LXRT.pth")).unwrap();
        let text = stderr(&run(&mut train(place.path(), &["--load-lxmert", "model"]), 5));
        assert!(text.contains("cannot load") && text.contains("next: "), "{text}");
    }
}
