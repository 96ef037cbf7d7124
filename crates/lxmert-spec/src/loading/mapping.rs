//! Maps the tensors of a checkpoint to those of a model and reports what was loaded, what is missing and what was not used.
//!
//! The original (airsplay/lxmert @ 0db1182: `lxrt/entry.py`, `pretrain/qa_answer_table.py`, `tasks/*.py`,
//! `lxrt/modeling.py`) loads mostly non-strictly: what does not fit stays as initialised, without a message. Here a missing
//! tensor of the encoder is an error unless missing ones are allowed.

use indexmap::IndexMap;

use super::diagnose;
use super::load_policy::{LoadPolicy, LoadReport};
use super::parameter_names::{ANSWER_HEAD, ANSWER_ROWS, ENCODER, LOGITS, TASK_PREFIX, TIED, UNTIED};
use super::wrappers::unwrapped;
use base::error::{Error, Result};
use checkpoint::{StateDict, TensorData};
use checkpoint::{check_not_truncated, finite};

/// Maps a checkpoint to the model with the names and shapes `wanted`.
///
/// The model is a task model (`lxrt_encoder.model.bert…`, `logit_fc…`) or the pre-training model (`bert…`, `cls…`,
/// `obj_predict_head…`, `answer_head…`), whose tied decoder may be listed or not. The returned tensors have the model's names
/// and order, and the checkpoint's element types.
///
/// Each policy promises tensors: the encoder; with [`LoadPolicy::FineTuned`] and [`LoadPolicy::Pretrained`] the whole model; with
/// [`LoadPolicy::Bert`] what BERT has.
///
/// # Errors
/// Data if a promised tensor is missing, unless `allow_missing`; always if a shape differs, or if a tensor that the model takes
/// holds a value that is not finite.
pub fn map_checkpoint(
    checkpoint: StateDict,
    wanted: &IndexMap<String, Vec<usize>>,
    policy: LoadPolicy<'_>,
    allow_missing: bool,
) -> Result<(StateDict, LoadReport)> {
    let task = wanted.keys().any(|name| name.starts_with(TASK_PREFIX));
    check_not_truncated(checkpoint.values())?;
    let taken = |name: &String| target(policy, task, name).is_some_and(|name| wanted.contains_key(&name));
    finite::check(checkpoint.iter().filter(|(name, _)| taken(name)))?;
    let sources: Vec<String> = checkpoint.keys().cloned().collect();
    let mut report = LoadReport::default();
    let mut found: IndexMap<String, (String, TensorData)> = IndexMap::new();
    for (source, mut tensor) in checkpoint {
        let name = target(policy, task, &source);
        let shape = name.as_ref().and_then(|name| wanted.get(name));
        let (Some(name), true) = (name, shape.is_some() || is_tied_decoder(task, policy, &source)) else {
            report.unexpected.push(source);
            continue;
        };
        if let (LoadPolicy::LxmertQa { rows, .. }, true) = (policy, name.starts_with(ANSWER_ROWS)) {
            tensor = chosen_rows(&source, &tensor, rows)?;
        }
        if let Some(shape) = shape {
            check(&source, &tensor, &name, shape)?;
        }
        if let Some((other, _)) = found.insert(name.clone(), (source.clone(), tensor)) {
            return Err(Error::data(format!("both {other} and {source} of the checkpoint are {name} of the model"))
                .next("save the state_dict() of one model only"));
        }
    }
    if !task {
        tie(&mut found, wanted)?;
    }
    let mut tensors = StateDict::new();
    for name in wanted.keys() {
        match found.swap_remove(name) {
            Some((_, tensor)) => drop(tensors.insert(name.clone(), tensor)),
            None => report.missing.push(name.clone()),
        }
    }
    report.loaded = tensors.len();
    let is_promised = |name: &&String| diagnose::is_promised(policy, name);
    report.lacking = report.missing.iter().filter(is_promised).cloned().collect();
    report.promised = wanted.keys().filter(is_promised).count();
    if let LoadPolicy::LxmertQa { rows, expected_loaded } = policy {
        let head = report.missing.iter().filter(|name| name.starts_with(LOGITS)).count();
        if !task {
            return Err(Error::usage("only a model for VQA or GQA can load the answer head of a checkpoint")
                .next("use --load-lxmert, which loads the encoder alone"));
        }
        if head > 0 {
            let error = Error::data(format!("the answer head cannot be loaded: {head} of its tensors are missing"));
            return Err(diagnose::explain(error, &report, policy, &sources, wanted));
        }
        count_answers(&mut report, rows, expected_loaded)?;
    }
    if !allow_missing {
        diagnose::refuse_gaps(&report, policy, &sources, wanted)?;
    }
    Ok((tensors, report))
}

