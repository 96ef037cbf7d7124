//! What a measurement was made with: versions, processor, memory.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::pipeline::environment;
use data::features::bench::peak_rss_bytes;

/// The JSON object of a measurement: its own entries, then memory, threads, versions and machine.
pub(super) fn report(measured: Value, threads: usize) -> Value {
    let mut entries = match measured {
        Value::Object(entries) => entries,
        other => Map::from_iter([("measured".to_owned(), other)]),
    };
    let here = environment::gather(&base::versions::arithmetic(), threads, &[]);
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
