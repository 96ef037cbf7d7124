use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

use serde_json::Value;

use super::data::{PretrainData, PretrainSource};
use super::evaluator::{Accuracy, AnswerScores, questions_by_uid};
use super::masking::{BoxChange, IGNORED, change_boxes, mask_boxes, mask_words};
use super::pieces::SentencePieces;
use super::random::{ExampleDraws, RandomDraws};
use super::sampler::{PretrainRules, PretrainSampler, draw_answer};
use crate::dataset::answers::{AnswerTable, parse_qa_sets};
use crate::dataset::tokenizer::Tokenizer;

/// Recorded draws.
#[derive(Default)]
struct Script {
    units: VecDeque<f64>,
    indices: VecDeque<usize>,
}

impl RandomDraws for Script {
    fn unit(&mut self) -> f64 {
        self.units.pop_front().expect("a draw too many")
    }

    fn below(&mut self, n: usize) -> usize {
        let index = self.indices.pop_front().expect("an index too many");
        assert!(index < n);
        index
    }
}

impl Script {
    fn new(units: &[f64], indices: &[usize]) -> Self {
        Self { units: units.iter().copied().collect(), indices: indices.iter().copied().collect() }
    }

    fn of(units: &Value, indices: &Value) -> Self {
        Self { units: list(units).into(), indices: list(indices).into() }
    }

    fn is_used_up(&self) -> bool {
        self.units.is_empty() && self.indices.is_empty()
    }
}

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

fn table() -> Option<AnswerTable> {
    Some(AnswerTable::from_file(&fixtures::beside("tables/all_ans.json")?).unwrap())
}

fn tokenizer() -> Option<Tokenizer> {
    Some(Tokenizer::from_vocab_file(&fixtures::beside("vocab/vocab.txt")?).unwrap())
}

/// Returns the fixture's images, of which `..._999999` has no features.
fn synthetic(sources: &str, table: &AnswerTable) -> Option<PretrainData> {
    let path = |name: &str| fixtures::lxrt(&format!("pretrain_data/{name}.json"));
    let paths = sources.split(',').map(path).collect::<Option<Vec<_>>>()?;
    Some(PretrainData::from_files(paths, table).unwrap())
}

fn has_features(image: &str) -> bool {
    !image.ends_with("999999")
}

#[test]
fn examples_labels_and_accuracies_are_the_originals() {
    let (Some(folder), Some(all)) = (fixtures::lxrt("pretrain_data"), table()) else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("flat_qasets_") {
            continue;
        }
        let case = fixtures::json(&path);
        let table = match case["qa_sets"].as_str() {
            None | Some("none") => all.clone(),
            Some(sets) => all.clone().restricted_to(&parse_qa_sets(sets)),
        };
        assert_eq!(table.len() as u64, case["num_answers"], "{name}");
        let Some(data) = synthetic(case["sources"].as_str().unwrap(), &table) else { continue };
        let images: HashSet<&str> = data.examples().iter().map(|example| data.image_id(example)).collect();
        assert_eq!(images.len() as u64, case["n_images_json"], "{name}");
        let flat = case["flat"].as_array().unwrap();
        let usable = data.with_features(|image| flat.iter().any(|example| example["img_id"] == image));
        assert_eq!(
            serde_json::json!([usable.len(), flat.len()]),
            serde_json::json!([case["n_flat"], case["n_flat"]]),
            "{name}"
        );
        for (&number, expected) in usable.iter().zip(flat) {
            let example = &data.examples()[number];
            let uid = data.uid(example);
            assert_eq!(uid, expected["uid"][0], "{name}");
            assert_eq!(data.image_id(example), expected["img_id"], "{name} {uid}");
            assert_eq!(example.sentence(), expected["sent"], "{name} {uid}");
            let Some(label) = example.label() else {
                assert!(expected["label"].is_null(), "{name} {uid}");
                continue;
            };
            let by_name: Vec<(String, f64)> =
                label.iter().map(|&(id, score)| (table.answer(id as usize).unwrap().to_owned(), score)).collect();
            assert_eq!(by_name, list::<(String, f64)>(&expected["label_order"]), "{name} {uid}");
            let by_id: HashMap<String, f64> = label.iter().map(|(id, score)| (id.to_string(), *score)).collect();
            assert_eq!(by_id, serde_json::from_value(expected["label_ids"].clone()).unwrap(), "{name} {uid}");
        }

        let questions = questions_by_uid(&data);
        let predictions: Vec<(String, String)> = list(&case["evaluator"]["uid2ans"]);
        let answers = predictions.iter().filter_map(|(uid, answer)| Some((*questions.get(uid)?, table.id(answer))));
        let accuracy = accuracy_of(&data, answers).unwrap();
        assert_eq!(accuracy.overall, case["evaluator"]["overall"], "{name}");
        assert_eq!(serde_json::json!(accuracy.per_category), case["evaluator"]["per_dset"], "{name}");
        assert_eq!(format!("{accuracy}\n"), case["evaluator"]["printed"], "{name}");
        let caption = usable.iter().copied().find(|&i| data.examples()[i].label().is_none()).unwrap();
        assert!(accuracy_of(&data, [(caption, Some(0)), (usize::MAX, None)]).is_none());
    }
}

