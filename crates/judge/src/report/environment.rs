//! Where a run took place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use base::format::human_bytes;
use base::host::HostFacts;

/// Where a run took place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Environment {
    /// Version of this program.
    pub program: String,
    /// Its git commit, where known when it was built.
    pub commit: Option<String>,
    /// Versions of what it stands on, such as libtorch.
    pub versions: BTreeMap<String, String>,
    /// Operating system and kernel.
    pub os: String,
    /// Processor model.
    pub cpu: String,
    /// Logical processors that the program may use.
    pub cpus: usize,
    /// Memory of the machine in bytes.
    pub memory: Option<u64>,
    /// Threads that the computation used.
    pub threads: usize,
    /// The container image that it was computed in, by name and content; `None` if it was computed on this machine itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Seeds that everything random came from.
    pub seeds: Vec<u64>,
}

impl Environment {
    /// Returns what a report says of where its run took place, everything random coming from these seeds.
    pub fn new(facts: HostFacts, seeds: &[u64], image: Option<String>) -> Self {
        let HostFacts { program, commit, os, cpu, cpus, memory, threads, versions, device: _ } = facts;
        Self { program, commit, versions, os, cpu, cpus, memory, threads, image, seeds: seeds.to_vec() }
    }

    /// Name and value of each line that a person reads.
    pub fn lines(&self) -> Vec<(String, String)> {
        let commit = self.commit.as_deref().map_or_else(String::new, |c| format!(" (commit {c})"));
        let memory = self.memory.map_or_else(|| "unknown".to_owned(), human_bytes);
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let mut lines = vec![("repro".to_owned(), format!("{}{commit}", self.program))];
        lines.extend(self.versions.iter().map(|(name, version)| (name.clone(), version.clone())));
        lines.extend(self.image.clone().map(|image| ("image".to_owned(), image)));
        lines.extend(
            [
                ("system", self.os.clone()),
                (
                    "processor",
                    if self.cpu.is_empty() { String::new() } else { format!("{}, {} logical", self.cpu, self.cpus) },
                ),
                ("memory", memory),
                ("threads", self.threads.to_string()),
                ("seeds", seeds.join(", ")),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        // A run that was made elsewhere does not say everything.
        lines.retain(|(_, value)| !value.is_empty());
        lines
    }
}
