//! Generates questions about generated images, in the form in which training and answering read real ones.

use std::path::Path;

use base::error::Result;
use data::dataset::{Example, Id, Label, Task, TaskData};
use data::features::bench::{generated_rows, image_id};
use data::features::store::StoreSource;
use data::features::{FeatureStore, Precision, StoreWriter};
use indexmap::IndexMap;
use protocol::GeneratedSizes;
use trainings::examples::{ExampleTarget, FeatureSource, PreparedExample, PreparedSplit};

/// Lengths of forty questions with the distribution of the 12,578 questions of GQA's testdev: the median of every fortieth of them
/// by length, 11.8 on average. In word pieces, including `[CLS]` and `[SEP]`, cut at 20. Counted from the questions of
/// testdev_balanced in github.com/haotian-liu/LLaVA @ 32cebc3 (playground/data/eval/gqa).
const LENGTHS: [usize; 40] = [
    7, 11, 16, 9, 13, 8, 12, 20, 10, 15, 9, 13, 8, 12, 19, 10, 15, 9, 13, 8, 11, 17, 10, 14, 9, 13, 8, 11, 17, 10, 14,
    9, 12, 7, 11, 16, 10, 14, 9, 12,
];

/// A generated question about an image.
pub(crate) struct Question {
    /// Number of the image.
    image: usize,
    /// Word ids; equal for questions that repeat a sentence.
    pub words: Vec<i64>,
}

/// Returns `count` questions of `words` words each, every one about its own image.
pub(crate) fn one_per_image(count: usize, words: usize, vocab_size: usize) -> Vec<Question> {
    (0..count).map(|image| Question { image, words: sentence(image, words, vocab_size) }).collect()
}

/// Returns `count` questions, `an_image` about each image, of at most `longest` words each. `repeats` percent of them repeat the
/// sentence of a question about an earlier image, or fewer if there are too few earlier ones; none repeats one about its own image.
pub(crate) fn grouped_by_image(
    count: usize,
    an_image: usize,
    repeats: usize,
    longest: usize,
    vocab_size: usize,
) -> Vec<Question> {
    let mut distinct: Vec<Vec<i64>> = Vec::new();
    let mut questions = Vec::with_capacity(count);
    let mut repeated = 0;
    for image in 0..count.div_ceil(an_image) {
        let (earlier, here) = (distinct.len(), an_image.min(count - questions.len()));
        // The first image has nothing to repeat; the others compensate for it.
        let later = count.saturating_sub(an_image).max(1);
        let due = (count * repeats / 100 * (questions.len() + here).saturating_sub(an_image) / later)
            .saturating_sub(repeated);
        let again = due.min(here).min(earlier);
        repeated += again;
        for number in 0..here {
            let words = if number < again {
                distinct[(image * 7919 + number) % earlier].clone()
            } else {
                let length = LENGTHS[distinct.len() % LENGTHS.len()].min(longest);
                distinct.push(sentence(distinct.len(), length, vocab_size));
                distinct[distinct.len() - 1].clone()
            };
            questions.push(Question { image, words });
        }
    }
    questions
}

fn sentence(number: usize, words: usize, vocab_size: usize) -> Vec<i64> {
    (0..words).map(|word| ((number * 7919 + word * 101) % vocab_size) as i64).collect()
}

/// Returns questions with features and answers. The feature store is written into `folder` and mapped, as in training.
///
/// # Errors
/// Infra or disk if the store cannot be written.
pub(crate) fn prepare(questions: Vec<Question>, sizes: &GeneratedSizes, folder: &Path) -> Result<PreparedSplit> {
    let path = folder.join("bench.f32.safetensors");
    let mut writer = StoreWriter::create(&path, Precision::F32)?;
    let images = questions.iter().map(|question| question.image + 1).max().unwrap_or(0);
    for row in generated_rows(images, sizes.boxes, sizes.features) {
        writer.write_row(&row)?;
    }
    writer.finish(StoreSource { name: "generated".into(), bytes: 0, covered: 0, sha256: String::new() })?;
    let source = FeatureSource::new(vec![FeatureStore::open(&path)?])?;
    let answers: Vec<String> = (0..sizes.answers).map(|answer| format!("answer {answer}")).collect();
    let mut examples = Vec::with_capacity(questions.len());
    let mut prepared = Vec::with_capacity(questions.len());
    for (index, Question { image, words }) in questions.into_iter().enumerate() {
        let image = image_id(image);
        let answer = index * 31 % sizes.answers;
        examples.push(Example {
            id: Id::Int(index as i64),
            images: vec![image.clone()],
            sentence: String::new(),
            label: Some(Label::Soft(IndexMap::from([(answers[answer].clone(), 1.0)]))),
        });
        let places = source.find(&image).into_iter().collect();
        prepared.push(PreparedExample {
            index,
            words,
            places,
            target: Some(ExampleTarget::Soft(vec![(answer as u32, 1.0)])),
        });
    }
    let data = TaskData { task: Task::Vqa, splits: vec!["generated".into()], examples };
    Ok(PreparedSplit { data, source, examples: prepared, answers, ablation: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn repeats_are_between_images_and_as_many_as_asked_for() {
        for (count, repeats) in [(256, 40), (256, 0), (1024, 25), (64, 40), (32, 40), (5, 40)] {
            let questions = grouped_by_image(count, 32, repeats, 20, 30522);
            assert_eq!(questions.len(), count);
            let distinct: HashSet<_> = questions.iter().map(|q| &q.words).collect();
            let within: HashSet<_> = questions.iter().map(|q| (q.image, &q.words)).collect();
            assert_eq!(within.len(), count);
            let wanted = if count <= 32 { 0 } else { count * repeats / 100 };
            assert_eq!(count - distinct.len(), wanted, "{count} questions, {repeats} %");
        }
        let words: usize = LENGTHS.iter().sum();
        assert_eq!(words, 471, "11.775 on average");
    }
}
