//! Files that end early, at every byte.

use pictures::{Refusal, decode};

use crate::opencv::sample;

/// Where the compressed pixels of a JPEG with one scan begin: behind the header of the scan.
fn start_of_pixels(jpeg: &[u8]) -> usize {
    let marker = jpeg.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    marker + 2 + usize::from(u16::from_be_bytes([jpeg[marker + 2], jpeg[marker + 3]]))
}

#[test]
fn a_jpeg_that_ends_in_its_pixels_is_decoded_and_what_is_missing_is_grey() {
    for name in ["sampling-1x1.jpg", "sampling-2x2.jpg", "restarts.jpg", "grey.jpg"] {
        let whole = sample(name);
        let picture = decode(&whole).unwrap();
        let pixels = start_of_pixels(&whole);
        for end in pixels..whole.len() {
            let cut = decode(&whole[..end]).unwrap_or_else(|refusal| panic!("{name} up to {end}: {refusal}"));
            assert_eq!((cut.width, cut.height, cut.bgr.len()), (picture.width, picture.height, picture.bgr.len()));
            if end < pixels + (whole.len() - pixels) / 3 {
                assert!(cut.bgr.ends_with(&[128; 3]), "{name} up to {end}");
            }
        }
    }
}

#[test]
fn a_jpeg_that_ends_before_its_pixels_is_refused() {
    let whole = sample("sampling-2x2.jpg");
    for end in 0..start_of_pixels(&whole) - 14 {
        let refusal = decode(&whole[..end]).unwrap_err();
        match end {
            0 => assert_eq!(refusal, Refusal::Empty),
            1..3 => assert_eq!(refusal, Refusal::NotAPicture),
            _ => assert!(matches!(refusal, Refusal::CutShort(_) | Refusal::Damaged { .. }), "{end}: {refusal}"),
        }
    }
}

#[test]
fn a_jpeg_of_any_kind_that_ends_anywhere_is_a_picture_or_refused() {
    for name in ["progressive.jpg", "arithmetic.jpg", "arithmetic-progressive.jpg", "cmyk-adobe.jpg", "ycck.jpg"] {
        let whole = sample(name);
        let picture = decode(&whole).unwrap();
        let decoded = (0..whole.len()).filter_map(|end| decode(&whole[..end]).ok());
        assert!(decoded.map(|cut| assert_eq!(cut.bgr.len(), picture.bgr.len())).count() > 50, "{name}");
    }
}

#[test]
fn a_png_that_ends_early_is_refused_wherever_it_ends() {
    for name in ["rgb-8.png", "grey-16-interlaced.png", "palette-4.png", "exif-6-behind.png"] {
        let whole = sample(name);
        assert!(decode(&whole).is_ok());
        for end in 8..whole.len() {
            let refusal = decode(&whole[..end]).expect_err(name);
            assert_eq!(refusal, Refusal::CutShort("its end mark is missing"), "{name} up to {end}");
        }
    }
}
