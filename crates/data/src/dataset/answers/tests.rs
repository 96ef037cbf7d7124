use serde_json::Value;

use super::table::*;
use base::files;

fn released() -> Option<AnswerTable> {
    Some(AnswerTable::from_file(&fixtures::beside("tables/all_ans.json")?).unwrap())
}

fn label_table(task: &str) -> Option<LabelTable> {
    let path = |which| fixtures::beside(&format!("tables/{task}_trainval_{which}.json"));
    Some(LabelTable::from_files(&path("ans2label")?, &path("label2ans")?).unwrap())
}

fn expected() -> Option<Value> {
    Some(fixtures::json(&fixtures::lxrt("answers/answers.json")?))
}

#[test]
fn question_sets_keep_what_the_original_keeps() {
    let (Some(expected), Some(all)) = (expected(), released()) else { return };
    assert_eq!(all.len() as u64, expected["all_ans_entries"]);
    for (sets, case) in expected["qa_sets"].as_object().unwrap() {
        let table = match sets.as_str() {
            "None" => all.clone(),
            sets => all.clone().restricted_to(&sets.split(',').map(str::to_owned).collect::<Vec<_>>()),
        };
        let answers: Vec<&str> = (0..table.len()).map(|id| table.answer(id).unwrap()).collect();
        assert_eq!(answers.len() as u64, case["num_answers"], "{sets}");
        let digest = files::sha256_bytes(answers.join("\n").as_bytes());
        assert_eq!(digest, case["sha256_of_answers_joined_by_newline"], "{sets}");
        if let Some(first) = case["first5"].as_array() {
            assert!(first.iter().zip(&answers).all(|(a, b)| a == b), "{sets}");
        }
        assert!(answers.iter().enumerate().all(|(id, answer)| table.id(answer) == Some(id)), "{sets}");
        assert_eq!(table.answer(table.len()), None);
    }
    assert_eq!(parse_qa_sets(" VQA,gqa ,Visual7W"), ["vqa", "gqa", "visual7w"]);
}

#[test]
fn answers_are_converted_as_the_original_converts() {
    let (Some(expected), Some(all)) = (expected(), released()) else { return };
    for row in expected["convert_ans"]["rows"].as_array().unwrap() {
        let converted = convert_ans(row[0].as_str().unwrap());
        assert_eq!(converted, row[1], "{row}");
        assert_eq!(all.id(&converted).is_some(), row[2], "{row}");
    }
    assert_eq!(all.id("").is_some(), expected["empty_string_in_table"]);
}

#[test]
fn labels_find_the_rows_the_original_loads() {
    let (Some(expected), Some(all)) = (expected(), released()) else { return };
    for (task, coverage) in [("vqa", VQA_COVERAGE), ("gqa", GQA_COVERAGE)] {
        let (Some(case), Some(labels)) = (expected["maps"].get(task), label_table(task)) else { continue };
        let restricted = all.clone().restricted_to(&["vqa".to_owned()]);
        let rows = restricted.rows_of_labels(&labels);
        let as_written: Vec<i64> = rows.iter().map(|row| row.map_or(-1, |row| row as i64)).collect();
        assert_eq!(serde_json::json!(as_written), case["label_to_9500_id"], "{task}");
        assert_eq!(all.check_coverage(&rows, coverage).unwrap(), coverage);
        assert_eq!((case["labels"].clone(), case["loaded"].clone()), (coverage.labels.into(), coverage.found.into()));
        let printed = expected["end_to_end"][task]["stdout"].as_str().unwrap();
        assert_eq!(printed.lines().last(), Some(coverage.to_string().as_str()), "{task}");
        for zeroed in case["zeroed_labels"].as_array().unwrap() {
            let label = zeroed[0].as_u64().unwrap() as usize;
            assert_eq!((labels.answer(label), rows[label]), (zeroed[1].as_str(), None), "{task} {label}");
        }

        let mut damaged = rows.clone();
        *damaged.iter_mut().find(|row| row.is_some()).unwrap() = None;
        assert!(all.check_coverage(&damaged, coverage).unwrap_err().what().contains("released tables"));
        damaged.pop();
        assert!(all.check_coverage(&damaged, coverage).is_ok(), "a table of one's own");
    }
}

