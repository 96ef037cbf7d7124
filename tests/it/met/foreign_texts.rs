//! Question files and texts of other sources, options that contradict themselves, names that lead nowhere.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use base::exit::{DATA, INFRA, PASS, USAGE};
use data::dataset::Task;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::common::mini;
use crate::common::{repro, run, stderr, stdout};

/// A folder with a few generated examples of each task below `data`.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    mini::data_root(&place.path().join("data"), 9, 4);
    place
}

/// A command on the data of [`place`].
fn on_data(folder: &Path, words: &str) -> Command {
    let mut command = repro(folder);
    let mut words = words.split_whitespace();
    command.env("GOMP_SPINCOUNT", "1000").arg(words.next().unwrap()).args(words).args(["--data-root", "data"]);
    command
}

/// A training of one epoch.
fn train(folder: &Path, task: &str, more: &str) -> Command {
    on_data(
        folder,
        &format!(
            "train {task} --train train --valid valid --model tiny --batch-size 4 --epochs 1 --lr 1e-3 --threads 1 {more}"
        ),
    )
}

/// What a command says that ends with `code`.
#[track_caller]
fn says(command: &mut Command, code: u8, parts: &[&str]) -> String {
    let output = run(command, code);
    let text = stderr(&output);
    for part in parts {
        assert!(text.contains(part), "{command:?} should say {part}: {text}");
    }
    text
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Predictions of the first examples of a split with its best answers, in the task's format.
fn predictions(task: Task, split: &Path, count: usize) -> String {
    let best = |one: &Value| one["label"].as_object().unwrap().keys().next().cloned().unwrap_or_default();
    let examples = read(split);
    let entry = |one: &Value| match task {
        Task::Vqa => json!({"answer": best(one), "question_id": one["question_id"]}).to_string(),
        Task::Gqa => json!({"prediction": best(one), "questionId": one["question_id"]}).to_string(),
        Task::Nlvr2 => format!("{},True", one["identifier"].as_str().unwrap()),
    };
    let entries: Vec<String> = examples.as_array().unwrap().iter().take(count).map(entry).collect();
    if task == Task::Nlvr2 { entries.join("\n") + "\n" } else { format!("[{}]", entries.join(", ")) }
}

#[test]
fn predictions_for_a_part_of_a_labelled_split_are_refused_for_every_task_unless_asked_for() {
    let (Some(short), Some(real)) = (fixtures::beside("cases/text/minival_short.json"), fixtures::beside("real/data"))
    else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let real = real.canonicalize().unwrap();
    let mut cases = vec![("vqa", "minival", short.canonicalize().unwrap(), 29, 32)];
    for (task, split, count, all) in [(Task::Gqa, "testdev", 20, 26), (Task::Nlvr2, "valid", 23, 24)] {
        let file = folder.join(format!("{task}.part"));
        fs::write(&file, predictions(task, &task.split_file(&real, split), count)).unwrap();
        cases.push((task.name(), split, file, count, all));
    }
    for (task, split, file, count, all) in cases {
        let evaluate = || {
            let mut command = repro(folder);
            command.args(["evaluate", task, "--split", split, "--output", task, "--data-root"]).arg(&real);
            command.arg("--predictions").arg(&file);
            command
        };
        let refused = run(&mut evaluate(), DATA);
        let wanted = format!("NOT complete: {} of {all} questions of {task} {split} are missing", all - count);
        assert!(stderr(&refused).contains(&wanted), "{}", stderr(&refused));
        assert!(stderr(&refused).contains("pass --allow-missing-predictions"), "{}", stderr(&refused));
        assert_eq!((stdout(&refused).as_str(), folder.join(task).exists()), ("", false), "nothing is scored or kept");

        let asked = run(evaluate().arg("--allow-missing-predictions"), PASS);
        assert!(stderr(&asked).contains(&format!("warning: {} is {wanted}", file.display())), "{}", stderr(&asked));
        let scored = if task == "nlvr2" { format!("of {count})") } else { format!("on {count} predictions") };
        assert!(stdout(&asked).contains(&scored), "{}", stdout(&asked));
        let kept = read(&folder.join(task).join("result.json"));
        assert_eq!((&kept["n"], &kept["examples"]), (&json!(count), &json!(all)));

        // What was kept of it is not judged as if it were the whole.
        let said = format!("answers {count} of the {all} examples of {split}");
        says(repro(folder).args(["regrade", task, "--golden", "published"]), DATA, &[&said, "--allow-missing-pred"]);
        let judged = repro(folder)
            .args(["regrade", task, "--golden", "published", "--allow-missing-predictions"])
            .output()
            .unwrap();
        assert!([Some(1), Some(3)].contains(&judged.status.code()), "{}", stderr(&judged));
    }
}

#[test]
fn predictions_with_a_byte_order_mark_are_read() {
    let (Some(marked), Some(real)) = (fixtures::beside("cases/text/nlvr2_bom.csv"), fixtures::beside("real/data"))
    else {
        return;
    };
    let (place, real) = (tempfile::tempdir().unwrap(), real.canonicalize().unwrap());
    let plain = place.path().join("plain.csv");
    fs::write(&plain, fs::read(&marked).unwrap().strip_prefix("\u{feff}".as_bytes()).unwrap()).unwrap();
    let mut gqa = "\u{feff}".to_owned() + &predictions(Task::Gqa, &real.join("gqa/testdev.json"), 26);
    fs::write(place.path().join("gqa.json"), &gqa).unwrap();
    // One object a line is read as well as a list.
    gqa = gqa.replace("}, {", "}\n{").replace(['[', ']'], "");
    fs::write(place.path().join("lines.json"), &gqa).unwrap();
    let evaluate = |task: &str, split: &str, file: &Path| {
        let mut command = repro(place.path());
        command.args(["evaluate", task, "--split", split, "--predictions"]).arg(file).arg("--data-root").arg(&real);
        stdout(&run(&mut command, PASS))
    };
    let [with, without] = [&marked.canonicalize().unwrap(), &plain].map(|file| evaluate("nlvr2", "valid", file));
    assert!(with.contains("complete: 24 of 24 questions of nlvr2 valid"), "{with}");
    assert_eq!(with, without);
    for file in ["gqa.json", "lines.json"] {
        let said = evaluate("gqa", "testdev", Path::new(file));
        assert!(said.starts_with("accuracy 100.00 on 26 predictions\ncomplete: 26 of 26"), "{said}");
    }
}

#[test]
fn texts_with_a_byte_order_mark_and_questions_as_json_lines_train_the_same_weights() {
    let place = place();
    let folder = place.path();
    let sizes = json!({"vocab_size": 14, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8,
        "max_position_embeddings": 20, "type_vocab_size": 2, "l_layers": 1, "x_layers": 1, "r_layers": 1,
        "visual_feat_dim": 16, "visual_pos_dim": 4, "obj_id_num": 4, "attr_id_num": 4, "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02});
    fs::write(folder.join("config.json"), sizes.to_string()).unwrap();
    let weights = |output: &str| {
        let line = "train vqa --train train --valid valid --from-scratch --config config.json --batch-size 4 --epochs 1 --lr 1e-3 --threads 1";
        run(&mut on_data(folder, &format!("{line} --output {output}")), PASS);
        fs::read(folder.join(output).join("LAST.safetensors")).unwrap()
    };
    let plain = weights("plain");
    let lines: Vec<String> =
        read(&folder.join("data/vqa/train.json")).as_array().unwrap().iter().map(Value::to_string).collect();
    fs::write(folder.join("data/vqa/train.json"), lines.join("\n") + "\n").unwrap();
    for text in [
        "config.json",
        "data/vocab.txt",
        "data/vqa/train.json",
        "data/vqa/valid.json",
        "data/vqa/trainval_ans2label.json",
        "data/vqa/trainval_label2ans.json",
    ] {
        let path = folder.join(text);
        fs::write(&path, ["\u{feff}".as_bytes(), &fs::read(&path).unwrap()].concat()).unwrap();
    }
    assert!(weights("marked") == plain, "other weights");
    let recipe = "\u{feff}".to_owned() + include_str!("../../../data/demo.toml");
    fs::write(folder.join("recipe.toml"), recipe).unwrap();
    run(repro(folder).args(["all", "--profile", "demo", "--recipe", "recipe.toml", "--explain"]), PASS);
}

#[test]
fn a_file_of_a_different_kind_is_named_with_the_next_step_and_no_store_is_built() {
    let place = place();
    let folder = place.path();
    let page = b"<!DOCTYPE html>\n<html><body>503 Service Unavailable</body></html>".to_vec();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".to_vec();
    let vqa = fs::read_to_string(folder.join("data/vqa/train.json")).unwrap();
    let start = "--from-scratch";
    let mut golden = repro(folder);
    golden.args(["all", "--profile", "demo", "--golden", "own.toml", "--workspace", "demo"]);
    for (file, bytes, mut command, parts) in [
        ("data/vqa/train.json", utf16(&vqa), train(folder, "vqa", start), ["is text in UTF-16", "iconv -f UTF-16 "]),
        ("data/vqa/valid.json", page.clone(), train(folder, "vqa", start), ["valid.json is a web page", "fetch"]),
        ("data/vqa/train.json", gz(vqa.as_bytes()), train(folder, "vqa", start), ["a gzip archive", "gunzip -c"]),
        ("data/vqa/train.json", Vec::new(), train(folder, "vqa", start), ["train.json is empty", "fetch"]),
        ("data/vqa/valid.json", pointer, train(folder, "vqa", start), ["Git LFS pointer", "git lfs pull"]),
        ("data/vocab.txt", page.clone(), train(folder, "gqa", start), ["vocab.txt is a web page", "fetch"]),
        (
            "data/vocab.txt",
            br#"{"model": {}}"#.to_vec(),
            train(folder, "gqa", start),
            ["tokenizer.json", "vocab.txt of"],
        ),
        (
            "data/gqa/trainval_label2ans.json",
            gz(b"[]"),
            train(folder, "gqa", start),
            ["label2ans.json is a gzip archive", "gunzip"],
        ),
        (
            "data/gqa/trainval_label2ans.json",
            br#"{"yes": 0}"#.to_vec(),
            train(folder, "gqa", start),
            ["swapped", "rename"],
        ),
        (
            "sizes.json",
            utf16("{}"),
            on_data(folder, "train vqa --train train --valid valid --from-scratch --config sizes.json"),
            ["sizes.json is text in UTF-16", "iconv"],
        ),
        ("own.toml", page, golden, ["own.toml is a web page", "fetch"]),
    ] {
        let path = folder.join(file);
        let before = fs::read(&path).ok();
        fs::write(&path, &bytes).unwrap();
        says(&mut command, DATA, &parts);
        if let Some(before) = before {
            fs::write(&path, before).unwrap();
        }
    }
    assert!(!folder.join("workspace").exists(), "something was built or begun");
    run(&mut train(folder, "vqa", "--from-scratch"), PASS);
}

#[test]
fn official_files_in_the_place_of_processed_ones_are_named_with_the_command_that_processes_them() {
    let place = place();
    let folder = place.path();
    let questions = json!({"info": {}, "task_type": "Open-Ended", "data_type": "mscoco", "license": {},
        "data_subtype": "train2014", "questions": [{"image_id": 458752, "question": "What?", "question_id": 458752000}]});
    let answers = json!({"info": {}, "license": {}, "annotations": [{"question_type": "what", "multiple_choice_answer": "net",
        "answers": [{"answer": "net", "answer_confidence": "maybe", "answer_id": 1}], "image_id": 458752,
        "answer_type": "other", "question_id": 458752000}]});
    let text = |file: Option<PathBuf>| file.map(|file| fs::read_to_string(file).unwrap());
    let gqa = text(fixtures::lxrt("data/gqa_raw/train_balanced_questions.json"));
    let nlvr2 = text(fixtures::beside("real/nlvr2_raw/train.json"));
    let vqa_split = fs::read_to_string(folder.join("data/vqa/train.json")).unwrap();
    for (task, content, parts) in [
        ("vqa", Some(questions.to_string()), ["questions of VQA as published", "repro fetch vqa-train`"]),
        ("vqa", Some(answers.to_string()), ["annotations of VQA as published", "repro fetch vqa-train`"]),
        ("gqa", gqa, ["GQA's questions as published", "`repro prepare gqa-official-train`"]),
        ("nlvr2", nlvr2, ["NLVR2's examples as published", "`repro prepare nlvr2-train`"]),
        ("nlvr2", Some(vqa_split), ["is a split of VQA", "into the folder vqa/"]),
    ] {
        let Some(content) = content else { continue };
        let path = folder.join(format!("data/{task}/train.json"));
        let before = fs::read(&path).unwrap();
        fs::write(&path, content).unwrap();
        let text = says(&mut train(folder, task, "--from-scratch"), DATA, &parts);
        assert!(!text.contains("damaged") && !text.contains("correct the file"), "{text}");
        fs::write(&path, before).unwrap();
    }
    assert!(!folder.join("workspace").exists(), "something was built or begun");
}

#[test]
fn predictions_of_a_different_shape_are_named() {
    let place = place();
    let folder = place.path();
    let list = predictions(Task::Vqa, &folder.join("data/vqa/train.json"), 9);
    let split = fs::read_to_string(folder.join("data/vqa/train.json")).unwrap();
    let csv = "dev-0-0-0,True\ndev-0-1-0,False\n";
    for (task, content, parts) in [
        ("vqa", format!("{{\"results\": {list}}}"), ["under \"results\"", "jq .results"]),
        ("vqa", split, ["is a split of VQA", "repro predict"]),
        (
            "vqa",
            r#"{"458752000": "net", "262148000": "no"}"#.to_owned(),
            ["from question ids to answers", "write it as"],
        ),
        ("vqa", csv.to_owned(), ["predictions for NLVR2", "repro evaluate nlvr2"]),
        ("vqa", "question_id,answer\n1,net\n".to_owned(), ["text, not JSON", "write it as"]),
        ("gqa", list.clone(), ["predictions for VQA", "repro evaluate vqa"]),
        ("nlvr2", list, ["predictions for VQA", "repro evaluate vqa"]),
    ] {
        fs::write(folder.join("p"), content).unwrap();
        let mut command = on_data(folder, &format!("evaluate {task} --split train --predictions p"));
        let text = says(&mut command, DATA, &parts);
        assert!(!text.contains("correct the file"), "{text}");
    }
}

#[test]
fn an_absurd_option_is_refused_with_its_name_and_value() {
    let folder = tempfile::tempdir().unwrap();
    for (line, parts) in [
        ("train vqa --from-scratch --lr=-1", ["'-1' for '--lr", "above 0"]),
        ("train vqa --from-scratch --batch-size 0", ["'0' for '--batch-size", "at least 1"]),
        ("train vqa --from-scratch --eval-batch-size -4", ["'-4' for '--eval-batch-size", "at least 1"]),
        ("train vqa --from-scratch --seed -1", ["'-1' for '--seed", "a seed is one whole number"]),
        ("train vqa --from-scratch --seed 1,2", ["'1,2' for '--seed", "run the command once for each"]),
        ("train vqa --from-scratch --dropout 1", ["'1' for '--dropout", "below 1"]),
        ("pretrain --from-scratch --accumulate 0", ["'0' for '--accumulate", "at least 1"]),
        ("pretrain --from-scratch --word-mask-rate 1.5", ["'1.5' for '--word-mask-rate", "from 0 to 1"]),
        ("predict vqa --load x --split test --batchSize 0", ["'0' for '--batch-size", "at least 1"]),
        ("all --profile demo --seed -1", ["'-1' for '--seed", "a seed is one whole number"]),
        ("check run --seeds 1,x", ["'x' for '--seeds", "a seed is one whole number"]),
        ("train vqa --load a --from-scratch", ["--from-scratch and --load contradict each other", "keep one"]),
        ("pretrain --task-matched --load a --fromScratch", ["--from-scratch and --load contradict", "keep one"]),
    ] {
        says(repro(folder.path()).args(line.split(' ')), USAGE, &parts);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was begun");
}

/// A typo in `--load-lxmert-qa` was said after all features had been converted.
#[test]
fn all_arguments_are_checked_before_features_are_converted() {
    let place = place();
    let folder = place.path();
    fs::create_dir(folder.join("data/lxmert")).unwrap();
    fs::write(folder.join("data/lxmert/all_ans.json"), r#"[{"ans": "a", "dsets": ["vqa"]}]"#).unwrap();
    let image = &read(&folder.join("data/vqa/train.json"))[0]["img_id"];
    let sentences = json!([{"img_id": image, "sentf": {"mscoco": ["red cat"]}, "labelf": {}}]);
    fs::write(folder.join("data/lxmert/mscoco_train.json"), sentences.to_string()).unwrap();
    fs::write(folder.join("file"), "<html>").unwrap();
    let pretrain = "pretrain --task-matched --train mscoco_train --valid= --model tiny --threads 1";
    let tsv = "data/mscoco_imgfeat/train2014_obj36.tsv";
    let encode = format!("encode --features {tsv} --sentence red --image x --threads 1");
    let docker = "train vqa --from-scratch --engine docker";
    for (line, code, parts) in [
        ("train vqa --load-lxmert-qa typo", DATA, ["there is no checkpoint \"typo\"", "typo_LXRT.pth"]),
        ("train vqa --load-lxmert file", DATA, ["checkpoint file", "web page"]),
        ("train vqa --bert typo", DATA, ["typo", "read"]),
        ("train nlvr2 --load-lxmert-qa file", USAGE, ["cannot be used for NLVR2", "--load-lxmert"]),
        ("train vqa --from-scratch --train train --valid typo", DATA, ["vqa/typo.json", "splits there: train, valid"]),
        ("train vqa --from-scratch --output file", USAGE, ["file is a file", "name a folder"]),
        ("train vqa --from-scratch --output file/below", INFRA, ["file is not a folder", "name another folder"]),
        (docker, INFRA, ["nobody.sock", "next:"]),
        (&format!("{pretrain} --load typo"), DATA, ["there is no checkpoint \"typo\"", "typo_LXRT.pth"]),
        (&format!("{pretrain} --from-scratch --output file"), USAGE, ["file is a file", "name a folder"]),
        ("evaluate vqa --split train --load typo", DATA, ["there is no checkpoint \"typo\"", "check the path"]),
        ("evaluate vqa --split train --load file", DATA, ["checkpoint file", "web page"]),
        ("predict gqa --split train --load file", DATA, ["checkpoint file", "web page"]),
        ("predict gqa --split train --load file --output data", USAGE, ["data is a folder", "name a file"]),
        (&format!("{encode} --load typo --output o"), DATA, ["there is no checkpoint \"typo\"", "check the path"]),
        (&format!("{encode} --load file --output data/vocab.txt/o"), DATA, ["checkpoint file", "web page"]),
    ] {
        let mut command = on_data(folder, line);
        command.env("DOCKER_HOST", "unix:///nowhere/nobody.sock");
        says(&mut command, code, &parts);
        assert!(!folder.join("workspace").exists(), "{line}: a store was built");
    }
    // A feature file of the second of two splits.
    fs::remove_file(folder.join("data/mscoco_imgfeat/val2014_obj36.tsv")).unwrap();
    says(&mut train(folder, "vqa", "--from-scratch"), DATA, &["val2014_obj36.tsv", "fetch or extract"]);
    assert!(!folder.join("workspace").exists(), "a store was built");
}

/// A training ended in a panic, after all its work, where its output folder was called so.
#[test]
fn names_that_are_not_utf8_are_refused_by_every_command_alike() {
    let place = tempfile::tempdir().unwrap();
    let odd = OsString::from_vec(b"caf\xe9".to_vec());
    for words in [
        "train vqa --from-scratch --output",
        "pretrain --data-root",
        "evaluate vqa --split s --predictions",
        "convert --from x --to",
        "features compare a",
        "all --profile demo --workspace",
        "bash run/vqa_finetune.bash 0",
    ] {
        let mut command = repro(place.path());
        says(command.args(words.split(' ')).arg(&odd), USAGE, &["\"caf\\xE9\"", "is not UTF-8", "next: rename"]);
    }
    for (value, says_what) in
        [(odd.clone(), "REPRO_WORKSPACE, \"caf\\xE9\", is not UTF-8"), ("".into(), "REPRO_WORKSPACE is set but empty")]
    {
        for line in ["train vqa --from-scratch", "bash run/vqa_finetune.bash 0 x"] {
            let mut command = repro(place.path());
            says(command.env("REPRO_WORKSPACE", &value).args(line.split(' ')), USAGE, &[says_what, "next: "]);
        }
        run(repro(place.path()).env("REPRO_WORKSPACE", &value).arg("--help"), PASS);
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "something was begun");
}
