//! libjpeg's decompressor behind functions that are safe to call: an error destroys it, and its parts stay where they are.

use std::marker::PhantomData;
use std::ptr::addr_of_mut;

use mozjpeg_sys as sys;

use super::failure::{caught, error_manager, fail};
use super::source::Source;
use super::transform::set_inverse_dct;
use crate::limits::{SCANS, Size};
use crate::refusal::Refusal;

const APP1: i32 = 0xe1;

/// A decompressor whose header was read.
pub(super) struct Decoder<'a> {
    /// Not a `Box`: the parts point to each other.
    parts: *mut Parts<'a>,
    bytes: PhantomData<&'a [u8]>,
}

struct Parts<'a> {
    info: sys::jpeg_decompress_struct,
    errors: sys::jpeg_error_mgr,
    progress: sys::jpeg_progress_mgr,
    source: Source<'a>,
}

impl<'a> Decoder<'a> {
    /// Reads everything up to the first pixels.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Refusal> {
        // SAFETY: both types are plain data of C, for which zeros are valid.
        let (info, progress) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let parts = Parts { info, errors: error_manager(), progress, source: Source::new(bytes) };
        let decoder = Self { parts: Box::into_raw(Box::new(parts)), bytes: PhantomData };
        let parts = decoder.parts;
        // SAFETY: `parts` is valid until the decoder is dropped, and is used by this thread only.
        caught(|| unsafe {
            (*parts).info.common.err = addr_of_mut!((*parts).errors);
            sys::jpeg_create_decompress(addr_of_mut!((*parts).info));
            (*parts).progress.progress_monitor = Some(limit_scans);
            (*parts).info.common.progress = addr_of_mut!((*parts).progress);
            (*parts).info.src = addr_of_mut!((*parts).source).cast();
            sys::jpeg_save_markers(&mut (*parts).info, APP1, 0xffff);
            sys::jpeg_read_header(&mut (*parts).info, 1);
        })?;
        Ok(decoder)
    }

    fn info(&self) -> &sys::jpeg_decompress_struct {
        // SAFETY: `parts` is valid until the decoder is dropped; libjpeg does not run now.
        unsafe { &(*self.parts).info }
    }

    fn info_mut(&mut self) -> &mut sys::jpeg_decompress_struct {
        // SAFETY: as above.
        unsafe { &mut (*self.parts).info }
    }

    pub(super) fn size(&self) -> Size {
        let info = self.info();
        Size { width: info.image_width as usize, height: info.image_height as usize }
    }

    /// Returns whether the picture has four colours: cyan, magenta, yellow, and black.
    pub(super) fn is_cmyk(&self) -> bool {
        self.info().num_components == 4
    }

    /// Returns the data of the first APP1 segment before the pixels.
    pub(super) fn app1(&self) -> Option<&[u8]> {
        // SAFETY: libjpeg keeps the segment until the decompressor is destroyed; it has as many bytes as it says.
        unsafe {
            let marker = self.info().marker_list.as_ref()?;
            (!marker.data.is_null()).then(|| std::slice::from_raw_parts(marker.data, marker.data_length as usize))
        }
    }

    /// Returns how much memory libjpeg will take: rows of each colour, and all coefficients if they come in several scans.
    pub(super) fn memory(&self) -> usize {
        let info = self.info();
        // SAFETY: the header was read.
        let has_scans = unsafe { sys::jpeg_has_multiple_scans(info) } != 0;
        let count = usize::try_from(info.num_components).unwrap_or(0);
        // SAFETY: after the header there are as many components.
        let components = unsafe { std::slice::from_raw_parts(info.comp_info, count) };
        let of_each = components.iter().map(|component| {
            let (wide, high) = (component.width_in_blocks as usize, component.height_in_blocks as usize);
            let (h, v) = (component.h_samp_factor as usize, component.v_samp_factor as usize);
            // Twelve groups of rows hold a strip and its neighbours, upsampled too.
            let rows = wide * 8 * 12 * (v + info.max_v_samp_factor as usize);
            let coefficients = wide.next_multiple_of(h) * high.next_multiple_of(v) * 64 * 2;
            rows + if has_scans { coefficients } else { 0 }
        });
        of_each.sum()
    }

    /// Starts to decode. All scans but those of a sequential picture are read now.
    pub(super) fn start(&mut self) -> Result<(), Refusal> {
        let cmyk = self.is_cmyk();
        let info = self.info_mut();
        info.out_color_space = if cmyk { sys::JCS_CMYK } else { sys::JCS_EXT_BGR };
        let parts = self.parts;
        // SAFETY: see `new`.
        caught(|| unsafe {
            sys::jpeg_start_decompress(&mut (*parts).info);
            set_inverse_dct(addr_of_mut!((*parts).info));
        })
    }

    /// Decodes the next row: three bytes a pixel, four of a CMYK picture.
    pub(super) fn read_row(&mut self, row: &mut [u8]) -> Result<(), Refusal> {
        let info = self.info();
        assert_eq!(row.len(), info.output_width as usize * if self.is_cmyk() { 4 } else { 3 });
        let (parts, mut row) = (self.parts, row.as_mut_ptr());
        // SAFETY: see `new`; libjpeg writes one row, whose length was checked.
        match caught(|| unsafe { sys::jpeg_read_scanlines(&mut (*parts).info, &mut row, 1) })? {
            1 => Ok(()),
            _ => Err(Refusal::CutShort("its pixels end")),
        }
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: `parts` came from a box and is not used again. Destroying reports no errors, also where creating failed.
        unsafe {
            sys::jpeg_destroy_decompress(&mut (*self.parts).info);
            drop(Box::from_raw(self.parts));
        }
    }
}

/// Stops at a picture that asks for endless work: each scan changes all coefficients, and may have a few bytes only.
unsafe extern "C-unwind" fn limit_scans(common: &mut sys::jpeg_common_struct) {
    let info = std::ptr::from_mut(common).cast::<sys::jpeg_decompress_struct>();
    // SAFETY: libjpeg calls this with the decompressor, whose first field this is.
    if unsafe { (*info).input_scan_number } > SCANS {
        fail(Refusal::TooManyScans);
    }
}
