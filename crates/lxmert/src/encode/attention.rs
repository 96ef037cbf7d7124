//! Names the attention probabilities that a forward pass collects.

use indexmap::IndexMap;
use tch::Tensor;

use base::error::{Error, Result};
use lxmert_spec::Config;

/// Suffix of the name under which an attention module's probabilities are collected.
const TAP: &str = ".probabilities";

/// Returns the attention probabilities among the outputs that [`crate::model::Lxrt::forward`] collected. Each is
/// (B, heads, queries, keys), with rows that sum to 1; `i` is the number of the layer, from 0:
///
/// | name | queries | keys |
/// |---|---|---|
/// | `attention.lang.i` | words | words, language layer i |
/// | `attention.visn.i` | boxes | boxes, object-relationship layer i |
/// | `attention.cross_lang.i` | words | boxes, cross-modality layer i |
/// | `attention.cross_visn.i` | boxes | words, cross-modality layer i |
/// | `attention.cross_lang_self.i` | words | words, cross-modality layer i, after its cross attention |
/// | `attention.cross_visn_self.i` | boxes | boxes, the same |
///
/// # Errors
/// Only on a bug: an attention of the model is missing or occurs twice.
pub fn attention_maps(taps: Vec<(String, Tensor)>, config: &Config) -> Result<IndexMap<String, Tensor>> {
    let mut maps = IndexMap::new();
    for (tap, probabilities) in taps {
        let Some((_, module)) = tap.strip_suffix(TAP).and_then(|module| module.split_once("bert.encoder.")) else {
            continue;
        };
        let mut parts = module.split('.');
        let (stack, layer, inner) =
            (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let name = |kind: &str| format!("attention.{kind}.{layer}");
        let name = match (stack, inner) {
            ("layer", _) => name("lang"),
            ("r_layers", _) => name("visn"),
            (_, "lang_self_att") => name("cross_lang_self"),
            (_, "visn_self_att") => name("cross_visn_self"),
            // One module serves both directions, language first.
            _ if maps.contains_key(&name("cross_lang")) => name("cross_visn"),
            _ => name("cross_lang"),
        };
        if maps.insert(name.clone(), probabilities).is_some() {
            return Err(Error::bug(format!("{name} was collected twice")));
        }
    }
    let wanted = config.l_layers + config.r_layers + 4 * config.x_layers;
    let words = maps.get("attention.cross_lang_self.0").map(|map| map.size()[2]);
    let turned = maps.iter().any(|(name, map)| {
        name.starts_with("attention.cross_lang.") && words.is_some_and(|words| map.size()[2] != words)
    });
    if maps.len() != wanted || turned {
        return Err(Error::bug(format!(
            "the model collected {} of its {wanted} attention maps, or in an unexpected order",
            maps.len()
        )));
    }
    Ok(maps)
}
