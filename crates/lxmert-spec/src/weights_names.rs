//! Names of the files in which trainings leave weights.

/// Whether a file has a name that trainings give their weights.
pub fn is_weights_name(name: &str) -> bool {
    let stem = [".safetensors", ".pth"].iter().find_map(|form| name.strip_suffix(form));
    stem.is_some_and(|stem| match stem.strip_suffix("_LXRT") {
        Some(stem) => stem == "BEST_EVAL_LOSS" || stem.starts_with("Epoch"),
        None => ["BEST", "LAST"].contains(&stem),
    })
}
