//! How much memory hostile files take, by the process's own account, since libjpeg does not allocate as Rust does.

use std::time::{Duration, Instant};

use pictures::{Picture, Refusal, decode};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Returns the most memory that the process has used since [`reset`].
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

fn reset() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Decodes and returns by how much the memory has grown at most.
fn measured(bytes: &[u8]) -> (Result<Picture, Refusal>, usize) {
    reset();
    let (before, begun) = (peak(), Instant::now());
    let result = decode(bytes);
    assert!(begun.elapsed() < Duration::from_secs(60), "took {:?}", begun.elapsed());
    (result, peak().saturating_sub(before))
}

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/opencv/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Makes the header of a JPEG promise another size.
fn resized(mut jpeg: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let is_frame = |bytes: &[u8]| bytes[0] == 0xff && [0xc0, 0xc2, 0xc9, 0xca].contains(&bytes[1]) && bytes[2] == 0;
    let at = jpeg.windows(3).position(is_frame).unwrap();
    jpeg[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [&name[..], content].concat();
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&named);
    [&(content.len() as u32).to_be_bytes(), &named[..], &checksum.to_be_bytes()].concat()
}

/// Returns a PNG of this size (depth and colour as IHDR numbers them) with these compressed pixels.
fn png(width: u32, height: u32, [depth, colour, interlace]: [u8; 3], pixels: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, interlace]].concat();
    [SIGNATURE, &chunk(b"IHDR", &header), &chunk(b"IDAT", pixels), &chunk(b"IEND", b"")].concat()
}

/// Returns a PNG of black pixels of one bit, whole, in a thousandth of its bytes.
fn black(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&vec![0; width.div_ceil(8) as usize * height as usize]).unwrap();
    drop(writer);
    bytes
}

/// One test, because the whole process is measured.
#[test]
fn memory_is_bounded() {
    let (photo, progressive) = (sample("sampling-2x2.jpg"), sample("progressive.jpg"));
    let zeros = &b"\x78\x9c\x63\x60\x00\x00\x00\x02\x00\x01"[..];
    // Refused before memory is taken.
    for (name, file) in [
        ("the largest JPEG", resized(photo.clone(), 65500, 16000)),
        ("a large JPEG", resized(photo.clone(), 6000, 6000)),
        ("the coefficients of a JPEG", resized(progressive.clone(), 5000, 5000)),
        ("a JPEG that is turned", resized(sample("orientation-6.jpg"), 5000, 5000)),
        ("the largest PNG", png(32768, 32768, [16, 6, 1], zeros)),
        ("a large PNG", png(6000, 6000, [8, 2, 0], zeros)),
        ("a PNG without pixels", png(3000, 3000, [8, 0, 0], zeros)),
        ("a bomb", black(30_000, 20_000)),
    ] {
        let (result, peak) = measured(&file);
        assert!(matches!(result, Err(Refusal::Implausible { .. })), "{name}: {result:?}");
        assert!(peak < 4_000_000, "{name} took {peak} bytes");
    }
    for (name, file) in [
        ("a JPEG with more pixels than OpenCV reads", resized(photo.clone(), 65500, 65500)),
        ("a PNG wider than OpenCV reads", png(1 << 21, 1, [1, 0, 0], zeros)),
        ("a PNG with more pixels than OpenCV reads", png(40_000, 40_000, [1, 0, 0], zeros)),
    ] {
        let (result, peak) = measured(&file);
        assert!(matches!(result, Err(Refusal::TooLarge { .. })) && peak < 4_000_000, "{name}: {peak}, {result:?}");
    }
    // Within what any file may take.
    for (name, file) in [
        ("a JPEG", resized(photo, 5500, 5500)),
        ("a progressive JPEG", resized(progressive.clone(), 3500, 3500)),
        ("a PNG", black(5600, 5600)),
    ] {
        let (result, peak) = measured(&file);
        assert!(result.is_ok() && peak < 100_000_000, "{name} took {peak} bytes, {:?}", result.err());
    }
    too_many_scans(&progressive);
}

fn too_many_scans(progressive: &[u8]) {
    let last = progressive.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let (scan, end) = progressive[last..].split_at(progressive.len() - last - 2);
    let repeated = |times: usize| [&progressive[..last], &scan.repeat(times), end].concat();
    assert!(decode(&repeated(100)).is_ok());
    let (result, peak) = measured(&resized(repeated(1000), 3000, 3000));
    assert!(result == Err(Refusal::TooManyScans) && peak < 100_000_000, "{peak}, {result:?}");
}
