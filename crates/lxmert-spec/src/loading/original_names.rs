//! Recognises which program wrote a checkpoint by the names of its tensors, and renames them to the original's names.
//!
//! | names | written by | what is done |
//! |---|---|---|
//! | `module.`, `_orig_mod.` and the like, anywhere | several GPUs, torch.compile, FSDP | removed |
//! | one prefix before all names, such as `model.` | mmf, PyTorch Lightning | removed |
//! | `lxmert.*`, or an encoder without a prefix | Hugging Face's port | renamed ([`hf::names`]) |
//! | `bert.encoder.layer.N.attention_self.*` | VOLTA | renamed ([`volta`]) |
//! | the word embeddings only as the decoder | programs that store tied tensors once | stored under both names |
//!
//! Names that are not recognised stay. If a model then lacks tensors, [`super::diagnose`] says why.

use std::collections::BTreeSet;

use super::parameter_names::TIED;
use super::wrappers::{WRAPPERS, unwrapped};
use super::{hf, volta};
use base::error::{Error, Result};
use checkpoint::StateDict;

/// First parts of the names of LXMERT's modules, in the original and in its ports.
const ROOTS: [&str; 10] = [
    "bert",
    "lxrt_encoder",
    "logit_fc",
    "cls",
    "obj_predict_head",
    "answer_head",
    "lxmert",
    "embeddings",
    "encoder",
    "pooler",
];

/// The program whose tensor names a checkpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointOrigin {
    /// The original, or an unknown program.
    Original,
    /// Hugging Face's port.
    Port(hf::HfLayout),
    /// VOLTA.
    Volta,
}

/// A checkpoint's weights under the original's names.
#[derive(Debug, Clone)]
pub struct CheckpointWeights {
    /// The tensors, in the file's order.
    pub state: StateDict,
    /// The program whose names the file has.
    pub origin: CheckpointOrigin,
    /// What was done to the names, one sentence each; empty if the file has the original's names.
    pub notes: Vec<String>,
    /// Tensors that were left out because no model needs them, each with the reason.
    pub left_out: Vec<String>,
}

/// Renames tensors to the original's names.
///
/// # Errors
/// Data if two tensors would get the same name, or if a VOLTA checkpoint is not of LXMERT.
pub fn to_original(state: StateDict) -> Result<CheckpointWeights> {
    let mut notes = Vec::new();
    let state = without_prefix(without_wrappers(state, &mut notes)?, &mut notes);
    let (mut state, origin, left_out) = if let Some(layout) = hf::names::recognise(&state) {
        let (state, left_out) = hf::names::to_original(layout, state);
        (state, CheckpointOrigin::Port(layout), left_out)
    } else if volta::recognise(&state) {
        notes.push("its names were translated from VOLTA's".to_owned());
        (volta::to_original(state)?, CheckpointOrigin::Volta, Vec::new())
    } else {
        (state, CheckpointOrigin::Original, Vec::new())
    };
    if let (None, Some(decoder)) = (state.get(TIED[0]), state.get(TIED[1])) {
        let table = decoder.clone();
        state.insert(TIED[0].to_owned(), table);
        notes.push(format!("its word embeddings are stored only as {}", TIED[1]));
    }
    Ok(CheckpointWeights { state, origin, notes, left_out })
}

/// Removes the parts that wrappers put into names, in any order and depth.
fn without_wrappers(state: StateDict, notes: &mut Vec<String>) -> Result<StateDict> {
    let mut plain = StateDict::with_capacity(state.len());
    let (mut found, mut count) = (BTreeSet::new(), 0);
    for (name, tensor) in state {
        let short = unwrapped(&name);
        if short != name {
            found.extend(WRAPPERS.into_iter().filter(|wrapper| name.split('.').any(|part| part == *wrapper)));
            count += 1;
        }
        if plain.insert(short.clone().into_owned(), tensor).is_some() {
            return Err(Error::data(format!("the checkpoint has {short} twice, with and without a wrapper's prefix"))
                .because(format!("one of the two is {name}"))
                .next("save the state_dict() of one model only"));
        }
    }
    if count > 0 {
        let found: Vec<String> = found.iter().map(|wrapper| format!("\"{wrapper}.\"")).collect();
        notes.push(format!("{} was removed from {count} names", found.join(" and ")));
    }
    Ok(plain)
}

