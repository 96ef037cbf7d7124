//! What a run is, to tell whether a snapshot is of the same one.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::error::{Error, Result};

/// What a run was asked for and what it runs on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// What decides the result: options by their names (`--lr`), data, sizes. Another value is another run.
    pub run: BTreeMap<String, Value>,
    /// What decides the last bits: threads, device, versions. Another value is said and no more.
    pub machine: BTreeMap<String, Value>,
    /// SHA-256 of the vocabulary ([`data::dataset::tokenizer::Tokenizer::sha256`]); absent in files of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
}

impl Identity {
    /// Returns what is known of a run by its options and the SHA-256 of its vocabulary, on whatever machine.
    pub fn of_options(run: BTreeMap<String, Value>, vocabulary: Option<&str>) -> Self {
        Self { run, vocabulary: vocabulary.map(str::to_owned), ..Self::default() }
    }

    /// Refuses to go on from a snapshot of another run.
    ///
    /// # Errors
    /// Data where the vocabulary differs, otherwise usage, naming what differs.
    pub fn check(&self, of: &Self, path: &Path, warn: &mut dyn FnMut(&str)) -> Result<()> {
        if let (Some(then), Some(now)) = (&of.vocabulary, &self.vocabulary)
            && then != now
        {
            return Err(Error::data("what is here was trained with another vocabulary")
                .because(format!("{}: its SHA-256 was {then} and is {now}", path.display()))
                .next("name the vocabulary of that run with --vocab FILE, or name another --output"));
        }
        let run = differences(&of.run, &self.run);
        if !run.is_empty() {
            return Err(Error::usage("what is here belongs to another run")
                .because(format!("{}: {}", path.display(), run.join("; ")))
                .next("repeat that run's options, name another --output, or begin anew with --restart"));
        }
        let machine = differences(&of.machine, &self.machine);
        if !machine.is_empty() {
            warn(&format!(
                "going on with another set-up, so perhaps not bit for bit as without the break: {}",
                machine.join("; ")
            ));
        }
        Ok(())
    }
}

fn differences(then: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) -> Vec<String> {
    let names = then.keys().chain(now.keys().filter(|name| !then.contains_key(*name)));
    names
        .filter(|name| then.get(*name) != now.get(*name))
        .map(|name| {
            let show = |of: Option<&Value>| of.map_or_else(|| "absent".to_owned(), Value::to_string);
            format!("{name} was {} and is {}", show(then.get(name)), show(now.get(name)))
        })
        .collect()
}
