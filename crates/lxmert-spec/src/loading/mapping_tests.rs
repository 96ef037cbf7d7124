//! Mapping checkpoints to small made-up models.

use indexmap::IndexMap;

use super::*;
use checkpoint::*;

type Shapes = IndexMap<String, Vec<usize>>;

const WORD: &str = "bert.embeddings.word_embeddings.weight";
const DECODER: &str = "cls.predictions.decoder.weight";

fn tensor(shape: &[usize], value: f32) -> TensorData {
    TensorData::from_f32(shape.to_vec(), vec![value; shape.iter().product()]).unwrap()
}

fn checkpoint(names: &[&str]) -> StateDict {
    names.iter().enumerate().map(|(i, name)| ((*name).to_owned(), tensor(&[2], i as f32))).collect()
}

fn model(names: &[&str]) -> Shapes {
    names.iter().map(|name| ((*name).to_owned(), vec![2])).collect()
}

fn task() -> Shapes {
    model(&[
        "lxrt_encoder.model.bert.pooler.dense.bias",
        "lxrt_encoder.model.bert.encoder.layer.0.output.dense.bias",
        "lxrt_encoder.model.bert.encoder.x_layers.0.lang_inter.dense.bias",
        "logit_fc.3.bias",
    ])
}

const RELEASED: [&str; 4] = [
    "module.bert.pooler.dense.bias",
    "module.bert.encoder.layer.0.output.dense.bias",
    "module.bert.encoder.x_layers.0.lang_inter.dense.bias",
    "module.cls.predictions.bias",
];

#[test]
fn the_report_says_what_happened() {
    let (tensors, report) = map_checkpoint(checkpoint(&RELEASED), &task(), LoadPolicy::Lxmert, false).unwrap();
    assert_eq!(
        report.to_string(),
        "3 tensors loaded, 1 missing (left as initialised): logit_fc.3.bias, \
         1 unexpected (not used): module.cls.predictions.bias"
    );
    assert!(tensors.keys().eq(task().keys().take(3)));
    let many = LoadReport { loaded: 2, missing: (0..6).map(|i| format!("t{i}")).collect(), ..LoadReport::default() };
    assert_eq!(many.to_string(), "2 tensors loaded, 6 missing (left as initialised): t0, t1, t2, t3 and 2 more");
}

#[test]
fn a_missing_encoder_is_an_error_that_guesses_why() {
    let task_names = task();
    let fine_tuned: Vec<&str> = task_names.keys().map(String::as_str).collect();
    for (names, policy, cause) in [
        (&fine_tuned[..], LoadPolicy::Lxmert, "fine-tuned task model"),
        (&["lxmert.encoder.layer.0.output.dense.bias"], LoadPolicy::Lxmert, "Hugging Face"),
        (&["bert.encoder.layer.0.output.dense.bias"], LoadPolicy::Lxmert, "BERT only"),
        (&["resnet.conv1.weight"], LoadPolicy::FineTuned, "resnet.conv1.weight"),
        (&[], LoadPolicy::Lxmert, "no tensor at all"),
        (&RELEASED[..3], LoadPolicy::FineTuned, "pre-training checkpoint"),
        (&RELEASED[1..], LoadPolicy::Lxmert, "incomplete"),
        (&fine_tuned[1..], LoadPolicy::FineTuned, "incomplete"),
        (
            &["bert.encoder.layer.1.output.dense.bias", "bert.encoder.x_layers.0.lang_inter.dense.bias"],
            LoadPolicy::Lxmert,
            "2 language, 1 cross-modality and 0 relation layers; the model has 1, 1 and 0",
        ),
    ] {
        let error = map_checkpoint(checkpoint(names), &task(), policy, false).unwrap_err().to_string();
        assert!(error.contains(cause) && error.contains("missing") && error.contains("next: "), "{names:?}: {error}");
        let (tensors, report) = map_checkpoint(checkpoint(names), &task(), policy, true).unwrap();
        assert_eq!((tensors.len(), report.missing.len()), (report.loaded, task().len() - report.loaded), "{names:?}");
    }
}

#[test]
fn answer_heads_are_never_half_loaded() {
    let policy = LoadPolicy::LxmertQa { rows: &[Some(1), None], expected_loaded: None };
    let error = map_checkpoint(checkpoint(&RELEASED), &task(), policy, true).unwrap_err().to_string();
    assert!(error.contains("without an answer head"), "{error}");
    let mut names = RELEASED.to_vec();
    names.push("module.answer_head.logit_fc.3.bias");
    let (tensors, report) = map_checkpoint(checkpoint(&names), &task(), policy, false).unwrap();
    assert_eq!(tensors["logit_fc.3.bias"].to_f32().unwrap(), [4.0, 0.0]);
    assert_eq!((report.answers_loaded, report.answers_zeroed), (Some(1), Some(1)));
    let mut scalar = checkpoint(&RELEASED);
    scalar.insert("answer_head.logit_fc.3.bias".into(), tensor(&[], 1.0));
    assert!(map_checkpoint(scalar, &task(), policy, true).is_err());
    assert!(map_checkpoint(checkpoint(&names), &model(&["bert.pooler.dense.bias"]), policy, true).is_err());
}

