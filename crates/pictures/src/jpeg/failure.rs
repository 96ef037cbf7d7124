//! How libjpeg's errors leave it. `error_exit` must not return to libjpeg, so it unwinds through its frames, which are compiled for
//! that (feature `unwinding` of mozjpeg-sys); what they hold is freed with the decompressor. No hook for panics is called.

use std::ffi::{c_int, c_uchar};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mozjpeg_sys as sys;

use crate::refusal::Refusal;

/// What unwinds out of libjpeg.
struct Failure(Refusal);

/// Length of the buffer that libjpeg expects for a message (JMSG_LENGTH_MAX).
const MESSAGE: usize = 200;
const OUT_OF_MEMORY: c_int = sys::JERR_OUT_OF_MEMORY as c_int;
const NO_FRAME: c_int = sys::JERR_NO_IMAGE as c_int;
const NO_SCAN: c_int = sys::JERR_SOF_NO_SOS as c_int;

/// Returns how libjpeg reports errors here.
pub(super) fn error_manager() -> sys::jpeg_error_mgr {
    // SAFETY: the type is plain data of C, for which zeros are valid; jpeg_std_error fills it in.
    let mut manager = unsafe { std::mem::zeroed() };
    // SAFETY: it only writes to what it is given.
    unsafe { sys::jpeg_std_error(&mut manager) };
    manager.error_exit = Some(error_exit);
    manager.emit_message = Some(ignore_message);
    manager.output_message = Some(ignore_output);
    manager
}

/// Calls libjpeg and returns its error, if it reports one.
pub(super) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Refusal> {
    // What was being changed is only destroyed afterwards.
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| match payload.downcast::<Failure>() {
        Ok(failure) => failure.0,
        Err(panic) => resume_unwind(panic),
    })
}

/// Leaves libjpeg with a refusal. Only for functions that libjpeg calls below [`caught`].
pub(super) fn fail(refusal: Refusal) -> ! {
    resume_unwind(Box::new(Failure(refusal)))
}

#[cold]
unsafe extern "C-unwind" fn error_exit(common: &mut sys::jpeg_common_struct) {
    // SAFETY: libjpeg calls this with the error manager that it was given, which outlives it.
    let code = unsafe { (*common.err).msg_code };
    fail(match code {
        NO_FRAME | NO_SCAN => Refusal::CutShort("it holds no pixels"),
        OUT_OF_MEMORY => Refusal::OutOfMemory,
        _ => Refusal::Damaged { format: "JPEG", why: message(common) },
    })
}

fn message(common: &mut sys::jpeg_common_struct) -> String {
    let mut buffer = [0_u8; MESSAGE];
    // SAFETY: as in `error_exit`. mozjpeg-sys declares the buffer as shorter than it is and as constant; in C it is `char *`, and
    // libjpeg writes at most MESSAGE bytes with a zero at their end.
    unsafe {
        if let Some(format) = (*common.err).format_message {
            type Declared = for<'a, 'b> unsafe extern "C-unwind" fn(&'a mut sys::jpeg_common_struct, &'b [u8; 80]);
            type Real = unsafe extern "C-unwind" fn(*mut sys::jpeg_common_struct, *mut c_uchar);
            std::mem::transmute::<Declared, Real>(format)(common, buffer.as_mut_ptr());
        }
    }
    let length = buffer.iter().position(|&byte| byte == 0).unwrap_or(MESSAGE);
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// Warnings (such as a premature end) change nothing, and nothing is printed.
unsafe extern "C-unwind" fn ignore_message(_: &mut sys::jpeg_common_struct, _: c_int) {}

unsafe extern "C-unwind" fn ignore_output(_: &mut sys::jpeg_common_struct) {}