#[test]
fn label_tables_below_a_data_root_are_found() {
    let Some(root) = fixtures::beside("real/data") else { return };
    assert_eq!(LabelTable::vqa(&root).unwrap().len(), VQA_COVERAGE.labels);
    assert_eq!(LabelTable::gqa(&root).unwrap().len(), GQA_COVERAGE.labels);
    assert_eq!(AnswerTable::load(&root).unwrap().len(), RELEASED_ANSWERS);
}

#[test]
fn contradicting_label_tables_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (forward, back) = (folder.path().join("ans2label.json"), folder.path().join("label2ans.json"));
    let load = |ans2label: &str, label2ans: &str| {
        std::fs::write(&forward, ans2label).unwrap();
        std::fs::write(&back, label2ans).unwrap();
        LabelTable::from_files(&forward, &back).map_err(|e| e.to_string())
    };
    let table = load(r#"{"no": 1, "": 0}"#, r#"["", "no"]"#).unwrap();
    assert_eq!(
        (table.label("no"), table.label("yes"), table.answer(0), table.answer(2)),
        (Some(1), None, Some(""), None)
    );
    for (ans2label, label2ans, complaint) in [
        (r#"{"a": 0, "b": 1}"#, r#"["b", "a"]"#, "\"a\" has label 0, but label 0 means \"b\""),
        (r#"{"a": 0, "b": 7}"#, r#"["a", "b"]"#, "label 7 means nothing"),
        (r#"{"a": 0}"#, r#"["a", "b"]"#, "1 answers against 2 labels"),
        (r#"{"a": 0, "a": 0}"#, r#"["a", "b"]"#, "\"a\" occurs twice"),
        (r#"{"a": 0}"#, r#"["a", "a"]"#, "\"a\" is both entry 0 and entry 1"),
        (r#"{"a": -1}"#, r#"["a"]"#, "is not an answer table"),
        (r#"["a"]"#, r#"["a"]"#, "is a list of answers in the order of their labels"),
        ("{", r#"["a"]"#, "is not an answer table"),
    ] {
        let error = load(ans2label, label2ans).unwrap_err();
        assert!(error.contains(complaint), "{ans2label} {label2ans}: {error}");
    }
}

#[test]
fn rewriting_moves_overwrites_and_removes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all_ans.json");
    let entry = |ans: &str| serde_json::json!({"ans": ans, "dsets": ["vqa"]});
    let entries: Vec<Value> = ["2", "dog", "cat", "man", "the cat"].into_iter().map(entry).collect();
    std::fs::write(&path, serde_json::to_vec(&entries).unwrap()).unwrap();
    let table = AnswerTable::from_file(&path).unwrap();
    for (before, after) in [
        (r#"{"two":0.3,"2":0.6}"#, r#"{"2":0.3}"#),
        (r#"{"2":0.6,"two":0.3}"#, r#"{"2":0.3}"#),
        (r#"{"a dog.":0.6,"dog":0.3,"cat":0.9}"#, r#"{"dog":0.6,"cat":0.9}"#),
        (r#"{"A man":0.6,"cat":0.9}"#, r#"{"cat":0.9,"man":0.6}"#),
        (r#"{"zebra":1.0}"#, "{}"),
        (r#"{"the the cat":0.5}"#, r#"{"the cat":0.5}"#),
        (r#"{"the cat":0.5}"#, r#"{"cat":0.5}"#),
        ("{}", "{}"),
    ] {
        let mut label: SoftLabel = serde_json::from_str(before).unwrap();
        table.rewrite(&mut label);
        assert_eq!(serde_json::to_string(&label).unwrap(), after, "{before}");
    }
    std::fs::write(&path, serde_json::to_vec(&[entry("a"), entry("a")]).unwrap()).unwrap();
    assert!(AnswerTable::from_file(&path).unwrap_err().what().contains("entry 0 and entry 1"));
}
