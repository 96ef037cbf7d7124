//! Generates a few examples per task with features, enough for trainings that take a second.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use data::dataset::Task;
use data::features::bench::{generated_rows, image_id};
use data::features::tsv::TsvWriter;

const IMAGES: usize = 12;
const ANSWERS: usize = 7;
const WORDS: [&str; 14] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "what", "is", "there", "red", "blue", "a", "cat", "dog", "two"];

/// Fills a data root with splits `train` and `valid` of each task with this many examples, features, answers and a vocabulary.
pub(crate) fn data_root(root: &Path, train: usize, valid: usize) {
    fs::create_dir_all(root).unwrap();
    fs::write(root.join("vocab.txt"), WORDS.join("\n") + "\n").unwrap();
    for file in [
        "mscoco_imgfeat/train2014",
        "mscoco_imgfeat/val2014",
        "vg_gqa_imgfeat/vg_gqa",
        "nlvr2_imgfeat/train",
        "nlvr2_imgfeat/valid",
    ] {
        let path = root.join(format!("{file}_obj36.tsv"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = TsvWriter::new(fs::File::create(path).unwrap());
        generated_rows(IMAGES, 5, 16).iter().for_each(|row| writer.write_row(row).unwrap());
        writer.finish().unwrap();
    }
    for task in Task::ALL {
        let folder = root.join(task.name());
        fs::create_dir_all(&folder).unwrap();
        for (split, from, count) in [("train", 0, train), ("valid", 1000, valid)] {
            let examples: Vec<Value> = (from..from + count).map(|index| example(task, index)).collect();
            fs::write(folder.join(format!("{split}.json")), json!(examples).to_string()).unwrap();
        }
        let answers: Vec<String> = (0..ANSWERS).map(answer).collect();
        let labels: serde_json::Map<_, _> = answers.iter().cloned().zip((0..ANSWERS).map(Value::from)).collect();
        fs::write(folder.join("trainval_label2ans.json"), json!(answers).to_string()).unwrap();
        fs::write(folder.join("trainval_ans2label.json"), json!(labels).to_string()).unwrap();
    }
}

fn answer(index: usize) -> String {
    format!("answer {}", index % ANSWERS)
}

fn example(task: Task, index: usize) -> Value {
    let words: Vec<&str> = (0..2 + index % 5).map(|at| WORDS[5 + (index * 3 + at * 7) % (WORDS.len() - 5)]).collect();
    let (sentence, image) = (words.join(" "), image_id(index % IMAGES));
    match task {
        // Scores whose sum depends on its order.
        Task::Vqa => json!({"question_id": index, "img_id": image, "sent": sentence,
            "label": {answer(index): 1.0 / (1 + index % 3) as f64, answer(index + 2): 0.1}}),
        Task::Gqa => {
            json!({"question_id": index.to_string(), "img_id": image, "sent": sentence, "label": {answer(index): 1.0}})
        }
        Task::Nlvr2 => {
            json!({"identifier": format!("x-{index}-0-1"), "img0": image, "img1": image_id((index + 1) % IMAGES),
            "sent": sentence, "label": index % 2, "uid": format!("x_{index}")})
        }
    }
}
