//! Where libjpeg reads from: bytes in memory, given in the portions of its own reader of files (jdatasrc.c), as OpenCV uses it. So
//! damaged data take the same way through the decoder.

use std::ffi::c_long;

use mozjpeg_sys as sys;

/// Bytes that libjpeg's reader of files reads at once.
const PORTION: usize = 4096;
/// What is read where the bytes end: the mark of a picture's end.
const END: [u8; 2] = [0xff, 0xd9];

/// A source of bytes. libjpeg knows it by the address of its first field.
#[repr(C)]
pub(super) struct Source<'a> {
    pub(super) interface: sys::jpeg_source_mgr,
    rest: &'a [u8],
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let interface = sys::jpeg_source_mgr {
            next_input_byte: std::ptr::null(),
            bytes_in_buffer: 0,
            init_source: Some(nothing),
            fill_input_buffer: Some(fill),
            skip_input_data: Some(skip),
            resync_to_restart: Some(sys::jpeg_resync_to_restart),
            term_source: Some(nothing),
        };
        Self { interface, rest: bytes }
    }

    fn fill(&mut self) {
        let portion;
        (portion, self.rest) = self.rest.split_at(self.rest.len().min(PORTION));
        let portion = if portion.is_empty() { &END } else { portion };
        self.interface.next_input_byte = portion.as_ptr();
        self.interface.bytes_in_buffer = portion.len();
    }

    fn skip(&mut self, mut bytes: usize) {
        while bytes > self.interface.bytes_in_buffer {
            bytes -= self.interface.bytes_in_buffer;
            self.fill();
        }
        // SAFETY: the portion has as many bytes.
        self.interface.next_input_byte = unsafe { self.interface.next_input_byte.add(bytes) };
        self.interface.bytes_in_buffer -= bytes;
    }
}

unsafe extern "C-unwind" fn nothing(_: &mut sys::jpeg_decompress_struct) {}

unsafe extern "C-unwind" fn fill(info: &mut sys::jpeg_decompress_struct) -> sys::boolean {
    // SAFETY: `src` points to the first field of a `Source`, which outlives the decompressor; nothing else refers to it now.
    unsafe { (*info.src.cast::<Source>()).fill() };
    1
}

unsafe extern "C-unwind" fn skip(info: &mut sys::jpeg_decompress_struct, bytes: c_long) {
    // SAFETY: as above.
    usize::try_from(bytes).into_iter().for_each(|bytes| unsafe { (*info.src.cast::<Source>()).skip(bytes) });
}
