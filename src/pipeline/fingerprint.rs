//! Fingerprints of stages: what a result depends on, kept in parts so that a change can be named.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::error::{Error, Result};
use base::files;

/// Raised when the meaning of the parts changes, so that every stage runs again.
const EDITION: u32 = 1;

/// Everything that the result of a stage depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FingerprintParts {
    /// Edition of this structure.
    pub edition: u32,
    /// Name of the stage.
    pub stage: String,
    /// Version of the stage's code.
    pub code_version: u32,
    /// Where it runs: `host`, or an image.
    pub executor: String,
    /// Its parameters.
    pub parameters: Value,
    /// SHA-256 of each input by name: `NAME` for a file, `STAGE` or `STAGE/PATH` for outputs.
    pub inputs: BTreeMap<String, String>,
}

impl FingerprintParts {
    /// Creates parts of the current edition.
    pub fn new(
        stage: &str,
        code_version: u32,
        executor: &str,
        parameters: &Value,
        inputs: BTreeMap<String, String>,
    ) -> Self {
        let (stage, executor) = (stage.to_owned(), executor.to_owned());
        Self { edition: EDITION, stage, code_version, executor, parameters: parameters.clone(), inputs }
    }

    /// Returns the SHA-256 over all parts, independent of the order of keys.
    pub fn fingerprint(&self) -> Result<String> {
        let value = serde_json::to_value(self)
            .map_err(|e| Error::bug(format!("parts of stage {} cannot be written", self.stage)).because(e))?;
        Ok(files::sha256_bytes(sorted(&value).to_string().as_bytes()))
    }

    /// Lists what changed since `earlier`, one sentence each; empty if the parts are equal.
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let mut changes = self.changes_but_inputs(earlier);
        for name in earlier.inputs.keys().chain(self.inputs.keys()).collect::<BTreeSet<_>>() {
            match (earlier.inputs.get(name), self.inputs.get(name)) {
                (Some(old), Some(new)) if old != new => changes.push(format!("input `{name}` changed")),
                (None, Some(_)) => changes.push(format!("input `{name}` is new")),
                (Some(_), None) => changes.push(format!("input `{name}` is no longer read")),
                _ => {}
            }
        }
        changes
    }

    /// Like [`Self::changes_since`], but without the inputs, for a stage whose inputs are not known yet.
    pub fn changes_but_inputs(&self, earlier: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if earlier.edition != self.edition {
            changes.push("fingerprints are computed differently".to_owned());
        }
        if earlier.code_version != self.code_version {
            changes.push(format!("its code changed (version {} -> {})", earlier.code_version, self.code_version));
        }
        if earlier.executor != self.executor {
            changes.push(format!("it runs in a different place ({} -> {})", earlier.executor, self.executor));
        }
        let (old, new) = (flat(&earlier.parameters), flat(&self.parameters));
        for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let shown = |v: Option<&String>| v.map_or_else(|| "absent".to_owned(), |v| shortened(v));
            if old.get(name) != new.get(name) {
                changes.push(format!("parameter `{name}` {} -> {}", shown(old.get(name)), shown(new.get(name))));
            }
        }
        changes
    }
}

/// Sorts the keys at every level.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<&String, Value> = map.iter().map(|(k, v)| (k, sorted(v))).collect();
            Value::Object(ordered.into_iter().map(|(k, v)| (k.clone(), v)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Returns the leaves by dotted path; a list counts as one leaf.
fn flat(value: &Value) -> BTreeMap<String, String> {
    fn walk(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, below) in map {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(&path, below, out);
                }
            }
            Value::Null if path.is_empty() => {}
            leaf => {
                out.insert(path.to_owned(), sorted(leaf).to_string());
            }
        }
    }
    let mut out = BTreeMap::new();
    walk("", value, &mut out);
    out
}

fn shortened(text: &str) -> String {
    const MOST: usize = 48;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parts(parameters: Value, inputs: &[(&str, &str)]) -> FingerprintParts {
        let inputs = inputs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        FingerprintParts::new("train", 1, "host", &parameters, inputs)
    }

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one = parts(json!({"a": 1, "b": {"c": 2, "d": [{"x": 1, "y": 2}]}}), &[]);
        let two = parts(json!({"b": {"d": [{"y": 2, "x": 1}], "c": 2}, "a": 1}), &[]);
        assert_eq!(one.fingerprint().unwrap(), two.fingerprint().unwrap());
        assert_eq!(two.changes_since(&one), Vec::<String>::new());
    }

    #[test]
    fn every_part_counts_and_is_named() {
        let old = parts(json!({"epochs": 4, "model": {"layers": 2}, "gone": true}), &[("data", "1"), ("old", "2")]);
        let mut new =
            parts(json!({"epochs": 5, "model": {"layers": 2}, "new": "x".repeat(60)}), &[("data", "3"), ("new", "4")]);
        (new.code_version, new.executor) = (2, "sha256:ab".into());
        insta::assert_snapshot!(new.changes_since(&old).join("\n"), @r#"
        its code changed (version 1 -> 2)
        it runs in a different place (host -> sha256:ab)
        parameter `epochs` 4 -> 5
        parameter `gone` true -> absent
        parameter `new` absent -> "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
        input `data` changed
        input `new` is new
        input `old` is no longer read
        "#);
        for changed in [
            FingerprintParts { edition: 2, ..old.clone() },
            FingerprintParts { stage: "other".into(), ..old.clone() },
            FingerprintParts { code_version: 2, ..old.clone() },
            FingerprintParts { executor: "x".into(), ..old.clone() },
            FingerprintParts { parameters: json!({}), ..old.clone() },
            FingerprintParts { inputs: BTreeMap::new(), ..old.clone() },
        ] {
            assert_ne!(changed.fingerprint().unwrap(), old.fingerprint().unwrap());
        }
    }
}
