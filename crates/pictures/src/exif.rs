//! The orientation in Exif data, found as OpenCV finds it: of the first directory only, entry after entry until one reaches outside
//! of the data, whatever type it claims. Damaged data have no orientation; they never make a picture unreadable.

/// How the rows and columns of a stored picture lie, as Exif numbers it: 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orientation(u16);

const ORIENTATION: u16 = 0x0112;

impl Orientation {
    /// Rows from the top, columns from the left.
    pub(crate) const UPRIGHT: Self = Self(1);

    /// Reads the orientation from Exif data, which begin with the byte order. Upright if there is none.
    pub(crate) fn of(exif: &[u8]) -> Self {
        Exif::of(exif).and_then(Exif::orientation).filter(|o| (1..=8).contains(o)).map_or(Self::UPRIGHT, Self)
    }

    /// Returns whether rows become columns. This comes before the flips.
    pub(crate) fn transposes(self) -> bool {
        self.0 >= 5
    }

    /// Returns whether left and right are exchanged.
    pub(crate) fn flips_columns(self) -> bool {
        matches!(self.0, 2 | 3 | 6 | 7)
    }

    /// Returns whether top and bottom are exchanged.
    pub(crate) fn flips_rows(self) -> bool {
        matches!(self.0, 3 | 4 | 7 | 8)
    }
}

#[derive(Clone, Copy)]
struct Exif<'a> {
    data: &'a [u8],
    is_little_endian: bool,
}

impl<'a> Exif<'a> {
    /// Returns the data if their mark is that of a TIFF header. Any byte order but `II` is read like `MM`.
    fn of(data: &'a [u8]) -> Option<Self> {
        let exif = Self { data, is_little_endian: data.starts_with(b"II") };
        (exif.u16(2)? == 42).then_some(exif)
    }

    fn bytes<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.data.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn u16(self, at: usize) -> Option<u16> {
        let bytes = self.bytes(at)?;
        Some(if self.is_little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(self, at: usize) -> Option<usize> {
        let bytes = self.bytes(at)?;
        let value = if self.is_little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        usize::try_from(value).ok()
    }

    fn orientation(self) -> Option<u16> {
        let directory = self.u32(4)?;
        let entries = usize::from(self.u16(directory)?);
        for entry in (0..entries).map(|entry| directory + 2 + entry * 12) {
            match self.u16(entry)? {
                ORIENTATION => return self.u16(entry + 8),
                tag => self.check(tag, entry)?,
            }
        }
        None
    }

    /// Returns `None` if OpenCV would stop at the entry, since its value reaches outside of the data.
    fn check(self, tag: u16, entry: usize) -> Option<()> {
        let (at, length) = match tag {
            // Texts: description, maker, model, software, time, copyright. A short one lies in the entry, but OpenCV looks for it
            // near the start of the data.
            0x010e | 0x010f | 0x0110 | 0x0131 | 0x0132 | 0x8298 => match self.u32(entry + 4)? {
                length @ ..=4 => (8, length),
                length => (self.u32(entry + 8)?, length),
            },
            // Fractions of 8 bytes: resolutions, white point, primary colours, coefficients, reference black and white.
            0x011a | 0x011b => (self.u32(entry + 8)?, 8),
            0x013e => (self.u32(entry + 8)?, 16),
            0x013f | 0x0214 => (self.u32(entry + 8)?, 48),
            0x0211 => (self.u32(entry + 8)?, 24),
            // Numbers in the entry: unit of resolution, position of colours.
            0x0128 | 0x0213 => (entry + 8, 2),
            _ => return Some(()),
        };
        self.data.get(at..at.checked_add(length)?).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exif data of these entries: tag, type, count, value.
    fn exif(is_little_endian: bool, entries: &[(u16, u16, u32, [u8; 4])]) -> Vec<u8> {
        let u16_bytes = |value: u16| if is_little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        let u32_bytes = |value: u32| if is_little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        let mut data = if is_little_endian { b"II".to_vec() } else { b"MM".to_vec() };
        data.extend(u16_bytes(42));
        data.extend(u32_bytes(8));
        data.extend(u16_bytes(entries.len() as u16));
        for (tag, kind, count, value) in entries {
            data.extend(u16_bytes(*tag));
            data.extend(u16_bytes(*kind));
            data.extend(u32_bytes(*count));
            data.extend(value);
        }
        data
    }

    const SIX: (u16, u16, u32, [u8; 4]) = (ORIENTATION, 3, 1, [6, 0, 0, 0]);

    #[test]
    fn both_byte_orders_are_read() {
        assert_eq!(Orientation::of(&exif(true, &[SIX])), Orientation(6));
        assert_eq!(Orientation::of(&exif(false, &[(ORIENTATION, 3, 1, [0, 8, 0, 0])])), Orientation(8));
    }

    #[test]
    fn the_first_entry_counts_and_only_1_to_8_mean_something() {
        assert_eq!(Orientation::of(&exif(true, &[SIX, (ORIENTATION, 3, 1, [3, 0, 0, 0])])), Orientation(6));
        for nothing in [0, 9, 255] {
            let data = exif(true, &[(ORIENTATION, 3, 1, [nothing, 0, 0, 0]), SIX]);
            assert_eq!(Orientation::of(&data), Orientation::UPRIGHT);
        }
    }

    /// Like OpenCV 3.4.18, 4.6.0 and 4.10.0, which were tried.
    #[test]
    fn an_entry_that_reaches_outside_hides_what_follows_it() {
        let far = [0x88, 0x13, 0, 0];
        for (tag, count, hides) in [(0x010f, 100, true), (0x011a, 1, true), (0x0100, 100, false), (0x8769, 1, false)] {
            let before = Orientation::of(&exif(true, &[(tag, 2, count, far), SIX]));
            assert_eq!(before == Orientation::UPRIGHT, hides, "{tag:x}");
            assert_eq!(Orientation::of(&exif(true, &[SIX, (tag, 2, count, far)])), Orientation(6));
        }
    }

    #[test]
    fn damaged_data_have_no_orientation() {
        let data = exif(true, &[(0x0100, 3, 1, [1, 0, 0, 0]), SIX]);
        (0..data.len() - 2).for_each(|cut| assert_eq!(Orientation::of(&data[..cut]), Orientation::UPRIGHT, "{cut}"));
        let mut far = data.clone();
        far[4..8].fill(0xff);
        assert_eq!(Orientation::of(&far), Orientation::UPRIGHT);
    }
}