/// Removes a prefix that all names share, if LXMERT's names follow it.
fn without_prefix(state: StateDict, notes: &mut Vec<String>) -> StateDict {
    let Some(first) = state.keys().next() else { return state };
    let parts = first.split('.').take_while(|part| !ROOTS.contains(part)).count();
    let length: usize = first.split('.').take(parts).map(|part| part.len() + 1).sum();
    let Some(prefix) = first.get(..length).filter(|prefix| !prefix.is_empty()).map(str::to_owned) else { return state };
    let is_lxmert = state.keys().any(|name| name.contains(".encoder.x_layers.") || name.contains(".v_embeddings."));
    if !is_lxmert || !state.keys().all(|name| name.starts_with(&prefix)) {
        return state;
    }
    notes.push(format!("\"{prefix}\" was removed from all names; mmf and PyTorch Lightning add such a prefix"));
    state.into_iter().map(|(name, tensor)| (name[length..].to_owned(), tensor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkpoint::TensorData;

    fn state(names: &[&str]) -> StateDict {
        let tensor = |at: usize| TensorData::from_f32(vec![1], vec![at as f32]).unwrap();
        names.iter().enumerate().map(|(at, name)| ((*name).to_owned(), tensor(at))).collect()
    }

    fn named(names: &[&str]) -> (Vec<String>, Vec<String>) {
        let weights = to_original(state(names)).unwrap();
        (weights.state.into_keys().collect(), weights.notes)
    }

    #[test]
    fn wrappers_come_off_in_any_order_and_depth() {
        for wrapped in
            ["module._orig_mod.", "_orig_mod.module.", "_orig_mod._orig_mod.", "_fsdp_wrapped_module.module."]
        {
            let (names, notes) = named(&[
                &format!("{wrapped}lxrt_encoder.model.{wrapped}bert.encoder.x_layers.0.lang_inter.dense.bias"),
                &format!("{wrapped}logit_fc.3.bias"),
            ]);
            assert_eq!(names, ["lxrt_encoder.model.bert.encoder.x_layers.0.lang_inter.dense.bias", "logit_fc.3.bias"]);
            assert!(notes[0].contains("removed from 2 names"), "{notes:?}");
        }
        assert_eq!(unwrapped("bert.submodule.weight"), "bert.submodule.weight", "only whole parts are wrappers");
        let twice = to_original(state(&["module.a", "_orig_mod.a"])).unwrap_err().to_string();
        assert!(twice.contains("has a twice"), "{twice}");
    }

    #[test]
    fn a_prefix_comes_off_where_lxmert_follows() {
        let (names, notes) =
            named(&["model.bert.encoder.x_layers.0.lang_inter.dense.bias", "model.cls.predictions.bias"]);
        assert_eq!(names, ["bert.encoder.x_layers.0.lang_inter.dense.bias", "cls.predictions.bias"]);
        assert!(notes[0].contains("\"model.\""), "{notes:?}");
        for kept in [
            &["model.bert.encoder.layer.0.output.dense.bias"][..],
            &["backbone.conv1.weight"],
            &["model.bert.encoder.x_layers.0.lang_inter.dense.bias", "other.bias"],
            &["bert.encoder.x_layers.0.lang_inter.dense.bias"],
        ] {
            assert_eq!(named(kept), (kept.iter().map(|name| (*name).to_owned()).collect(), vec![]), "{kept:?}");
        }
    }

    #[test]
    fn word_embeddings_stored_once_get_both_names() {
        let weights = to_original(state(&[TIED[1], "bert.encoder.x_layers.0.lang_inter.dense.bias"])).unwrap();
        assert!(weights.state[TIED[0]].shares_storage_with(&weights.state[TIED[1]]));
        assert_eq!(weights.notes.len(), 1);
    }
}
