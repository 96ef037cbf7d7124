//! Which GPUs a container gets.

/// GPUs of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Gpus {
    /// None.
    #[default]
    None,
    /// All that there are.
    All,
    /// Those with these indices or UUIDs.
    Some(Vec<String>),
}
