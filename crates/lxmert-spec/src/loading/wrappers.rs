//! Wrappers around a model, such as for several GPUs, which put parts into the names of its tensors.

use std::borrow::Cow;

/// Parts of a name that a wrapper around the model puts there. No model of ours has a part of this name.
pub(crate) const WRAPPERS: [&str; 4] = ["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// A name without the parts that wrappers put into it.
pub(crate) fn unwrapped(name: &str) -> Cow<'_, str> {
    if !name.split('.').any(|part| WRAPPERS.contains(&part)) {
        return Cow::Borrowed(name);
    }
    let parts: Vec<&str> = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect();
    Cow::Owned(parts.join("."))
}
