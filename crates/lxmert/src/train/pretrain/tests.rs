//! Tests batches, losses and steps on small generated data: 6 images with 4 boxes of 8 features.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::batches::{PretrainBatch, PretrainBatchSource, stream, training_stream, validation_stream};
use super::step::{BatchResultsBuilder, PretrainStepResult, PretrainStepSettings, PretrainStepper};
use super::weights;
use crate::model::pretraining::{self, PretrainingModel};
use crate::model::{ForwardContext, parameters};
use crate::train::gradients;
use crate::train::session::Updater;
use crate::train::session::order::shuffled;
use base::progress::Silent;
use data::dataset::Scale;
use data::dataset::pretrain::sampler::PretrainRules;
use data::features::Precision;
use data::features::testing::{row_of, text};
use lxmert_spec::Config;
use lxmert_spec::pretrain_tasks::PretrainTasks;
use trainings::pretrain::data::{
    PretrainDataSettings, PretrainExamples, PretrainLoader, PretrainRole, PretrainSentences,
};
use trainings::pretrain::description::PretrainedDescription;
use trainings::pretrain::initial_weights::PretrainInitialWeights;
use trainings::task_loader::StoreLocation;

const WORDS: [&str; 13] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "sees", "red", "what", "is", "it"];

struct Setup {
    folder: tempfile::TempDir,
    loader: PretrainLoader,
    train: PretrainSentences,
    valid: PretrainSentences,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for below in ["lxmert", "mscoco_imgfeat"] {
            std::fs::create_dir(root.join(below)).unwrap();
        }
        std::fs::write(root.join("vocab.txt"), WORDS.join("\n") + "\n").unwrap();
        let rows: Vec<_> = (0..6).map(|number| row_of(number, 4, 8)).collect();
        for half in ["train2014", "val2014"] {
            std::fs::write(root.join(format!("mscoco_imgfeat/{half}_obj36.tsv")), text(&rows)).unwrap();
        }
        let answers = ["cat", "dog", "red"].map(|answer| json!({"ans": answer, "dsets": ["vqa"]}));
        std::fs::write(root.join("lxmert/all_ans.json"), json!(answers).to_string()).unwrap();
        for (name, images) in [("mscoco_train", 0..4_usize), ("mscoco_minival", 3..6)] {
            let of = |image: usize| {
                let words = &WORDS[5..6 + image];
                json!({
                    "img_id": rows[image].img_id,
                    "sentf": {"mscoco": [words.join(" "), "a red dog"], "vqa": ["what is it", "is it red red red"]},
                    "labelf": {"vqa": [{"cat": 0.5, "dog": 0.7}, {"red": 1.0}]},
                })
            };
            let all: Vec<Value> = images.map(of).collect();
            std::fs::write(root.join(format!("lxmert/{name}.json")), json!(all).to_string()).unwrap();
        }
        let settings = PretrainDataSettings {
            data_root: root.to_owned(),
            stores: StoreLocation::Build { folder: root.join("stores"), precision: Precision::F32 },
            vocab: root.join("vocab.txt"),
            scale: Scale::Full,
            allow_missing_images: false,
            qa_sets: None,
            threads: 2,
        };
        let loader = PretrainLoader::new(settings).unwrap();
        let train = loader.sentences("mscoco_train", PretrainRole::Train, &Silent).unwrap();
        let valid = loader.sentences("mscoco_minival", PretrainRole::Valid, &Silent).unwrap();
        Self { folder, loader, train, valid }
    }

    fn source<'a>(
        &'a self,
        examples: &'a PretrainExamples<'a>,
        lenders: &'a PretrainExamples<'a>,
        size: usize,
        parts: usize,
    ) -> PretrainBatchSource<'a> {
        PretrainBatchSource {
            tokenizer: &self.loader.tokenizer,
            examples,
            lenders,
            seed: 7,
            stream: training_stream(2),
            batch_size: size,
            parts,
            tasks: PretrainTasks::ALL,
            device: Device::Cpu,
        }
    }

    fn config(&self) -> Config {
        Config {
            vocab_size: WORDS.len(),
            visual_feat_dim: 8,
            hidden_dropout_prob: 0.0,
            attention_probs_dropout_prob: 0.0,
            initializer_range: 0.2,
            ..Config::tiny()
        }
    }

    fn model(&self) -> PretrainingModel {
        tch::manual_seed(3);
        PretrainingModel::new(&self.config(), self.loader.table.len(), Device::Cpu).unwrap()
    }
}

/// Masks half of the words and boxes, so that there is something to compare.
const RULES: PretrainRules =
    PretrainRules { match_sentences: true, word_mask_rate: 0.5, box_mask_rate: 0.5, max_len: 20, boxes: 4 };

