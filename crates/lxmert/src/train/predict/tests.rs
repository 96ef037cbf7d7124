use std::collections::HashSet;

use tch::{Device, Kind, Tensor};

use super::EvalBatch;
use super::answer::*;
use super::sentence_cache::SentenceCache;
use super::workers::Workers;
use crate::model::{CachedEncoder, ForwardContext, TaskBatch, TaskModel};
use crate::train::batches;
use data::dataset::{Example, Id, Task, TaskData};
use data::features::bench::{generated_rows, image_id};
use data::features::store::StoreSource;
use data::features::{FeatureStore, Precision, StoreWriter};
use lxmert_spec::Config;
use trainings::examples::{FeatureSource, PreparedExample, PreparedSplit};
use trainings::options::{Ablation, Average};

const BOXES: usize = 12;
const DIM: usize = 16;
const ANSWERS: usize = 7;
/// Ten times 2e-6, the largest measured difference between two f32 computations of the same tiny model.
const NOISE: f64 = 2e-5;

/// Returns sizes with which short sentences use the attention on the side of the words and long ones do not.
fn config() -> Config {
    Config {
        num_attention_heads: 2,
        x_layers: 3,
        vocab_size: 60,
        visual_feat_dim: DIM,
        initializer_range: 0.15,
        ..Config::tiny()
    }
}

fn model(task: Task, seed: i64) -> TaskModel {
    tch::manual_seed(seed);
    let model =
        TaskModel::new(&config(), images(task), if task == Task::Nlvr2 { 2 } else { ANSWERS }, Device::Cpu).unwrap();
    // Biases are zero and layer norms neutral at first, which would hide errors in their use.
    tch::no_grad(|| {
        for (_, mut tensor) in model.parameters().named() {
            tensor += tensor.randn_like() * 0.05;
        }
    });
    model
}

fn images(task: Task) -> usize {
    if task == Task::Nlvr2 { 2 } else { 1 }
}

/// Returns questions about `count` images, with sentences of 2 to 20 words, in an order that groups nothing; every third sentence
/// occurs more than once, also with the same image.
fn questions(task: Task, count: usize, asked: usize, ablation: Option<Ablation>) -> (tempfile::TempDir, PreparedSplit) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.safetensors");
    let mut writer = StoreWriter::create(&path, Precision::F32).unwrap();
    for row in generated_rows(count, BOXES, DIM) {
        writer.write_row(&row).unwrap();
    }
    writer.finish(StoreSource { name: "generated".into(), bytes: 0, covered: 0, sha256: String::new() }).unwrap();
    let source = FeatureSource::new(vec![FeatureStore::open(&path).unwrap()]).unwrap();
    let mut examples = Vec::new();
    let mut questions = Vec::new();
    for index in 0..asked {
        let sentence = if index % 3 == 0 { index % 12 } else { index };
        let length = if ablation == Some(Ablation::Language) { 2 } else { 2 + sentence * 7 % 19 };
        let named: Vec<String> = (0..images(task)).map(|i| image_id((index * 5 + i * 3) % count)).collect();
        let places = named.iter().map(|image| source.find(image).unwrap()).collect();
        let words = (0..length).map(|word| ((sentence * 13 + word * 5) % 60) as i64).collect();
        examples.push(Example { id: Id::Int(index as i64), images: named, sentence: String::new(), label: None });
        questions.push(PreparedExample { index, words, places, target: None });
    }
    let answers = (0..if task == Task::Nlvr2 { 2 } else { ANSWERS }).map(|a| a.to_string()).collect();
    let data = TaskData { task, splits: vec!["generated".into()], examples };
    (folder, PreparedSplit { data, source, examples: questions, answers, ablation })
}