fn accuracy_of(data: &PretrainData, answers: impl IntoIterator<Item = (usize, Option<usize>)>) -> Option<Accuracy> {
    let mut given = AnswerScores::default();
    for (number, answer) in answers {
        given.add(data, number, answer);
    }
    let text = serde_json::to_string(&given).unwrap();
    assert_eq!(serde_json::from_str::<AnswerScores>(&text).unwrap(), given, "exact when written down");
    given.accuracy()
}

#[test]
fn scripted_words_are_masked_as_the_original_masks() {
    let (Some(path), Some(tokenizer)) = (fixtures::lxrt("pretrain_data/masking.json"), tokenizer()) else { return };
    for case in fixtures::json(&path)["random_word_scripted"].as_array().unwrap() {
        let pieces: Vec<u32> =
            list::<String>(&case["tokens"]).iter().map(|piece| tokenizer.id_of(piece).unwrap()).collect();
        let mut script = Script::of(&case["word_draws"], &case["vocab_index_draws"]);
        let masked = mask_words(&pieces, 0.15, tokenizer.vocab_size(), tokenizer.mask_id(), &mut script);
        assert!(script.is_used_up(), "{case}");
        assert_eq!(masked.ids, list::<u32>(&case["out_ids"]), "{case}");
        assert_eq!(masked.labels, list::<i64>(&case["labels"]), "{case}");
        let words: Vec<&str> = masked.ids.iter().map(|&id| tokenizer.piece(id).unwrap()).collect();
        assert_eq!(words, list::<String>(&case["out_tokens"]), "{case}");
    }
}

#[test]
fn scripted_boxes_are_masked_as_the_original_masks() {
    let (Some(path), Some(table)) = (fixtures::lxrt("pretrain_data/masking.json"), table()) else { return };
    let Some(data) = synthetic("mscoco_train,mscoco_minival", &table) else { return };
    let features = real_features();
    let usable = data.with_features(has_features);
    let scripted = &fixtures::json(&path)["random_feat_scripted"];
    let own = scripted["img_id"].as_str().unwrap();
    for case in scripted["cases"].as_array().unwrap() {
        let flattened = &case["random_feat_draws (datum index, box index) flattened"];
        let mut script = Script::of(&case["draws"], flattened);
        let changes = mask_boxes(36, 0.15, usable.len(), &mut script);
        assert!(script.is_used_up(), "{case}");
        let lenders: Vec<(usize, &str)> = (0..)
            .zip(&changes)
            .filter_map(|(i, change)| match change {
                BoxChange::Borrowed { example, .. } => Some((i, data.image_id(&data.examples()[usable[*example]]))),
                _ => None,
            })
            .collect();
        assert!(lenders.iter().map(|(i, _)| *i).eq(list::<usize>(&case["random_boxes"])), "{case}");
        assert!(lenders.iter().map(|(_, image)| *image).eq(list::<String>(&case["random_source_img_ids"])), "{case}");

        let Some(features) = &features else { continue };
        let mut changed = features[own].clone();
        let mask = change_boxes(&mut changed, 2048, &changes, |example, from_box, row| {
            let image = data.image_id(&data.examples()[usable[example]]);
            row.copy_from_slice(&features[image][from_box * 2048..][..2048]);
            Ok(())
        });
        assert_eq!(mask.unwrap(), list::<f32>(&case["feat_mask"]), "{case}");
        for (row, expected) in changed.chunks(2048).zip(list::<f64>(&case["row_sums"])) {
            let sum: f64 = row.iter().map(|&x| f64::from(x)).sum();
            assert!((sum - expected).abs() <= 1e-9 * expected, "{sum} {expected}");
        }
    }
}