fn collect(source: PretrainBatchSource, order: &[usize]) -> Vec<PretrainBatch> {
    std::thread::scope(|scope| stream(scope, source, order).map(Result::unwrap).collect())
}

fn stepper<'a>(
    model: &'a PretrainingModel,
    train: &'a PretrainSentences,
    settings: PretrainStepSettings,
) -> (PretrainStepper<'a>, Updater<'a>) {
    let stepper = PretrainStepper::new(model, train, settings);
    let updater = stepper.updater();
    (stepper, updater)
}

/// Returns the tensors of each example as text, by its number and without padding.
fn by_example(batches: &[PretrainBatch]) -> BTreeMap<usize, String> {
    let mut all = BTreeMap::new();
    for batch in batches {
        let (inputs, targets) = (batch.inputs(), batch.targets());
        let length = inputs.ids.size()[1];
        let words = inputs.ids.full_like(-1).reshape([-1]);
        let words = words.index_put(&[Some(&batch.places)], targets.words, false).reshape([-1, length]);
        for (i, &number) in batch.examples.iter().enumerate() {
            let i = i as i64;
            let real = inputs.mask.unwrap().get(i).sum(Kind::Int64).int64_value(&[]);
            let rows = [
                inputs.ids.get(i).narrow(0, 0, real),
                words.get(i).narrow(0, 0, real),
                inputs.features.get(i),
                inputs.boxes.get(i),
                targets.matched.get(i),
                targets.visual.obj.get(i),
                targets.visual.obj_conf.get(i),
                targets.visual.attr.get(i),
                targets.visual.attr_conf.get(i),
                targets.visual.feat.get(i),
                targets.visual.feat_mask.get(i),
                targets.answer.get(i),
            ];
            let show =
                |t: &Tensor| format!("{:?}", Vec::<f64>::try_from(t.to_kind(Kind::Double).reshape([-1])).unwrap());
            all.insert(number, rows.iter().map(show).collect::<Vec<_>>().join("\n"));
        }
    }
    all
}

