//! The list for programs.

use serde_json::{Value, json};

use super::entry::{Entry, Row, State};

/// The way the list is written.
const SCHEMA: u32 = 1;

/// Returns the list as one JSON object.
pub fn json(entries: &[Entry]) -> Value {
    json!({ "schema": SCHEMA, "runs": entries.iter().map(entry).collect::<Vec<_>>() })
}

fn entry(entry: &Entry) -> Value {
    let Entry { folder, kind, date, profile, state, verdict, tasks } = entry;
    json!({
        "folder": folder,
        "kind": kind.name(),
        "date": date,
        "profile": profile,
        "state": self::state(state),
        "verdict": verdict,
        "protocol": if entry.is_demo() { "demo" } else { "published" },
        "tasks": tasks.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(Row { task, split, score, seed, verdict, deviations }: &Row) -> Value {
    json!({ "task": task, "split": split, "score": score, "seed": seed, "verdict": verdict, "deviations": deviations })
}

fn state(state: &State) -> Value {
    match state {
        State::Finished => json!({ "name": "finished" }),
        State::Running => json!({ "name": "running" }),
        State::Stopped { step, stage, next } => {
            json!({ "name": "stopped", "step": step, "stage": stage, "resumable": true, "next": next })
        }
        State::Failed { stage, class, cause, next } => {
            json!({ "name": "failed", "stage": stage, "class": class, "cause": cause, "next": next })
        }
        State::Damaged { cause, next } => json!({ "name": "damaged", "cause": cause, "next": next }),
    }
}
