//! The identity of a run, which decides whether a snapshot belongs to it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::error::{Error, Result};

/// The identity of a run: its options and data, its vocabulary, and the machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// What decides the result: options by their names (`--lr`), data, sizes. A run with another value is another run.
    pub run: BTreeMap<String, Value>,
    /// What may change the last bits: threads, device, versions. Another value only causes a warning.
    pub machine: BTreeMap<String, Value>,
    /// SHA-256 of the vocabulary ([`data::dataset::tokenizer::Tokenizer::sha256`]); missing in files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
}

impl RunIdentity {
    /// Returns the identity of a run by its options and the SHA-256 of its vocabulary, without data and machine.
    pub fn of_options(run: BTreeMap<String, Value>, vocabulary: Option<&str>) -> Self {
        Self { run, vocabulary: vocabulary.map(str::to_owned), ..Self::default() }
    }

    /// Checks that the snapshot or outcome at `path`, with the identity `of`, belongs to this run. Calls `warn` if only the machine
    /// differs.
    ///
    /// # Errors
    /// Data if the vocabulary differs; usage, with what differs, if another part does.
    pub fn check(&self, of: &Self, path: &Path, warn: &mut dyn FnMut(&str)) -> Result<()> {
        if let (Some(then), Some(now)) = (&of.vocabulary, &self.vocabulary)
            && then != now
        {
            return Err(Error::data(format!("{} is of a run with another vocabulary", path.display()))
                .because(format!("the SHA-256 of the vocabulary was {then} and is {now}"))
                .next("name the vocabulary of that run with --vocab FILE, or name another --output"));
        }
        let run = differences(&of.run, &self.run);
        if !run.is_empty() {
            return Err(Error::usage(format!("{} belongs to another run", path.display()))
                .because(run.join("; "))
                .next("repeat that run's options, name another --output, or train from scratch with --restart"));
        }
        let machine = differences(&of.machine, &self.machine);
        if !machine.is_empty() {
            warn(&format!(
                "resuming on another set-up, so the result may differ in the last bits: {}",
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
