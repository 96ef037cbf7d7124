//! What is refused, and with which words.

use std::cell::Cell;
use std::path::Path;

use base::error::{Error, Kind};
use pictures::{ReadError, Refusal, decode, read};

use crate::opencv::{folder, sample};

#[test]
fn what_is_no_jpeg_and_no_png_is_named() {
    let padded = |start: &[u8]| [start, &[0; 40]].concat();
    for (bytes, words) in [
        (vec![], "it is empty"),
        (b"a b c\n".to_vec(), "it is not a picture"),
        (padded(b"\x89PNG"), "it is not a picture"),
        (padded(b"GIF89a"), "it is a GIF, and only JPEG and PNG are decoded"),
        (padded(b"BM"), "it is a BMP, and only JPEG and PNG are decoded"),
        (padded(b"II*\0"), "it is a TIFF, and only JPEG and PNG are decoded"),
        (padded(b"RIFF\0\0\0\0WEBPVP8 "), "it is a WebP, and only JPEG and PNG are decoded"),
        (b"<!DOCTYPE html><title>Sign in</title>".to_vec(), "it is a web page, and only JPEG and PNG are decoded"),
        (
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
            "it is a Git LFS pointer, and only JPEG and PNG are decoded",
        ),
    ] {
        assert_eq!(decode(&bytes).unwrap_err().to_string(), words);
    }
}

#[test]
fn what_is_damaged_is_named_in_the_words_of_the_decoder() {
    for (name, words) in [
        ("cut-before-pixels.jpg", "it is cut short: it holds no pixels"),
        ("no-quantisation-tables.jpg", "its JPEG data cannot be decoded: Quantization table 0x00 was not defined"),
        ("no-end.png", "it is cut short: its end mark is missing"),
        ("checksum-of-pixels.png", "its PNG data cannot be decoded: the checksum of its IDAT chunk is wrong"),
        ("two-palettes.png", "its PNG data cannot be decoded: it has two palettes"),
        ("no-palette.png", "its PNG data cannot be decoded: it has no palette"),
        ("unknown-needed.png", "its PNG data cannot be decoded: its ABCD chunk is unknown"),
    ] {
        assert_eq!(decode(&sample(name)).unwrap_err().to_string(), words, "{name}");
    }
}

#[test]
fn a_caller_can_tell_a_refused_file_from_one_that_cannot_be_read() {
    let refused = folder().join("no-end.png");
    let error = read(&refused).unwrap_err();
    assert!(matches!(&error, ReadError::Refused { path, refusal: Refusal::CutShort(_) } if *path == refused));
    let error = Error::from(error);
    assert_eq!(error.kind(), Kind::Data);
    assert_eq!(
        error.to_string().replace(&refused.display().to_string(), "FILE"),
        "cannot decode FILE\n  caused by: it is cut short: its end mark is missing\n  \
         next: look at the file, then replace it by a whole JPEG or PNG, or remove it"
    );
    for missing in [Path::new("/missing.jpg"), &folder()] {
        assert!(matches!(read(missing), Err(ReadError::Io(_))));
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.jpg");
    std::fs::write(&path, sample("grey.jpg")).unwrap();
    // The rest is a hole: it takes no room on the disk.
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let error = read(&path).unwrap_err();
    assert!(matches!(error, ReadError::Refused { refusal: Refusal::FileTooLarge, .. }), "{error}");
}

/// A message for each skipped picture would otherwise be printed by the hook of the program.
#[test]
fn an_error_of_libjpeg_calls_no_hook_for_panics() {
    thread_local!(static IS_WATCHED: Cell<bool> = const { Cell::new(false) });
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| match IS_WATCHED.get() {
        true => std::process::abort(),
        false => before(info),
    }));
    IS_WATCHED.set(true);
    let refusal = decode(&sample("no-quantisation-tables.jpg"));
    IS_WATCHED.set(false);
    assert!(matches!(refusal, Err(Refusal::Damaged { .. })));
}
