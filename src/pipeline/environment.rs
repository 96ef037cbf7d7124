//! Where a run takes place.

use std::collections::BTreeMap;

use base::host::Host;
use judge::report::Environment;

/// What this machine and program are. `versions` are those of what the program stands on (libtorch, tch); the git commit is
/// that of the variable `REPRO_GIT_COMMIT` when the program was built.
pub fn gather(versions: &BTreeMap<String, String>, threads: usize, seeds: &[u64]) -> Environment {
    let Host { os, cpu, cpus, memory } = Host::here();
    Environment {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        commit: base::versions::commit().map(str::to_owned),
        versions: versions.clone(),
        os,
        cpu,
        cpus,
        memory,
        threads,
        image: None,
        seeds: seeds.to_vec(),
    }
}