/// Features (36, 2048) by image of the ten real rows.
fn real_features() -> Option<HashMap<String, Vec<f32>>> {
    let text = std::fs::read_to_string(fixtures::beside("real/golden/train2014_obj36.tsv")?).unwrap();
    let parse = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let bytes = base64_simd::STANDARD.decode_to_vec(columns[9]).unwrap();
        let floats = bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        (columns[0].to_owned(), floats)
    };
    Some(text.lines().map(parse).collect())
}

/// Whether two rates out of `a.1` and `b.1` trials differ by less than 5 standard deviations.
fn agree(name: &str, a: (usize, usize), b: (f64, f64)) {
    let (rate, other) = (a.0 as f64 / a.1 as f64, b.0 / b.1);
    let deviation = (other * (1.0 - other) * (1.0 / a.1 as f64 + 1.0 / b.1)).sqrt();
    assert!((rate - other).abs() < 5.0 * deviation, "{name}: {rate} against {other}");
}

#[test]
fn masking_rates_agree_with_the_original() {
    let Some(path) = fixtures::lxrt("pretrain_data/masking.json") else { return };
    let statistics = &fixtures::json(&path)["statistics"];
    let number = |group: &str, name: &str| statistics[group][name].as_f64().unwrap();

    let (mut selected, mut hidden, mut random) = (0, 0, 0);
    let pieces = vec![7; 16];
    for example in 0..20_000 {
        let masked = mask_words(&pieces, 0.15, 30_522, 103, &mut ExampleDraws::new(9595, 0, example));
        for (id, label) in masked.ids.into_iter().zip(masked.labels) {
            assert!(label == 7 || (label == IGNORED && id == 7));
            selected += usize::from(label == 7);
            hidden += usize::from(id == 103);
            random += usize::from(id != 103 && id != 7);
        }
    }
    let group = "random_word";
    agree("words", (selected, 320_000), (number(group, "masked"), number(group, "tokens")));
    agree("hidden words", (hidden, selected), (number(group, "to_mask"), number(group, "masked")));
    agree("random words", (random, selected), (number(group, "random"), number(group, "masked")));

    let count = |changes: &[BoxChange], test: fn(&BoxChange) -> bool| changes.iter().filter(|c| test(c)).count();
    let changes: Vec<BoxChange> =
        (0..3000).flat_map(|example| mask_boxes(36, 0.15, 46, &mut ExampleDraws::new(1, 2, example))).collect();
    let boxes = changes.len() - count(&changes, |c| *c == BoxChange::Unselected);
    let group = "random_feat";
    agree("boxes", (boxes, changes.len()), (number(group, "masked"), number(group, "boxes")));
    let zeroed = count(&changes, |c| *c == BoxChange::Zeroed);
    agree("zeroed boxes", (zeroed, boxes), (number(group, "zero"), number(group, "masked")));
    let borrowed = count(&changes, |c| matches!(c, BoxChange::Borrowed { .. }));
    agree("borrowed boxes", (borrowed, boxes), (number(group, "random"), number(group, "masked")));

    let sampling = &statistics["qa_label_sampling"];
    let label: Vec<(u32, f64)> = (10..).step_by(10).zip([0.3, 0.6, 0.9]).collect();
    let mut draws = ExampleDraws::new(3, 0, 0);
    let drawn: Vec<u32> = (0..20_000).map(|_| draw_answer(&label, &mut draws).unwrap()).collect();
    for ((answer, _), (expected, observed)) in
        label.iter().zip(list::<f64>(&sampling["expected"]).into_iter().zip(list::<f64>(&sampling["observed"])))
    {
        let times = drawn.iter().filter(|other| *other == answer).count();
        agree("answers", (times, drawn.len()), (expected * 1e12, 1e12));
        agree("answers", (times, drawn.len()), (observed * 2e4, 2e4));
    }
}

