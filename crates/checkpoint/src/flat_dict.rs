//! Checks that a pickle is a flat dict from names to tensors, and explains why if it is not.

use super::pickle_value::{PickleOutput, PickleValue};
use base::error::{Error, Result};

/// Checks that a pickle is a flat dict from names to tensors. The error lists the other entries and the program that wrote the
/// file.
pub(super) fn check_flat_dict(pickled: &PickleOutput<'_>) -> Result<()> {
    const MOST_LISTED: usize = 12;
    let Some(entries) = pickled.dict(pickled.root) else {
        return Err(Error::data(format!("it is not a state dict: it holds a {}", pickled.kind(pickled.root))));
    };
    let is_tensor =
        |(key, value): &(PickleValue, PickleValue)| pickled.text(*key).is_some() && pickled.tensor(*value).is_some();
    let odd: Vec<&(PickleValue, PickleValue)> = entries.iter().filter(|entry| !is_tensor(entry)).collect();
    if odd.is_empty() {
        return Ok(());
    }
    let name =
        |key: PickleValue| pickled.text(key).map_or_else(|| pickled.kind(key), |text| format!("{:?}", shortened(text)));
    let mut found: Vec<String> =
        odd.iter().take(MOST_LISTED).map(|(key, value)| format!("{} ({})", name(*key), pickled.kind(*value))).collect();
    if odd.len() > MOST_LISTED {
        found.push(format!("and {} more", odd.len() - MOST_LISTED));
    }
    let found = found.join(", ");
    let mut error = Error::data(match entries.len() - odd.len() {
        0 => format!("it is not a flat state dict: it holds {found}"),
        tensors => format!("it is not a flat state dict: beside {tensors} tensors it holds {found}"),
    });
    let has = |wanted: &&(&str, &str)| entries.iter().any(|(key, _)| pickled.text(*key) == Some(wanted.0));
    if let Some((_, writer)) = WRITERS.iter().find(has) {
        error = error.because(format!("it looks like a checkpoint of {writer}"));
    }
    let inner = entries.iter().find(|(_, value)| {
        pickled.dict(*value).is_some_and(|d| !d.is_empty() && d.iter().all(|(_, v)| pickled.tensor(*v).is_some()))
    });
    Err(match (inner, &odd[..]) {
        (Some((key, _)), _) => {
            let key = name(*key);
            error.next(format!(
                "its entry {key} looks like one: save only this entry, torch.save(torch.load(OLD)[{key}], NEW)"
            ))
        }
        (None, [(key, _)]) if entries.len() > 1 => {
            let key = name(*key);
            error.next(format!("save it without {key}: d = torch.load(OLD); d.pop({key}); torch.save(d, NEW)"))
        }
        _ => error.next("save only the model's state_dict()"),
    })
}

/// Entries that identify training checkpoints of other programs, the most specific first.
const WRITERS: [(&str, &str); 7] = [
    ("pytorch-lightning_version", "PyTorch Lightning"),
    ("best_update", "mmf"),
    ("best_metric_value", "mmf"),
    ("optimizer", "a training program"),
    ("optimizer_state_dict", "a training program"),
    ("optimizer_states", "a training program"),
    ("epoch", "a training program"),
];

/// Shortens a name from a file for a message.
pub(super) fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}
