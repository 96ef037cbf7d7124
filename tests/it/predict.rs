//! Submission files of the real mini data set, complete or reported as incomplete; ensembles; NLVR2's official figures from a model.

use std::path::PathBuf;
use std::process::Command;

use base::progress::Silent;
use checkpoint::{self, StateDict};
use data::dataset::{Scale, Task};
use data::features::{FeatureStore, Precision, ensure_store};
use lxmert::model::{ForwardContext, TaskBatch};
use lxmert::train::loading;
use lxmert::train::weights;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};
use trainings::initial_weights::InitialWeights;
use trainings::task_loader::{StoreLocation, TaskDataSettings, TaskLoader};

use crate::common::{copy_folder, repro, run, stderr, stdout};

/// A folder with a copy of the mini data set, vocabulary included, and models that are trained a little.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Option<Self> {
        let (real, vocab) = (fixtures::beside("real/data")?, fixtures::beside("vocab/vocab.txt")?);
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&real, &folder.path().join("data"));
        std::fs::copy(vocab, folder.path().join("data/vocab.txt")).unwrap();
        Some(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn repro(&self, command: &str, task: &str, more: &[&str]) -> Command {
        let mut line = repro(self.folder.path());
        line.args([command, task, "--data-root", "data", "--threads", "1"]).args(more);
        line
    }

    /// One pass over the training set, so that models differ.
    fn train(&self, task: &str, model: &str, seed: &str, output: &str) {
        let more = [
            "--model", model, "--seed", seed, "--output", output, "--train", "train", "--valid", "", "--epochs", "2",
            "--lr", "1e-3",
        ];
        run(self.repro("train", task, &more).args(["--from-scratch", "--batch-size", "8"]), 0);
    }

    fn predict(&self, task: &str, split: &str, load: &[&str], output: &str, more: &[&str]) -> String {
        let mut line = self.repro("predict", task, &["--split", split, "--output", output, "--load"]);
        stdout(&run(line.args(load).args(more), 0))
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.path(name), value.to_string()).unwrap();
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }
}

#[test]
fn a_submission_is_complete_or_said_not_to_be() {
    let Some(place) = Place::new() else { return };
    place.train("vqa", "tiny", "1", "snap");
    let said = place.predict("vqa", "test", &["snap/LAST"], "test.json", &[]);
    assert_eq!(said, "test.json\ncomplete: 32 of 32 questions of vqa test, each once\n");
    let said = place.predict("vqa", "minival", &["snap/LAST"], "minival.json", &["--batchSize", "7", "--tqdm"]);
    assert!(said.contains("complete: 32 of 32 questions of vqa minival, each once\n0."), "{said}");

    // A file of its own, on a split without labels.
    let check = |name: &str, code| {
        let more = ["--split", "test", "--predictions", name];
        run(&mut place.repro("evaluate", "vqa", &more), code)
    };
    let output = check("test.json", 0);
    assert_eq!(stdout(&output), "complete: 32 of 32 questions of vqa test, each once\n");
    let mut entries = place.json("test.json").as_array().unwrap().clone();
    let lost = entries.pop().unwrap();
    place.write("short.json", &json!(entries));
    let error = stderr(&check("short.json", 5));
    let wanted = format!("NOT complete: 1 of 32 questions of vqa test are missing, such as {}", lost["question_id"]);
    assert!(error.contains(&format!("short.json is {wanted}; do not submit it")), "{error}");
    entries.extend([lost.clone(), lost, json!({"answer": "a griffin", "question_id": 77})]);
    place.write("long.json", &json!(entries));
    let error = stderr(&check("long.json", 5));
    for part in ["such as 77", "more than once", "\"a griffin\" to 77"] {
        assert!(error.contains(part), "{error}");
    }

    // Images without features: refused, or a part that is said to be one.
    let questions = String::from_utf8(place.read("data/vqa/test.json")).unwrap();
    let image = place.json("data/vqa/test.json")[0]["img_id"].as_str().unwrap().to_owned();
    std::fs::write(place.path("data/vqa/test.json"), questions.replacen(&image, "COCO_test2015_1", 1)).unwrap();
    let line = ["--split", "test", "--load", "snap/LAST", "--output", "part.json"];
    run(&mut place.repro("predict", "vqa", &line), 5);
    assert!(!place.path("part.json").exists());
    let output = run(place.repro("predict", "vqa", &line).arg("--allow-missing-images"), 0);
    assert!(stderr(&output).contains("warning: part.json is NOT complete: 1 of 32"), "{}", stderr(&output));
    assert_eq!((stdout(&output).as_str(), place.json("part.json").as_array().unwrap().len()), ("part.json\n", 31));
}

