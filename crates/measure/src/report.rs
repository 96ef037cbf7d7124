//! The JSON report of a measurement: its results with versions, processor and memory.

use std::collections::BTreeMap;

use base::host::{HostFacts, peak_memory};
use serde_json::{Map, Value, json};

/// Returns the JSON object of a measurement: its own entries, then memory, threads, versions and machine.
pub fn report(measured: Value, threads: usize) -> Value {
    report_with(BTreeMap::new(), measured, threads)
}

/// Like [`report`], with the versions of further libraries.
pub fn report_with(mut versions: BTreeMap<String, String>, measured: Value, threads: usize) -> Value {
    let mut entries = match measured {
        Value::Object(entries) => entries,
        other => Map::from_iter([("measured".to_owned(), other)]),
    };
    let HostFacts { program, os, cpu, cpus, memory, .. } = HostFacts::here();
    versions.insert("repro".to_owned(), program);
    entries.insert("peak_memory_bytes".into(), json!(peak_memory()));
    entries.insert("threads".into(), json!(threads));
    entries.insert("versions".into(), json!(versions));
    entries.insert("machine".into(), json!({ "cpu": cpu, "cpus": cpus, "memory_bytes": memory, "os": os }));
    Value::Object(entries)
}
