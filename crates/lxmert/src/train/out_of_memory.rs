//! Recognises that a device has no memory left for a computation.
//!
//! tch's functions panic when libtorch throws an exception; its text is the only thing that says why.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

thread_local! {
    /// Whether this thread handles such panics itself, so that nothing is printed.
    static CATCHES: Cell<bool> = const { Cell::new(false) };
}

/// Does the work; returns `None` if the device had not enough memory for it. Other panics continue.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    stay_silent_when_caught();
    let outer = CATCHES.replace(true);
    // What the work had allocated was dropped; what it had changed is the caller's to judge.
    let ended = catch_unwind(AssertUnwindSafe(work));
    CATCHES.set(outer);
    match ended {
        Ok(made) => Some(made),
        Err(panic) if exhausted(&*panic).is_some() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// Returns what libtorch says of a panic because of exhausted memory, in one line; `None` if the panic has another cause.
pub fn exhausted(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())?;
    let start = ["CUDA out of memory", "CUDA error: out of memory", "DefaultCPUAllocator: can't allocate memory"]
        .iter()
        .find_map(|words| text.find(words))?;
    // After the first line come libtorch's own file names and line numbers; tch's panic quotes the text with escapes.
    text[start..].split(['\n', '"']).next()?.split("\\n").next()
}

/// Makes the panic hook print nothing about a panic that [`catch`] handles.
fn stay_silent_when_caught() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_caught = CATCHES.get() && exhausted(info.payload()).is_some();
            if !is_caught {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panic as tch causes it.
    fn run_out(words: &str) -> ! {
        panic!("called `Result::unwrap()` on an `Err` value: Torch({words:?})")
    }

    #[test]
    fn exhausted_memory_is_caught_and_other_panics_are_not() {
        let cuda =
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB free.\nException raised from malloc";
        assert_eq!(catch(|| if cuda.is_empty() { 1 } else { run_out(cuda) }), None);
        assert_eq!(catch(|| 2), Some(2));
        let panic = catch_unwind(|| run_out(cuda)).unwrap_err();
        assert_eq!(
            exhausted(&*panic),
            Some("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB free.")
        );
        let other = catch_unwind(|| catch(|| run_out("mat1 and mat2 shapes cannot be multiplied"))).unwrap_err();
        assert_eq!(exhausted(&*other), None);
    }

    #[test]
    fn libtorchs_own_message_is_recognised() {
        let too_large = || tch::Tensor::zeros([1 << 50], (tch::Kind::Float, tch::Device::Cpu));
        assert!(catch(too_large).is_none());
    }
}