/// Returns the scores in the order of the data.
fn all(
    mode: PredictMode,
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch_size: usize,
) -> Tensor {
    let mut rows: Vec<Option<Tensor>> = questions.examples.iter().map(|_| None).collect();
    scores(mode, models, average, questions, &EvalBatch::new(batch_size), |positions, scores| {
        for (row, &position) in positions.iter().enumerate() {
            assert!(rows[position].replace(scores.get(row as i64)).is_none(), "{position} was answered twice");
        }
        Ok(())
    })
    .unwrap();
    Tensor::stack(&rows.into_iter().map(Option::unwrap).collect::<Vec<_>>(), 0)
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

#[test]
fn both_modes_agree() {
    for task in [Task::Vqa, Task::Gqa, Task::Nlvr2] {
        let model = model(task, 1);
        for (count, asked) in [(6, 30), (4, 1)] {
            for ablation in [None, Some(Ablation::Vision), Some(Ablation::Language)] {
                let (_folder, questions) = questions(task, count, asked, ablation);
                let plain = all(PredictMode::Reference, &[&model], Average::Logits, &questions, 8);
                let spread = plain.std(true).double_value(&[]);
                assert!(asked == 1 || spread > 0.01, "{task}: the scores do not differ: {spread}");
                for batch_size in [1, 7, 1000] {
                    let fast = all(PredictMode::Cached, &[&model], Average::Logits, &questions, batch_size);
                    let found = difference(&plain, &fast);
                    assert!(found <= NOISE, "{task} {count} {asked} {ablation:?} {batch_size}: {found}");
                }
            }
        }
    }
}

#[test]
fn several_models_agree_and_answers_come_in_order() {
    for task in [Task::Gqa, Task::Nlvr2] {
        let (one, other) = (model(task, 1), model(task, 2));
        let (_folder, questions) = questions(task, 5, 40, None);
        for average in [Average::Probabilities, Average::Logits] {
            let both = [&one, &other];
            let plain = all(PredictMode::Reference, &both, average, &questions, 16);
            assert!(difference(&plain, &all(PredictMode::Cached, &both, average, &questions, 6)) <= NOISE);
            assert!(difference(&plain, &all(PredictMode::Reference, &[&one], average, &questions, 16)) > 1e-3);
            let mut done = 0;
            let answers = predict(&both, average, &questions, &EvalBatch::new(6), |n| done += n).unwrap();
            assert_eq!((done, answers.len()), (40, 40));
            let best = plain.argmax(1, false);
            for (row, prediction) in answers.iter().enumerate() {
                assert_eq!(prediction.id, Id::Int(row as i64));
                assert_eq!(prediction.answer, best.int64_value(&[row as i64]).to_string());
            }
        }
    }
}

#[test]
fn padding_influences_nothing() {
    let model = model(Task::Vqa, 3);
    let (_folder, questions) = questions(Task::Vqa, 4, 12, None);
    let asked: Vec<&[i64]> = questions.examples.iter().map(|q| q.words.as_slice()).collect();
    let places: Vec<_> = questions.examples.iter().map(|q| q.places[0]).collect();
    let (ids, mask) = batches::pad_sentences(&asked, 20);
    let (features, boxes) = batches::copy_images(&questions, &places);
    let garbage = &ids * &mask + mask.eq(0) * 41;
    let batch = |ids: &Tensor| TaskBatch {
        ids: ids.shallow_clone(),
        mask: mask.shallow_clone(),
        features: features.shallow_clone(),
        boxes: boxes.shallow_clone(),
    };
    let (a, b) =
        (model.forward(&batch(&ids), ForwardContext::EVAL), model.forward(&batch(&garbage), ForwardContext::EVAL));
    assert_eq!(difference(&a, &b), 0.0);
    let encoder = CachedEncoder::new(&model);
    let images = encoder.images(&features, &boxes);
    // With 20 words the boxes are projected, with three the words.
    for length in [20, 3] {
        let (ids, mask) = (ids.narrow(1, 0, length), mask.narrow(1, 0, length).copy());
        let _ = mask.narrow(1, length - 1, 1).fill_(0);
        let states = encoder.sentences(&ids, &mask);
        let other = &states + mask.unsqueeze(2).eq(0).to_kind(Kind::Float) * 3.0;
        assert!(difference(&states, &other) > 1.0);
        let (a, b) = (encoder.pooled(&states, &mask, &images), encoder.pooled(&other, &mask, &images));
        assert_eq!(difference(&a, &b), 0.0, "{length} words");
    }
}

#[test]
fn sentences_are_encoded_once_and_the_oldest_are_evicted_first() {
    let model = model(Task::Vqa, 4);
    let encoders = [CachedEncoder::new(&model)];
    let sentence = |first: i64| vec![first, 5, 6, 7];
    let all: Vec<Vec<i64>> = (0..30).map(sentence).collect();
    let bytes = 4 * config().hidden_size * 4;
    let mut sentences = SentenceCache::with_limit(10 * bytes);
    let mut read = |range: std::ops::Range<usize>| {
        sentences.encode(
            &encoders,
            all[range.clone()].iter().chain(&all[range.clone()]).map(Vec::as_slice),
            Workers::on(Device::Cpu),
        );
        let named: Vec<&[i64]> = all[range].iter().map(Vec::as_slice).collect();
        let states = sentences.states(0, &named).0;
        let known: HashSet<usize> = (0..30).filter(|&i| sentences.contains(&all[i])).collect();
        sentences.evict();
        (states, known.len(), (0..30).filter(|&i| sentences.contains(&all[i])).collect::<Vec<_>>())
    };
    let (first, known, left) = read(0..10);
    assert_eq!((known, left.len()), (10, 10));
    let (again, known, _) = read(0..10);
    assert_eq!((difference(&first, &again), known), (0.0, 10));
    let (_, known, left) = read(9..14);
    assert_eq!((known, left), (14, vec![9, 10, 11, 12, 13]));
    let (once_more, _, _) = read(0..10);
    assert!(difference(&first, &once_more) <= NOISE);
}

#[test]
fn exhausted_memory_halves_the_batch_and_every_question_is_answered_once() {
    let model = model(Task::Gqa, 1);
    let (_folder, questions) = questions(Task::Gqa, 6, 30, None);
    for mode in [PredictMode::Cached, PredictMode::Reference] {
        let plain = all(mode, &[&model], Average::Logits, &questions, 3);
        let batch = EvalBatch::new(16);
        let mut seen: Vec<Option<Tensor>> = (0..30).map(|_| None).collect();
        scores(mode, &[&model], Average::Logits, &questions, &batch, |positions, scores| {
            // As tch does when libtorch has no memory.
            assert!(positions.len() <= 4, "Torch(\"CUDA out of memory. Tried to allocate 1 GiB.\")");
            for (row, &position) in positions.iter().enumerate() {
                assert!(seen[position].replace(scores.get(row as i64)).is_none(), "{position} was answered twice");
            }
            Ok(())
        })
        .unwrap();
        let scores: Vec<Tensor> = seen.into_iter().map(Option::unwrap).collect();
        assert!(difference(&plain, &Tensor::stack(&scores, 0)) <= NOISE);
        assert_eq!(batch.size(), 4);
    }
    let one = EvalBatch::new(2);
    let mode = PredictMode::Cached;
    let error = scores(mode, &[&model], Average::Logits, &questions, &one, |_, _| panic!("{}", "CUDA out of memory"));
    assert!(error.unwrap_err().to_string().contains("not enough to answer a single question"));
}