#[test]
fn an_example_depends_on_seed_and_epoch_and_not_on_its_batch() {
    let world = Setup::new();
    let (train, valid) = (world.train.examples(RULES).unwrap(), world.valid.examples(RULES).unwrap());
    let source = |size, parts| world.source(&train, &train, size, parts);
    let in_order: Vec<usize> = (0..16).collect();
    let all = collect(source(16, 1), &in_order);
    let wanted = by_example(&all);
    assert_eq!(wanted.len(), 16);
    for (size, parts) in [(1, 1), (5, 1), (16, 3), (7, 7)] {
        let batches = collect(source(size, parts), &shuffled(16, 1, size as u64));
        assert!(by_example(&batches) == wanted, "{size} {parts}");
    }
    // Resumed in the middle, without the incomplete last batch.
    let rest = collect(source(5, 1), &in_order[5..15]);
    assert_eq!(
        rest.iter().map(|batch| batch.examples.clone()).collect::<Vec<_>>(),
        [[5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
    );
    // Other epochs and validation draw other masks.
    let other = |stream| by_example(&collect(PretrainBatchSource { stream, ..source(16, 1) }, &in_order));
    assert!(other(training_stream(3)) != wanted && other(validation_stream(2)) != wanted);
    assert!(other(validation_stream(3)) != other(validation_stream(2)));

    // Features of boxes that are not masked, and all targets, are always the image's own. Borrowed features come from the training
    // images, also when validating.
    let lent: Vec<f32> = (0..4).flat_map(|number| row_of(number, 4, 8).features).collect();
    let mut borrowed = 0;
    for epoch in 0..40 {
        let source = PretrainBatchSource { stream: validation_stream(epoch), ..world.source(&valid, &train, 12, 1) };
        for batch in collect(source, &in_order[..12]) {
            let (shown, targets) = (batch.inputs().features, batch.targets());
            for (i, &number) in batch.examples.iter().enumerate() {
                let example = &world.valid.data.examples()[number];
                let own = row_of(3 + example.image(), 4, 8);
                let of = |t: &Tensor| Vec::<f32>::try_from(t.get(i as i64).reshape([-1])).unwrap();
                assert_eq!(of(targets.visual.feat), own.features);
                assert_eq!(Vec::<i64>::try_from(targets.visual.obj.get(i as i64)).unwrap(), own.objects_id);
                let (shown, masked) = (of(shown), of(targets.visual.feat_mask));
                for ((shown, own), masked) in shown.chunks(8).zip(own.features.chunks(8)).zip(masked) {
                    if masked == 0.0 {
                        assert_eq!(shown, own);
                    } else if shown != own && shown.iter().any(|x| *x != 0.0) {
                        assert!(lent.chunks(8).any(|row| row == shown), "{shown:?}");
                        borrowed += 1;
                    }
                }
            }
        }
    }
    assert!(borrowed > 20);
}

/// Splits 10 examples into parts of 4, 4 and 2, in which words, answers and boxes are distributed unevenly. Each step starts from
/// the state before the step of the whole batch, because initial weights are drawn from a generator that other tests also draw
/// from, and because BertAdam amplifies noise over several steps by dividing by the root of a moment.
#[test]
fn a_batch_in_parts_gives_the_step_of_the_whole_batch() {
    let world = Setup::new();
    let train = world.train.examples(RULES).unwrap();
    let settings = PretrainStepSettings { tasks: PretrainTasks::ALL, lr: 1e-2, seed: 7, total: 4 };
    let batch = |parts| collect(world.source(&train, &train, 10, parts), &shuffled(16, 1, 1)[..10]);
    let step = |(stepper, updater): &mut (PretrainStepper, Updater), batch: &[PretrainBatch]| -> PretrainStepResult {
        let mut taken: Vec<PretrainStepResult> =
            batch.iter().filter_map(|batch| stepper.part(updater, batch).unwrap()).collect();
        assert_eq!(taken.len(), 1);
        taken.remove(0)
    };
    let models = [1, 3, 10].map(|parts| (batch(parts), world.model()));
    let mut steppers: Vec<_> =
        models.iter().map(|(batch, model)| (batch, stepper(model, &world.train, settings))).collect();
    let ((all, whole), in_parts) = steppers.split_first_mut().unwrap();
    // The learning rate of the first step is 0.
    for number in 0..3 {
        let before = whole.1.state();
        let b = step(whole, all);
        let after = whole.1.state();
        for (batch, stepper) in in_parts.iter_mut() {
            stepper.1.restore(number, &before).unwrap();
            let a = step(stepper, batch);
            // Sums in another order: f32 noise.
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b.abs().max(1e-3);
            assert!(a.details.losses.iter().zip(&b.details.losses).all(|(a, b)| close(*a, *b)), "{:?}", a.details);
            assert!(close(a.grad_norm, b.grad_norm) && a.lr == b.lr, "{} {}", a.grad_norm, b.grad_norm);
            assert_eq!((&a.details.right, &a.details.answers), (&b.details.right, &b.details.answers));
            // The first moment is a tenth of the gradients, which are clipped to a norm of 1 together.
            let state = stepper.1.state();
            for (name, moment) in after.iter().filter(|(name, _)| name.starts_with("optimiser.first.")) {
                let [a, b] = [&state[name], moment].map(|data| parameters::tensor(data).unwrap());
                let difference = (a - b).abs().max().double_value(&[]);
                assert!(difference <= 1e-6, "{name}: {difference}");
            }
            assert_eq!(stepper.1.steps(), number + 1);
        }
    }
}

#[test]
fn every_subset_of_tasks_has_the_losses_of_the_whole_forward_pass() {
    let world = Setup::new();
    let train = world.train.examples(RULES).unwrap();
    let batch = collect(world.source(&train, &train, 16, 1), &(0..16).collect::<Vec<_>>()).remove(0);
    let model = world.model();
    let plain = model.forward(&batch.inputs(), ForwardContext::EVAL);
    let all_words = batch.inputs().ids.full_like(-1).reshape([-1]);
    let all_words = all_words.index_put(&[Some(&batch.places)], batch.targets().words, false);
    let targets = pretraining::PretrainTargets { words: &all_words, ..batch.targets() };
    assert_eq!(batch.counts, pretraining::LossCounts::of(&targets));
    let names = PretrainTasks::ALL.names();
    let all = pretraining::losses(&plain, &targets, PretrainTasks::ALL);
    let parameters: Vec<Tensor> = model.parameters().named().into_iter().map(|(_, t)| t).collect();
    for chosen in 1..64_u32 {
        let on = |at: u32| chosen >> at & 1 == 1;
        let tasks = PretrainTasks { mask_lm: on(0), matched: on(1), obj: on(2), attr: on(3), feat: on(4), qa: on(5) };
        let mut results = BatchResultsBuilder::default();
        let loss = results.add(&model, &batch, tasks, ForwardContext::EVAL);
        let got = results.finish(tasks, batch.counts);
        let wanted: Vec<&(&str, Tensor)> =
            all.iter().enumerate().filter(|(at, _)| on(*at as u32)).map(|(_, l)| l).collect();
        assert_eq!(tasks.names(), wanted.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for ((name, want), got) in wanted.iter().zip(&got.losses) {
            let want = want.double_value(&[]);
            assert!((got - want).abs() <= 1e-5 * want, "{name}: {got} {want}");
        }
        assert_eq!(
            got.right.iter().map(|(name, ..)| *name).collect::<Vec<_>>(),
            tasks.names().into_iter().filter(|name| !["Feat", "QA"].contains(name)).collect::<Vec<_>>()
        );
        assert_eq!(got.answers.len(), if tasks.qa { 16 } else { 0 });
        // Only parameters that the original's model with these tasks has learn.
        let gradients = gradients::gradients(&loss, &parameters);
        for ((name, _), gradient) in model.parameters().named().iter().zip(&gradients) {
            assert!(tasks.has_parameter(name) || !gradient.defined(), "{name}");
        }
    }
    assert_eq!(names, ["Mask_LM", "Matched", "Obj", "Attr", "Feat", "QA"]);
}

#[test]
fn the_loss_is_zero_if_there_is_nothing_to_predict() {
    let world = Setup::new();
    let rules = PretrainRules { match_sentences: false, word_mask_rate: 0.0, box_mask_rate: 0.0, ..RULES };
    let train = world.train.examples(rules).unwrap();
    // The captions of the first image.
    let batch = collect(world.source(&train, &train, 2, 1), &[0, 1]).remove(0);
    let model = world.model();
    let settings = PretrainStepSettings {
        tasks: PretrainTasks { obj: false, attr: false, ..PretrainTasks::ALL },
        lr: 1e-2,
        seed: 7,
        total: 4,
    };
    let (mut stepper, mut updater) = stepper(&model, &world.train, settings);
    let step = stepper.part(&mut updater, &batch).unwrap().unwrap();
    let names = settings.tasks.names();
    for (name, loss) in names.iter().zip(&step.details.losses) {
        assert_eq!(*loss == 0.0, ["Mask_LM", "Feat", "QA"].contains(name), "{name} {loss}");
    }
    assert!(step.grad_norm.is_finite() && step.grad_norm > 0.0);
}

#[test]
fn a_file_holds_the_heads_of_its_tasks_and_describes_itself() {
    let world = Setup::new();
    let folder = world.folder.path();
    let tasks = PretrainTasks { attr: false, qa: false, ..PretrainTasks::ALL };
    let description = PretrainedDescription { config: world.config(), answers: 3, qa_sets: None, tasks };
    let model = world.model();
    weights::save(&model, folder, "X", &description, None, true).unwrap();
    let path = folder.join("X_LXRT.safetensors");
    assert_eq!(trainings::pretrain::description::describe(&path).unwrap().unwrap(), description);
    let (file, pth) =
        (lxmert_spec::loading::read(&path).unwrap(), lxmert_spec::loading::read(&folder.join("X_LXRT.pth")).unwrap());
    assert!(file.len() == pth.len() && pth.iter().all(|(name, tensor)| file[name] == *tensor));
    assert_eq!(file[pretraining::TIED_DECODER], file[pretraining::WORD_TABLE]);
    let absent = |name: &str| name.starts_with("answer_head") || name.contains("decoder_dict.attr");
    assert!(file.keys().all(|name| !absent(name)));
    assert_eq!(model.state().keys().filter(|name| absent(name)).count(), 6 + 2);

    let start = |whole| {
        let name = folder.join("X").to_str().unwrap().to_owned();
        if whole { PretrainInitialWeights::Whole(name) } else { PretrainInitialWeights::WithoutAnswers(name) }
    };
    let vocab = folder.join("vocab.txt");
    let load = |description: &PretrainedDescription, start, allow| {
        let data = (vocab.as_path(), &world.loader.tokenizer);
        weights::load_model(description, &start, data, 1, allow, Device::Cpu)
    };
    let (again, report) = load(&description, start(true), false).unwrap();
    assert!(report.unwrap().missing.is_empty());
    let state = again.state();
    assert!(file.iter().all(|(name, tensor)| state[name] == *tensor));
    // With more tasks, their heads are missing: an error, unless it is allowed.
    let more = PretrainedDescription { tasks: PretrainTasks::ALL, ..description.clone() };
    assert!(load(&more, start(true), false).map(|_| ()).unwrap_err().to_string().contains("answer_head"));
    let (_, report) = load(&more, start(true), true).unwrap();
    assert_eq!(report.unwrap().missing.len(), 8);
    // Other answers are allowed if the answer head is not loaded.
    let other = PretrainedDescription { answers: 5, tasks: PretrainTasks { qa: true, ..tasks }, ..description };
    assert_eq!(load(&other, start(false), false).unwrap().1.unwrap().missing.len(), 6);
}