#[test]
fn sentences_are_exchanged_as_often_as_in_the_original() {
    let (Some(path), Some(table), Some(tokenizer)) =
        (fixtures::lxrt("pretrain_data/masking.json"), table(), tokenizer())
    else {
        return;
    };
    let Some(data) = synthetic("mscoco_train,mscoco_minival", &table) else { return };
    let sampler = PretrainSampler::new(&data, data.with_features(has_features), PretrainRules::default()).unwrap();
    let pieces = SentencePieces::new(&data, &tokenizer, 18, 2).unwrap();
    for (number, example) in data.examples().iter().enumerate() {
        let whole = tokenizer.tokenize(example.sentence());
        assert!(pieces.of(number).eq(whole.into_iter().take(18)), "{number}");
    }
    assert_eq!(pieces.of(data.examples().len()).len(), 0);
    let (mut matched, mut n) = (0, 0);
    for epoch in 0..500 {
        for position in 0..sampler.len() {
            let mut draws = ExampleDraws::new(9595, epoch, position as u64);
            let instance = sampler.draw(&tokenizer, &pieces, position, sampler.len(), &mut draws).unwrap();
            let label = data.examples()[instance.example].label().unwrap_or_default();
            let possible = label.iter().any(|(answer, _)| Some(*answer) == instance.answer);
            assert_eq!(possible, instance.matched && !label.is_empty());
            matched += usize::from(instance.matched);
            n += 1;
        }
    }
    let expected = &fixtures::json(&path)["statistics"]["matched"];
    agree("matched", (matched, n), (expected["matched"].as_f64().unwrap(), expected["n"].as_f64().unwrap()));
}

fn cat_and_dog(folder: &Path) -> AnswerTable {
    let path = folder.join("all_ans.json");
    std::fs::write(&path, r#"[{"ans":"cat","dsets":["vqa"]},{"ans":"dog","dsets":["vqa"]}]"#).unwrap();
    AnswerTable::from_file(&path).unwrap()
}

/// Two images; the first has a question with two answers.
fn small() -> (tempfile::TempDir, PretrainData, Tokenizer) {
    let folder = tempfile::tempdir().unwrap();
    let sentences = folder.path().join("s.json");
    let text = r#"[{"img_id":"i","sentf":{"vqa":["a cat"],"vg":["cats"]},"labelf":{"vqa":[{"cat":0.5,"dog":1.5}]}},
                   {"img_id":"j","sentf":{"vg":["a"]},"labelf":{}}]"#;
    std::fs::write(&sentences, text).unwrap();
    let data = PretrainData::from_files([sentences], &cat_and_dog(folder.path())).unwrap();
    let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ncat\n##s\n";
    (folder, data, Tokenizer::from_vocab_text(vocabulary, "tiny").unwrap())
}

#[test]
fn an_instance_takes_its_draws_in_the_originals_order() {
    let (_folder, data, tokenizer) = small();
    let rules = PretrainRules { max_len: 5, boxes: 2, ..PretrainRules::default() };
    let pieces = SentencePieces::new(&data, &tokenizer, 18, 1).unwrap();
    let sampler = PretrainSampler::new(&data, data.with_features(|_| true), rules).unwrap();
    // match; "a" hidden, "cat" not; a box borrowed, a box kept; the second answer
    let mut script = Script::new(&[0.5, 0.0, 0.9, 0.13, 0.149, 0.3], &[2, 1]);
    let instance = sampler.draw(&tokenizer, &pieces, 0, 3, &mut script).unwrap();
    assert!(script.is_used_up() && instance.matched);
    assert_eq!((instance.input.ids, instance.input.mask), (vec![2, 4, 6, 3, 0], vec![1, 1, 1, 1, 0]));
    assert_eq!(instance.word_labels, [-1, 5, -1, -1, -1]);
    assert_eq!(instance.boxes, [BoxChange::Borrowed { example: 2, from_box: 1 }, BoxChange::Kept]);
    assert_eq!(instance.answer, Some(1));

    // no match: examples 1 and 0 are of the same image, 2 is not; then there is no answer to draw
    let mut script = Script::new(&[0.49, 0.9, 0.9, 0.0], &[1, 0, 2]);
    let instance = sampler.draw(&tokenizer, &pieces, 0, 3, &mut script).unwrap();
    assert!(script.is_used_up() && !instance.matched);
    assert_eq!((instance.example, instance.answer), (0, None));
    assert_eq!(instance.input.ids, [2, 5, 3, 0, 0]);
    assert_eq!(instance.boxes, [BoxChange::Unselected, BoxChange::Zeroed]);
    assert!(sampler.draw(&tokenizer, &pieces, 3, 3, &mut script).is_err());
}