/// Returns the model's name for a tensor of the checkpoint, whether or not the model has it; `None` if the policy skips it.
fn target(policy: LoadPolicy<'_>, task: bool, source: &str) -> Option<String> {
    let prefix = if task { TASK_PREFIX } else { "" };
    let plain = unwrapped(source);
    match policy {
        LoadPolicy::Lxmert if plain.starts_with(ENCODER) => Some(format!("{prefix}{plain}")),
        LoadPolicy::Lxmert => (!task && !plain.contains("answer")).then(|| plain.into_owned()),
        LoadPolicy::LxmertQa { .. } => match plain.strip_prefix(ANSWER_HEAD) {
            Some(head) => Some(head.to_owned()),
            None => plain.starts_with(ENCODER).then(|| format!("{prefix}{plain}")),
        },
        LoadPolicy::FineTuned | LoadPolicy::Pretrained => Some(plain.into_owned()),
        LoadPolicy::Bert => {
            let renamed = plain.replace("gamma", "weight").replace("beta", "bias");
            match renamed.starts_with(ENCODER) {
                true => Some(format!("{prefix}{renamed}")),
                false => (!task).then_some(renamed),
            }
        }
    }
}

fn is_tied_decoder(task: bool, policy: LoadPolicy<'_>, source: &str) -> bool {
    !task && target(policy, task, source).as_deref() == Some(TIED[1])
}

fn check(source: &str, tensor: &TensorData, name: &str, wanted: &[usize]) -> Result<()> {
    if tensor.shape != wanted {
        let error = Error::data(format!(
            "{source} has the shape {:?} in the checkpoint, but {name} has {wanted:?} in the model",
            tensor.shape
        ));
        let advice = if name.contains(ANSWER_ROWS) {
            "use a checkpoint with the same number of answers"
        } else {
            "use a checkpoint of a model with the same sizes and vocabulary"
        };
        return Err(error.next(advice));
    }
    if !tensor.dtype.is_float() {
        return Err(Error::data(format!("{source} has elements of {:?}, but weights must be floats", tensor.dtype))
            .next("use a checkpoint that was saved in f16, bf16, f32 or f64"));
    }
    Ok(())
}

/// Returns the rows of an answer head in the order of `rows`, with zeros for each `None`.
///
/// # Errors
/// Data if the table has no such row.
pub(super) fn chosen_rows(source: &str, table: &TensorData, rows: &[Option<usize>]) -> Result<TensorData> {
    let (Some(&count), Some(width)) = (table.shape.first(), table.shape.get(1..)) else {
        return Err(Error::data(format!("{source} is a single number, not one row per answer"))
            .next("use a checkpoint with an answer head"));
    };
    let bytes = width.iter().product::<usize>() * table.dtype.size();
    let mut data = Vec::with_capacity(rows.len() * bytes);
    for row in rows {
        match row {
            Some(row) if *row < count => data.extend_from_slice(&table.data[row * bytes..][..bytes]),
            Some(row) => {
                return Err(Error::data(format!(
                    "{source} has {count} rows, but an answer needs row {row} of the answer table"
                ))
                .next("use a checkpoint that was pre-trained with all 9500 answers (without --qaSets)"));
            }
            None => data.resize(data.len() + bytes, 0),
        }
    }
    let shape = [&[rows.len()], width].concat();
    Ok(TensorData { dtype: table.dtype, shape, data: data.into() })
}

/// Gives both names of the tied tensor the same bytes, whichever name the checkpoint has.
fn tie(found: &mut IndexMap<String, (String, TensorData)>, wanted: &IndexMap<String, Vec<usize>>) -> Result<()> {
    let (embedding, decoder) = (found.get(TIED[0]).cloned(), found.get(TIED[1]).cloned());
    if let (Some((a, x)), Some((b, y))) = (&embedding, &decoder)
        && x != y
    {
        return Err(Error::data(format!("{a} and {b} differ, but the model uses one tensor for both")).next(UNTIED));
    }
    if let Some((source, tensor)) = embedding.or(decoder) {
        for (name, shape) in TIED.iter().filter_map(|name| wanted.get_key_value(*name)) {
            check(&source, &tensor, name, shape)?;
            found.insert(name.clone(), (source.clone(), tensor.clone()));
        }
    }
    Ok(())
}

fn count_answers(report: &mut LoadReport, rows: &[Option<usize>], expected: Option<usize>) -> Result<()> {
    let loaded = rows.iter().flatten().count();
    if let Some(expected) = expected.filter(|expected| *expected != loaded) {
        return Err(Error::data(format!(
            "{loaded} of {} answers have a row in the answer table, but it should be {expected}",
            rows.len()
        ))
        .next("use the answer list and the answer table that `repro fetch` downloads"));
    }
    report.answers_loaded = Some(loaded);
    report.answers_zeroed = Some(rows.len() - loaded);
    Ok(())
}
