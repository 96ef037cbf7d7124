//! Wrappers around a model, such as PyTorch's for several GPUs, and the parts that they put into the names of its tensors.

use std::borrow::Cow;

/// Parts of a name that come from a wrapper. No module of LXMERT has one of these names.
pub(crate) const WRAPPERS: [&str; 4] = ["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// Returns a name without the parts that come from wrappers.
pub(crate) fn unwrapped(name: &str) -> Cow<'_, str> {
    if !name.split('.').any(|part| WRAPPERS.contains(&part)) {
        return Cow::Borrowed(name);
    }
    let parts: Vec<&str> = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect();
    Cow::Owned(parts.join("."))
}
