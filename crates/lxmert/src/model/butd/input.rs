//! From a decoded picture to the network's input: mean subtracted, then resized as OpenCV resizes, bit for bit.
//!
//! Source: `_get_image_blob` in lib/fast_rcnn/test.py and `cv2.resize` (bilinear, OpenCV 3.4 to 4.10 without Intel's IPP).

use base::error::{Error, Result};

use super::proposal::ImageInfo;

/// Mean of the training images: blue, green, red.
const MEAN: [f64; 3] = [102.9801, 115.9465, 122.7717];
/// Channels of a picture.
const CHANNELS: usize = 3;

/// How large a picture is made before it enters the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestScale {
    /// Length in pixels that the short side gets (TEST.SCALES).
    pub short_side: u32,
    /// Upper limit of the long side in pixels, which takes precedence (TEST.MAX_SIZE).
    pub long_side: u32,
}

impl TestScale {
    /// The setting that LXMERT's features were made with.
    pub const RELEASED: Self = Self { short_side: 600, long_side: 1000 };

    /// Returns the factor for a picture of this size.
    pub fn factor(self, height: usize, width: usize) -> f64 {
        let (short, long) = (height.min(width) as f64, height.max(width) as f64);
        let factor = f64::from(self.short_side) / short;
        let limit = f64::from(self.long_side);
        if (factor * long).round_ties_even() > limit { limit / long } else { factor }
    }
}

/// The input of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct InputBlob {
    /// `(3, height, width)`: blue, green and red less their means.
    pub data: Vec<f32>,
    /// Height in pixels, resized.
    pub height: usize,
    /// Width in pixels, resized.
    pub width: usize,
    /// Resized length by original length.
    pub scale: f64,
}

impl InputBlob {
    /// Returns the blob `im_info`.
    pub fn info(&self) -> ImageInfo {
        ImageInfo { height: self.height as f32, width: self.width as f32, scale: self.scale as f32 }
    }
}

/// Makes the input from a picture of `height` rows of `width` pixels: blue, green, red.
///
/// # Errors
/// Data if a side would be shorter than a pixel; a bug if the number of bytes is not that of the picture.
pub fn input_blob(bgr: &[u8], height: usize, width: usize, test_scale: TestScale) -> Result<InputBlob> {
    if bgr.len() != height * width * CHANNELS || bgr.is_empty() {
        return Err(Error::bug(format!("{} bytes are no picture of {width} x {height} pixels", bgr.len())));
    }
    let scale = test_scale.factor(height, width);
    let [out_height, out_width] = [height, width].map(|side| (side as f64 * scale).round_ties_even() as usize);
    if out_height == 0 || out_width == 0 {
        return Err(Error::data(format!(
            "a picture of {width} x {height} pixels is resized by {scale:.6}, which leaves a side of no pixels"
        ))
        .next("leave this image out; the original cannot read it either"));
    }
    let pixels: Vec<f32> = bgr
        .as_chunks::<CHANNELS>()
        .0
        .iter()
        .flat_map(|bgr| std::array::from_fn::<_, CHANNELS, _>(|c| less_mean(bgr[c], c)))
        .collect();
    let source = Source { pixels: &pixels, height, width };
    let data =
        if scale == 0.5 { source.halved(out_height, out_width) } else { source.resized(out_height, out_width, scale) };
    Ok(InputBlob { data, height: out_height, width: out_width, scale })
}

/// Returns a channel's value less its mean: computed in 64 bits and rounded once.
fn less_mean(value: u8, channel: usize) -> f32 {
    (f64::from(value) - MEAN[channel]) as f32
}

/// The picture to be resized: rows of pixels of three channels.
struct Source<'p> {
    pixels: &'p [f32],
    height: usize,
    width: usize,
}

/// Two neighbouring positions and the weight of the second.
struct Tap {
    first: usize,
    second: usize,
    weight: f32,
}

/// Returns the two source positions of an output position and the weight of the second. The step is `1 / scale`, not the quotient of
/// the sizes.
fn tap(position: usize, inverse: f64, length: usize) -> (i64, f32) {
    let exact = ((position as f64 + 0.5) * inverse - 0.5) as f32;
    let floor = exact.floor();
    debug_assert!(floor < length as f32 + 1.0);
    (floor as i64, exact - floor)
}

/// Returns the source columns of an output column. At the borders the weight is zero.
fn column_tap(position: usize, inverse: f64, width: usize) -> Tap {
    let (index, weight) = tap(position, inverse, width);
    let last = width - 1;
    match usize::try_from(index) {
        Err(_) => Tap { first: 0, second: last.min(1), weight: 0.0 },
        Ok(first) if first >= last => Tap { first: last, second: last, weight: 0.0 },
        Ok(first) => Tap { first, second: first + 1, weight },
    }
}

/// Returns the source rows of an output row. At the borders the indices are clamped and the weight stays.
fn row_tap(position: usize, inverse: f64, height: usize) -> Tap {
    let (index, weight) = tap(position, inverse, height);
    let clamp = |index: i64| index.clamp(0, height as i64 - 1) as usize;
    Tap { first: clamp(index), second: clamp(index + 1), weight }
}

