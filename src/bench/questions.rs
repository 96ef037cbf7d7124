//! Generated questions about generated images, in the form in which training gets real ones.

use std::path::Path;

use indexmap::IndexMap;

use super::model::Sizes;
use crate::dataset::{Example, Id, Label, Task, TaskData};
use crate::error::Result;
use crate::features::bench::{generated_rows, image_id};
use crate::features::store::Source as Origin;
use crate::features::{FeatureStore, Precision, StoreWriter};
use crate::train::questions::{Question, Questions, Source, Target};

/// One batch of VQA questions with distinct images; the feature store is written into `folder` and mapped, as in training.
pub(super) fn questions(sizes: &Sizes, vocab_size: usize, folder: &Path) -> Result<Questions> {
    let path = folder.join("bench.f32.safetensors");
    let mut writer = StoreWriter::create(&path, Precision::F32)?;
    for row in generated_rows(sizes.batch_size, sizes.boxes, sizes.features) {
        writer.write_row(&row)?;
    }
    writer.finish(Origin { name: "generated".into(), bytes: 0, covered: 0, sha256: String::new() })?;
    let source = Source::new(vec![FeatureStore::open(&path)?])?;
    let answers: Vec<String> = (0..sizes.answers).map(|answer| format!("answer {answer}")).collect();
    let mut examples = Vec::with_capacity(sizes.batch_size);
    let mut questions = Vec::with_capacity(sizes.batch_size);
    for index in 0..sizes.batch_size {
        let image = image_id(index);
        let answer = index * 31 % sizes.answers;
        examples.push(Example {
            id: Id::Int(index as i64),
            images: vec![image.clone()],
            sentence: String::new(),
            label: Some(Label::Soft(IndexMap::from([(answers[answer].clone(), 1.0)]))),
        });
        questions.push(Question {
            index,
            words: (0..sizes.words).map(|word| ((index * 7919 + word * 101) % vocab_size) as i64).collect(),
            places: source.find(&image).into_iter().collect(),
            target: Some(Target::Soft(vec![(answer as u32, 1.0)])),
        });
    }
    let data = TaskData { task: Task::Vqa, splits: vec!["generated".into()], examples };
    Ok(Questions { data, source, questions, answers, ablation: None })
}