#[test]
fn impossible_samplers_are_refused() {
    let (_folder, data, _) = small();
    let error = |usable, rules| PretrainSampler::new(&data, usable, rules).unwrap_err().what().to_owned();
    assert!(error(vec![], PretrainRules::default()).starts_with("no pre-training sentence"));
    assert!(error(vec![0, 1], PretrainRules::default()).contains("belong to one image"));
    assert!(
        PretrainSampler::new(&data, vec![0, 1], PretrainRules { match_sentences: false, ..PretrainRules::default() })
            .is_ok()
    );
    assert!(
        error(vec![0, 2], PretrainRules { word_mask_rate: f64::NAN, ..PretrainRules::default() })
            .contains("--wordMaskRate NaN")
    );
    assert!(error(vec![3], PretrainRules::default()).contains("not in the data"));
}

#[test]
fn real_files_are_read_from_a_data_root() {
    let Some(root) = fixtures::beside("real/data") else { return };
    let table = AnswerTable::load(&root).unwrap();
    let sources = PretrainSource::parse_list("mscoco_train,mscoco_nominival,vgnococo,mscoco_minival").unwrap();
    assert_eq!(sources.len(), 4);
    let data = PretrainData::load(&root, &sources, &table).unwrap();
    let uids: HashSet<String> = data.examples().iter().map(|e| data.uid(e)).collect();
    assert!(uids.len() == data.examples().len() && !uids.is_empty());
    assert!(sources.iter().all(|source| root.join(source.feature_file()).exists()));
    assert!(PretrainSource::parse_list("mscoco_train,x").unwrap_err().to_string().contains("choose from mscoco_train"));
}

#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let table = cat_and_dog(folder.path());
    let path = folder.path().join("s.json");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        PretrainData::from_files([path.clone()], &table).map_err(|e| e.to_string())
    };
    let question = |label: &str| format!(r#"[{{"img_id":"i","sentf":{{"vqa":["s"]}},"labelf":{{"vqa":{label}}}}}]"#);
    assert!(load(&question(r#"[{"dog":1}]"#)).is_ok());
    for (text, complaint) in [
        (question("[]"), "i: 0 vqa labels for 1 sentences"),
        (question(r#"[{"dog":-1}]"#), "i, vqa sentence 0: the score of \"dog\" is -1"),
        (question(r#"[{"dog":0,"cat":0}]"#), "from scores that add up to 0"),
        (question(r#"[{"dog":1e308,"cat":1e308}]"#), "add up to inf"),
        (question(r#"[{"dog":1e999}]"#), "number out of range"),
        (question(r#"[{"dog":"1"}]"#), "line 1 column"),
        (r#"[{"img_id":"i","sentf":{}}]"#.to_owned(), "missing field `labelf`"),
        (r#"{"img_id":"i"}"#.to_owned(), "expected a list"),
        ("[] []".to_owned(), "trailing characters"),
        ("[{\"img_id\":\"i".to_owned(), "EOF"),
        ("[".repeat(100_000), "line 1 column"),
    ] {
        let error = load(&text).unwrap_err();
        assert!(error.contains(complaint) && error.contains("s.json is damaged"), "{complaint}: {error}");
    }
    assert!(load("").unwrap_err().contains("s.json is empty"));
    assert!(
        load(r#"[{"question_id": 1, "answer": "a"}]"#).unwrap_err().contains("s.json is a file of predictions for VQA")
    );
    std::fs::remove_file(&path).unwrap();
    assert!(PretrainData::from_files([path.clone()], &table).unwrap_err().what().starts_with("cannot read"));
}
