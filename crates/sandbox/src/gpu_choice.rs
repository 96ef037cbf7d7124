//! The choice of GPUs for a container.

/// GPUs of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Gpus {
    /// None.
    #[default]
    None,
    /// All GPUs.
    All,
    /// GPUs with these indices or UUIDs.
    Some(Vec<String>),
}