#[test]
fn gqa_and_nlvr2_splits() {
    let Some(place) = Place::new() else { return };
    place.train("gqa", "tiny", "1", "gqa");
    for (split, said) in
        [("submit", "24 of 24 questions of gqa submit"), ("testdev", "26 of 26 questions of gqa testdev")]
    {
        assert!(place.predict("gqa", split, &["gqa/LAST"], "g.json", &[]).contains(&format!("complete: {said}")));
    }
    place.train("nlvr2", "tiny", "1", "nlvr2");
    // The hidden set under the names that the extractor and `repro prepare` give it.
    for (from, to) in
        [("nlvr2/test.json", "nlvr2/hidden.json"), ("nlvr2_imgfeat/test_obj36.tsv", "nlvr2_imgfeat/hidden_obj36.tsv")]
    {
        std::fs::copy(place.path("data").join(from), place.path("data").join(to)).unwrap();
    }
    for split in ["test", "valid", "hidden"] {
        let output = format!("{split}_predict.csv");
        let said = place.predict("nlvr2", split, &["nlvr2/LAST"], &output, &[]);
        assert!(said.contains(&format!("complete: 24 of 24 questions of nlvr2 {split}, each once")), "{said}");
    }
    assert_eq!(place.read("test_predict.csv"), place.read("hidden_predict.csv"));

    // Official figures from the model, of its file, and of both files at once.
    let evaluate = |more: &[&str]| {
        let output = run(&mut place.repro("evaluate", "nlvr2", more), 0);
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let Some(raw) = fixtures::beside("real/nlvr2_raw/dev.json") else { return };
    let dev = std::fs::read_to_string(raw).unwrap();
    let (half, rest) = dev.split_at(dev.match_indices('\n').nth(11).unwrap().0 + 1);
    std::fs::write(place.path("half.json"), half).unwrap();
    std::fs::write(place.path("rest.json"), rest).unwrap();
    let sentence = serde_json::from_str::<Value>(dev.lines().next().unwrap()).unwrap()["sentence"].clone();
    std::fs::write(place.path("notes.txt"), format!("{}\n* cardinality\n", sentence.as_str().unwrap())).unwrap();
    let official = ["--split", "valid", "--subset", "balanced=half.json", "--subset", "unbalanced=rest.json"];
    let official = [&official[..], &["--categories", "notes.txt", "--format", "json"]].concat();
    let of_model = &evaluate(&[&official[..], &["--load", "nlvr2/LAST"]].concat())[0];
    let of_files = evaluate(&[&official[..], &["--predictions", "valid_predict.csv", "valid_predict.csv"]].concat());
    assert_eq!(of_files.len(), 2);
    for key in ["accuracy", "consistency", "groups", "subsets", "categories", "completeness", "score"] {
        assert!(!of_model[key].is_null(), "{key}");
        assert_eq!((&of_model[key], &of_files[1][key]), (&of_files[0][key], &of_files[0][key]), "{key}");
    }
    let correct = |part: &str| of_model["subsets"][part]["correct"].as_u64().unwrap();
    assert_eq!(correct("balanced") + correct("unbalanced"), of_model["correct"].as_u64().unwrap());
    let wrong = ["--split", "test", "--subset", "x=half.json", "--load", "nlvr2/LAST"];
    let error = stderr(&run(&mut place.repro("evaluate", "nlvr2", &wrong), 5));
    assert!(error.contains("the subset x has"), "{error}");

    // Without the features of an image: only what is answered counts, and that is said.
    let statements = String::from_utf8(place.read("data/nlvr2/valid.json")).unwrap();
    let image = place.json("data/nlvr2/valid.json")[0]["img0"].as_str().unwrap().to_owned();
    std::fs::write(place.path("data/nlvr2/valid.json"), statements.replacen(&image, "dev-99-9-img0", 1)).unwrap();
    let line = ["--split", "valid", "--load", "nlvr2/LAST", "--subset", "balanced=half.json", "--allow-missing-images"];
    let output = run(&mut place.repro("evaluate", "nlvr2", &line), 0);
    assert!(stderr(&output).contains("NOT complete: 1 of 24"), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("accuracy ") && stdout(&output).contains(" of 23)"), "{}", stdout(&output));
    run(&mut place.repro("evaluate", "nlvr2", &line[..6]), 5);

    // What it leaves is judged elsewhere, by name of what is wrong with it.
    run(&mut place.repro("evaluate", "nlvr2", &[&line[..], &["--output", "kept"]].concat()), 0);
    let result = place.json("kept/result.json");
    assert_eq!((&result["n"], &result["examples"], &result["left_out"]), (&json!(23), &json!(24), &json!(1)));
    assert_eq!((&result["seed"], &result["consistency"]), (&json!(1), &Value::Null));
    assert_eq!(result["models"][0]["file"], "LAST.safetensors");
    assert_eq!(result["training"]["options"]["--lr"], 1e-3);
    assert_eq!(String::from_utf8(place.read("kept/items.jsonl")).unwrap().lines().count(), 23);
    let judged = stdout(&run(repro(place.folder.path()).args(["check", "kept"]), 3));
    assert!(judged.contains("1 of 24 examples left out for want of features"), "{judged}");
}

/// The real dev set with its parts and categories, as the official scripts count them.
#[test]
fn the_official_figures_of_dev() {
    let (Some(dev), Some(csv), Some(notes), Some(categories), Some(expected)) = (
        fixtures::beside("nlvr2/dev.json"),
        fixtures::lxrt("data/eval/nlvr2_valid_predict.csv"),
        fixtures::beside("nlvr2/annotated_dev_examples.txt"),
        fixtures::lxrt("data/eval/nlvr2_dev_categories.txt"),
        fixtures::lxrt("data/data.json"),
    ) else {
        return;
    };
    let expected = &fixtures::json(&expected)["nlvr2_eval_valid"];
    let place = tempfile::tempdir().unwrap();
    let mut line = repro(place.path());
    line.args(["evaluate", "nlvr2"]).arg("--predictions").arg(csv.canonicalize().unwrap());
    line.arg("--examples").arg(dev.canonicalize().unwrap()).arg("--categories").arg(notes.canonicalize().unwrap());
    for part in ["balanced", "unbalanced"] {
        let Some(file) = fixtures::beside(&format!("nlvr2/{part}/{part}_dev.json")) else { return };
        line.arg("--subset").arg(format!("{part}={}", file.canonicalize().unwrap().display()));
    }
    let text = stdout(&run(&mut line, 0));
    let got: Value = serde_json::from_str(&stdout(&run(line.args(["--format", "json"]), 0))).unwrap();
    assert_eq!(got["accuracy"], expected["accuracy_upstream_evaluator"]);
    let official = expected["official_metrics_stdout"].as_str().unwrap();
    assert_eq!(official, format!("accuracy={}\nconsistency={}\n", got["accuracy"], got["consistency"]));
    for (part, percent) in expected["filtered_accuracy_percent"].as_object().unwrap() {
        assert_eq!(&json!(got["subsets"][part]["accuracy_percent"].to_string()), percent, "{part}");
    }
    for line in std::fs::read_to_string(categories).unwrap().lines().skip(3) {
        let (name, figures) = line.split_once(": ").unwrap();
        let (percent, of) = figures.split_once(" (of ").unwrap();
        let ours = text.lines().find(|ours| ours.starts_with(&format!("  {name}: "))).unwrap();
        assert!(ours.contains(&format!(": {percent} (")), "{line}: {ours}");
        assert!(ours.ends_with(&format!(" of {})", of.trim_end_matches(" examples)"))), "{line}: {ours}");
    }
}

#[test]
fn models_answer_together() {
    let Some(place) = Place::new() else { return };
    place.train("vqa", "tiny", "1", "a");
    place.train("vqa", "small", "2", "b");
    let alone = place.predict("vqa", "minival", &["a/LAST"], "a.json", &[]);
    let twice = place.predict("vqa", "minival", &["a/LAST", "a/LAST"], "aa.json", &[]);
    assert_eq!(place.read("a.json"), place.read("aa.json"));
    assert_eq!(twice, alone.replace("a.json\n", "aa.json\n2 models, mean of probabilities\n"));
    // Two of different sizes, by hand.
    let (logits_a, ids, answers) = logits(&place, "a/LAST.safetensors");
    let (logits_b, ..) = logits(&place, "b/LAST.safetensors");
    for average in ["probabilities", "logits"] {
        let scores = |logits: &Tensor| if average == "logits" { logits.shallow_clone() } else { logits.sigmoid() };
        let mean = (scores(&logits_a) + scores(&logits_b)) / 2.0;
        let best = Vec::<i64>::try_from(mean.argmax(1, false)).unwrap();
        let said = place.predict("vqa", "minival", &["a/LAST", "b/LAST"], "ab.json", &["--average", average]);
        assert!(said.contains(&format!("2 models, mean of {average}")), "{said}");
        let got = place.json("ab.json");
        for (index, entry) in got.as_array().unwrap().iter().enumerate() {
            let wanted = json!({"answer": answers[best[index] as usize], "question_id": ids[index]});
            assert_eq!(entry, &wanted, "{average} {index}");
        }
    }
    let more = ["--split", "minival", "--load", "a/LAST", "--load", "b/LAST", "--format", "json"];
    let got: Value = serde_json::from_str(&stdout(&run(&mut place.repro("evaluate", "vqa", &more), 0))).unwrap();
    assert_eq!(
        (&got["together"], &got["models"]),
        (&json!("2 models, mean of probabilities"), &json!(["a/LAST", "b/LAST"]))
    );
    assert_eq!(got["completeness"]["complete"], json!(true));

    // The one that does not belong is named.
    place.train("gqa", "tiny", "1", "g");
    let line = ["--split", "minival", "--load", "a/LAST", "g/LAST"];
    let error = stderr(&run(&mut place.repro("predict", "vqa", &line), 2));
    assert!(error.contains("g/LAST.safetensors cannot answer vqa") && error.contains("answers gqa"), "{error}");

    // One is sure of "a", a little of "b"; the other is very sure that it is not "a".
    for (name, first, second) in [("x", 6.0, 1.0), ("y", -4.0, 0.5)] {
        sure(&place, "a/LAST.safetensors", name, &[(1, first), (2, second)]);
    }
    for (average, class) in [("logits", 1), ("probabilities", 2)] {
        place.predict("vqa", "minival", &["x", "y"], "xy.json", &["--average", average]);
        let all = place.json("xy.json");
        assert!(all.as_array().unwrap().iter().all(|entry| entry["answer"] == json!(answers[class])), "{average}");
    }
}

/// Scores (questions, answers) of VQA's minival, the questions' ids, and what the answers are.
fn logits(place: &Place, load: &str) -> (Tensor, Vec<Value>, Vec<String>) {
    tch::set_num_threads(1);
    let data = place.path("data");
    let settings = TaskDataSettings {
        task: Task::Vqa,
        data_root: data.clone(),
        stores: StoreLocation::Build { folder: place.path("stores"), precision: Precision::F32 },
        vocab: data.join("vocab.txt"),
        scale: Scale::Full,
        allow_missing_images: false,
        ablation: None,
    };
    let loader = TaskLoader::new(settings).unwrap();
    let questions = loader.prepare("minival", &Silent).unwrap();
    let file = place.path(load);
    let description = weights::describe(&file).unwrap().unwrap();
    let start = InitialWeights::FineTuned(file.display().to_string());
    let (model, _) = loading::load_model(&description, &start, &loader, 0, false, Device::Cpu).unwrap();
    let tsv = data.join("mscoco_imgfeat/val2014_obj36.tsv");
    let store = ensure_store(&tsv, &place.path("stores"), Precision::F32, None, &Silent).unwrap();
    let rows: Vec<Tensor> = questions
        .examples
        .iter()
        .map(|question| {
            let example = &questions.data.examples[question.index];
            let batch = batch(&store, &example.images[0], &question.words);
            tch::no_grad(|| model.forward(&batch, ForwardContext::EVAL))
        })
        .collect();
    let ids = questions.data.examples.iter().map(|example| json!(example.id)).collect();
    (Tensor::cat(&rows, 0).to_kind(Kind::Float), ids, questions.answers)
}

/// One question as a batch.
fn batch(store: &FeatureStore, image: &str, words: &[i64]) -> TaskBatch {
    let (row, boxes, dim) = (store.index_of(image).unwrap(), store.boxes(), store.dim());
    let (mut features, mut places) = (vec![0.0; boxes * dim], vec![0.0; boxes * 4]);
    store.copy_features(row, &mut features);
    store.copy_normalised_boxes(row, &mut places);
    let ids = Tensor::from_slice(words).unsqueeze(0);
    TaskBatch {
        mask: ids.ones_like(),
        ids,
        features: Tensor::from_slice(&features).view([1, boxes as i64, dim as i64]),
        boxes: Tensor::from_slice(&places).view([1, boxes as i64, 4]),
    }
}

/// A copy of a model that always has the same scores: these, and -9 for the other answers.
fn sure(place: &Place, from: &str, to: &str, scores: &[(usize, f32)]) {
    let metadata = checkpoint::read_metadata(&place.path(from)).unwrap().unwrap().into_iter().collect();
    let mut state: StateDict = lxmert_spec::loading::read(&place.path(from)).unwrap();
    for (name, data) in &mut state {
        let mut values = data.to_f32().unwrap();
        match name.as_str() {
            "logit_fc.3.weight" => values.fill(0.0),
            "logit_fc.3.bias" => {
                values.fill(-9.0);
                scores.iter().for_each(|(class, score)| values[*class] = *score);
            }
            _ => continue,
        }
        *data = checkpoint::TensorData::from_f32(data.shape.clone(), values).unwrap();
    }
    checkpoint::write_safetensors(&place.path(&format!("{to}.safetensors")), &state, &metadata).unwrap();
}