#[test]
fn other_shapes_and_types_are_errors_even_if_gaps_are_allowed() {
    let mut wrong = checkpoint(&RELEASED);
    wrong.insert(RELEASED[0].into(), tensor(&[3], 0.0));
    let error = map_checkpoint(wrong, &task(), LoadPolicy::Lxmert, true).unwrap_err().to_string();
    assert!(error.contains(RELEASED[0]) && error.contains("[3]") && error.contains("[2]"), "{error}");
    let mut whole = checkpoint(&RELEASED);
    whole[0] = TensorData { dtype: DType::I64, shape: vec![2], data: vec![0; 16].into() };
    assert!(map_checkpoint(whole, &task(), LoadPolicy::Lxmert, true).unwrap_err().to_string().contains("I64"));
}

#[test]
fn whole_models_are_loaded_strictly() {
    let task = task();
    let mut names: Vec<String> = task.keys().map(|n| n.replace("model.bert", "model.module.bert")).collect();
    let of = |names: &[String]| checkpoint(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(map_checkpoint(of(&names), &task, LoadPolicy::FineTuned, false).is_ok());
    names.push("other.bias".into());
    let error = map_checkpoint(of(&names), &task, LoadPolicy::FineTuned, false).unwrap_err().to_string();
    assert!(error.contains("other.bias"), "{error}");
    assert_eq!(map_checkpoint(of(&names), &task, LoadPolicy::FineTuned, true).unwrap().1.unexpected, ["other.bias"]);
    names[4] = "lxrt_encoder.model.bert.pooler.dense.bias".into();
    let error = map_checkpoint(of(&names), &task, LoadPolicy::FineTuned, true).unwrap_err().to_string();
    assert!(error.contains("both"), "{error}");
}

#[test]
fn the_tied_decoder_is_one_tensor() {
    let both = model(&[WORD, DECODER]);
    for names in [&[WORD][..], &[DECODER], &["module.bert.embeddings.word_embeddings.weight"]] {
        let (tensors, report) = map_checkpoint(checkpoint(names), &both, LoadPolicy::Pretrained, false).unwrap();
        assert!(tensors[WORD].shares_storage_with(&tensors[DECODER]) && report.unexpected.is_empty(), "{names:?}");
    }
    let twice = StateDict::from([(WORD.to_owned(), tensor(&[2], 1.0)), (DECODER.to_owned(), tensor(&[2], 1.0))]);
    let (tensors, report) = map_checkpoint(twice.clone(), &both, LoadPolicy::Pretrained, false).unwrap();
    assert!(tensors[WORD].shares_storage_with(&tensors[DECODER]) && report.loaded == 2);
    let (tensors, report) = map_checkpoint(twice, &model(&[WORD]), LoadPolicy::Pretrained, false).unwrap();
    assert_eq!((tensors.len(), report.unexpected.len()), (1, 0));
    let error =
        map_checkpoint(checkpoint(&[WORD, DECODER]), &both, LoadPolicy::Pretrained, false).unwrap_err().to_string();
    assert!(error.contains("differ"), "{error}");
}

#[test]
fn further_pre_training_starts_from_all_but_the_answers() {
    let model = model(&["bert.pooler.dense.bias", "cls.predictions.bias", "answer_head.logit_fc.3.bias"]);
    let names = ["module.bert.pooler.dense.bias", "module.cls.predictions.bias", "module.answer_head.logit_fc.3.bias"];
    let (tensors, report) = map_checkpoint(checkpoint(&names), &model, LoadPolicy::Lxmert, false).unwrap();
    assert_eq!(tensors.len(), 2);
    assert_eq!(
        (&report.missing[..], &report.unexpected[..]),
        (&[model[2..3].keys().next().unwrap().clone()][..], &[names[2].to_owned()][..])
    );
}

#[test]
fn bert_need_not_know_images_but_must_have_its_layers() {
    let names = [
        "bert.pooler.dense.bias",
        "bert.encoder.layer.0.output.LayerNorm.beta",
        "bert.encoder.layer.1.output.LayerNorm.gamma",
    ];
    let model = model(&[
        "lxrt_encoder.model.bert.pooler.dense.bias",
        "lxrt_encoder.model.bert.encoder.layer.0.output.LayerNorm.bias",
        "lxrt_encoder.model.bert.encoder.visn_fc.visn_fc.bias",
        "lxrt_encoder.model.bert.encoder.x_layers.0.lang_inter.dense.bias",
        "logit_fc.3.bias",
    ]);
    let (tensors, report) = map_checkpoint(checkpoint(&names), &model, LoadPolicy::Bert, false).unwrap();
    assert_eq!((tensors.len(), report.missing.len(), &report.unexpected[..]), (2, 3, &[names[2].to_owned()][..]));
    let error = map_checkpoint(checkpoint(&names[..1]), &model, LoadPolicy::Bert, false).unwrap_err().to_string();
    assert!(error.contains("1 of the 2"), "{error}");
}
