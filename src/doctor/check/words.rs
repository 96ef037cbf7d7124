//! Words that several checks use.

/// `1 GPU`, `2 GPUs`.
pub(super) fn gpus(count: usize) -> String {
    if count == 1 { "1 GPU".to_owned() } else { format!("{count} GPUs") }
}
