//! What a measurement was made with: versions, processor, memory.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::features::bench::peak_rss_bytes;
use crate::pipeline::environment;

/// Versions of what the program stands on: tch, and the libtorch that is loaded. Empty without the `torch` feature.
pub fn versions() -> BTreeMap<String, String> {
    #[cfg(feature = "torch")]
    let versions = [("tch", env!("REPRO_TCH_VERSION").to_owned()), ("libtorch", libtorch())]
        .map(|(k, v)| (k.to_owned(), v))
        .into();
    #[cfg(not(feature = "torch"))]
    let versions = BTreeMap::new();
    versions
}

/// The version that the loaded library says it has.
#[cfg(feature = "torch")]
fn libtorch() -> String {
    unsafe extern "C" {
        /// Major, minor and patch number in the three highest bytes (torch/headeronly/version.h).
        safe fn aoti_torch_abi_version() -> u64;
    }
    let [major, minor, patch, ..] = aoti_torch_abi_version().to_be_bytes();
    format!("{major}.{minor}.{patch}")
}

/// The JSON object of a measurement: its own entries, then memory, threads, versions and machine.
pub(super) fn report(measured: Value, threads: usize) -> Value {
    let mut entries = match measured {
        Value::Object(entries) => entries,
        other => Map::from_iter([("measured".to_owned(), other)]),
    };
    let here = environment::gather(&versions(), threads, &[]);
    let mut versions = BTreeMap::from([("repro".to_owned(), here.program)]);
    versions.extend(here.versions);
    entries.insert("peak_memory_bytes".into(), json!(peak_rss_bytes()));
    entries.insert("threads".into(), json!(threads));
    entries.insert("versions".into(), json!(versions));
    entries.insert(
        "machine".into(),
        json!({ "cpu": here.cpu, "cpus": here.cpus, "memory_bytes": here.memory, "os": here.os }),
    );
    Value::Object(entries)
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use super::*;

    #[test]
    fn libtorch_is_the_pinned_one() {
        let versions = versions();
        assert_eq!(versions["libtorch"], "2.11.0");
        assert_eq!(versions["tch"], "0.24.0");
    }
}