impl Source<'_> {
    /// Resizes by bilinear interpolation: along the rows first, each value as two products and one sum in 32 bits.
    fn resized(&self, out_height: usize, out_width: usize, scale: f64) -> Vec<f32> {
        let inverse = 1.0 / scale;
        let columns: Vec<Tap> = (0..out_width).map(|x| column_tap(x, inverse, self.width)).collect();
        let mut data = vec![0.0; CHANNELS * out_height * out_width];
        let mut rows =
            InterpolatedRows { source: self, columns: &columns, kept: [(usize::MAX, vec![]), (usize::MAX, vec![])] };
        for y in 0..out_height {
            let Tap { first, second, weight } = row_tap(y, inverse, self.height);
            rows.load(first, second);
            let (upper, lower) = (rows.row(first), rows.row(second));
            for (channel, plane) in data.chunks_exact_mut(out_height * out_width).enumerate() {
                let out = &mut plane[y * out_width..(y + 1) * out_width];
                let pick = channel * out_width..(channel + 1) * out_width;
                for ((out, &above), &below) in out.iter_mut().zip(&upper[pick.clone()]).zip(&lower[pick]) {
                    *out = above * (1.0 - weight) + below * weight;
                }
            }
        }
        data
    }

    /// Halves both sides as OpenCV does for a factor of exactly 0.5: the mean of each square of four pixels. At an odd border the mean
    /// is of the pixels that are there.
    fn halved(&self, out_height: usize, out_width: usize) -> Vec<f32> {
        let mut data = vec![0.0; CHANNELS * out_height * out_width];
        for (index, out) in data.iter_mut().enumerate() {
            let (channel, y, x) = (index / (out_height * out_width), index / out_width % out_height, index % out_width);
            let (mut sum, mut count) = (0.0_f32, 0.0_f32);
            for source_y in (2 * y..2 * y + 2).take_while(|&y| y < self.height) {
                for source_x in (2 * x..2 * x + 2).take_while(|&x| x < self.width) {
                    sum += self.pixels[(source_y * self.width + source_x) * CHANNELS + channel];
                    count += 1.0;
                }
            }
            *out = if count > 0.0 { sum / count } else { 0.0 };
        }
        data
    }
}

/// The two source rows that are in use, interpolated along the row, one channel after the other.
struct InterpolatedRows<'p> {
    source: &'p Source<'p>,
    columns: &'p [Tap],
    kept: [(usize, Vec<f32>); 2],
}

impl InterpolatedRows<'_> {
    /// Makes these rows available.
    fn load(&mut self, first: usize, second: usize) {
        for wanted in [first, second] {
            if self.kept.iter().all(|(row, _)| *row != wanted) {
                let place = self.kept.iter().position(|(row, _)| *row != first && *row != second).unwrap_or(0);
                self.kept[place] = (wanted, self.interpolate(wanted));
            }
        }
    }

    fn row(&self, wanted: usize) -> &[f32] {
        &self.kept[usize::from(self.kept[0].0 != wanted)].1
    }

    fn interpolate(&self, row: usize) -> Vec<f32> {
        let width = self.source.width * CHANNELS;
        let pixels = &self.source.pixels[row * width..(row + 1) * width];
        (0..CHANNELS)
            .flat_map(|channel| {
                self.columns.iter().map(move |tap| {
                    let [left, right] = [tap.first, tap.second].map(|x| pixels[x * CHANNELS + channel]);
                    left * (1.0 - tap.weight) + right * tap.weight
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_side_limits_the_factor() {
        let released = TestScale::RELEASED;
        assert_eq!(released.factor(480, 640), 1.25);
        assert_eq!(released.factor(60, 300), 1000.0 / 300.0);
        assert_eq!(released.factor(600, 1000), 1.0);
        let blob = input_blob(&vec![7; 333 * 500 * 3], 333, 500, released).unwrap();
        assert_eq!((blob.height, blob.width), (600, 901));
    }

    #[test]
    fn an_odd_side_that_is_halved_ends_with_the_mean_of_what_is_there() {
        let scale = TestScale { short_side: 1, long_side: 10 };
        let bgr: Vec<u8> = [10, 20, 41, 30, 40, 43].iter().flat_map(|&v| [v; 3]).collect();
        let blob = input_blob(&bgr, 2, 3, scale).unwrap();
        // 3 * 0.5 rounds to 2 columns, of which the second is half outside.
        assert_eq!((blob.height, blob.width, blob.scale), (1, 2, 0.5));
        let near = |got: f32, want: f64| assert!((f64::from(got) - want).abs() < 1e-5, "{got} is not {want}");
        near(blob.data[0], 25.0 - MEAN[0]);
        near(blob.data[1], 42.0 - MEAN[0]);
    }

    #[test]
    fn a_side_of_no_pixels_is_refused() {
        let error = input_blob(&vec![0; 3 * 3000], 1, 3000, TestScale::RELEASED).unwrap_err();
        assert!(error.to_string().contains("3000 x 1 pixels"), "{error}");
        assert!(input_blob(&[0; 5], 1, 1, TestScale::RELEASED).is_err());
    }
}
