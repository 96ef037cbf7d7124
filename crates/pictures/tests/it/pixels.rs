//! What becomes of a few pixels, said in full.

use pictures::decode;
use png::{BitDepth, ColorType, Encoder};

/// Returns a PNG of these samples; `more` are chunks before the pixels.
fn png(width: u32, colour: ColorType, depth: BitDepth, samples: &[u8], more: &[([u8; 4], &[u8])]) -> Vec<u8> {
    let bits = width * colour.samples() as u32 * depth as u32;
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, samples.len() as u32 / bits.div_ceil(8));
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == ColorType::Indexed {
        encoder.set_palette(vec![10, 20, 30, 40, 50, 60]);
    }
    let mut writer = encoder.write_header().unwrap();
    more.iter().for_each(|(name, content)| writer.write_chunk(png::chunk::ChunkType(*name), content).unwrap());
    writer.write_image_data(samples).unwrap();
    drop(writer);
    bytes
}

#[test]
fn every_kind_of_pixel_becomes_blue_green_and_red() {
    use BitDepth::*;
    use ColorType::*;
    let transparent: &[([u8; 4], &[u8])] = &[(*b"tRNS", &[0, 1, 0, 2, 0, 3])];
    for (colour, depth, samples, more, bgr) in [
        (Grayscale, One, &[0b0100_0000][..], &[][..], [0, 0, 0, 255, 255, 255]),
        (Grayscale, Two, &[0b0110_0000], &[], [85, 85, 85, 170, 170, 170]),
        (Grayscale, Four, &[0x1e], &[], [17, 17, 17, 238, 238, 238]),
        (Grayscale, Eight, &[7, 200], &[], [7, 7, 7, 200, 200, 200]),
        (Grayscale, Sixteen, &[7, 255, 200, 128], &[], [7, 7, 7, 200, 200, 200]),
        (GrayscaleAlpha, Eight, &[7, 0, 200, 128], &[], [7, 7, 7, 200, 200, 200]),
        (Rgb, Eight, &[1, 2, 3, 4, 5, 6], &[], [3, 2, 1, 6, 5, 4]),
        (Rgb, Eight, &[1, 2, 3, 4, 5, 6], transparent, [3, 2, 1, 6, 5, 4]),
        (Rgb, Sixteen, &[1, 255, 2, 255, 3, 255, 4, 255, 5, 255, 6, 255], &[], [3, 2, 1, 6, 5, 4]),
        (Rgba, Eight, &[1, 2, 3, 0, 4, 5, 6, 128], &[], [3, 2, 1, 6, 5, 4]),
        (Indexed, Eight, &[1, 0], &[], [60, 50, 40, 30, 20, 10]),
        (Indexed, Eight, &[1, 0], &[(*b"tRNS", &[0, 128])], [60, 50, 40, 30, 20, 10]),
        (Indexed, Four, &[0x0f], &[], [30, 20, 10, 0, 0, 0]),
    ] {
        let picture = decode(&png(2, colour, depth, samples, more)).unwrap();
        assert_eq!((picture.width, picture.height, &picture.bgr[..]), (2, 1, &bgr[..]), "{colour:?} {depth:?}");
    }
}

/// As the numbers are defined: where the first row and the first column of the stored picture belong.
#[test]
fn all_eight_orientations_are_applied() {
    for (orientation, width, expected) in [
        (1, 3, "abcdef"),
        (2, 3, "cbafed"),
        (3, 3, "fedcba"),
        (4, 3, "defabc"),
        (5, 2, "adbecf"),
        (6, 2, "daebfc"),
        (7, 2, "fcebda"),
        (8, 2, "cfbead"),
        (9, 3, "abcdef"),
    ] {
        let exif = [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0]].concat();
        let file = png(3, ColorType::Grayscale, BitDepth::Eight, b"abcdef", &[(*b"eXIf", &exif)]);
        let picture = decode(&file).unwrap();
        let letters: String = picture.bgr.chunks(3).map(|pixel| char::from(pixel[0])).collect();
        assert_eq!((picture.width, picture.height, &letters[..]), (width, 6 / width, expected), "{orientation}");
        assert!(picture.bgr.chunks(3).all(|pixel| pixel == [pixel[0]; 3]));
    }
}
