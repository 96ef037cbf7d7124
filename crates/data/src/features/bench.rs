//! The TSV reader's throughput on a generated file of real size (36 boxes, 2048 features, 395,182 bytes a row).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::row::Row;
use super::tsv::{TsvReader, TsvWriter};
use super::{RELEASED_BOXES, RELEASED_WIDTH};
use base::cleanup::TemporaryFolder;
use base::error::{Error, Result};
use base::host::peak_memory;

/// A measurement of [`tsv_throughput`], with one thread and the file in the page cache.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TsvBench {
    /// Rows in the file.
    pub images: usize,
    /// Bytes of TSV text.
    pub bytes: u64,
    /// Wall-clock seconds of each whole reading.
    pub seconds: Vec<f64>,
    /// CPU seconds of the reading thread for each.
    pub cpu_seconds: Vec<f64>,
    /// 10^9 bytes of text per second in the fastest reading.
    pub gb_per_s_best: f64,
    /// The same in the median reading.
    pub gb_per_s_median: f64,
    /// The same per CPU second in the median reading: what an undisturbed core would do.
    pub gb_per_cpu_s_median: f64,
    /// Rows per second in the median reading.
    pub images_per_s_median: f64,
    /// Peak resident memory of the whole process so far, in bytes; 0 if unknown.
    pub peak_rss_bytes: u64,
}

/// Writes a file of `images` rows into a temporary folder (in `folder`, or the system's), reads and checks it `repeats` times with
/// one row buffer, and deletes it.
///
/// # Errors
/// Usage for 0 images or repeats; infra if the file cannot be written.
pub fn tsv_throughput(images: usize, repeats: usize, folder: Option<&Path>) -> Result<TsvBench> {
    if images == 0 || repeats == 0 {
        return Err(Error::usage(format!("cannot measure {images} images {repeats} times"))
            .next("choose at least one image and one repeat"));
    }
    let temporary = TemporaryFolder::new(folder);
    let temporary = temporary.map_err(|error| Error::infra("cannot create a temporary folder").because(error))?;
    let path = temporary.path().join("bench_obj36.tsv");
    generate(&path, images)?;
    let bytes = std::fs::metadata(&path).map_err(|error| Error::io("read", &path, &error))?.len();
    let (mut seconds, mut cpu_seconds) = (Vec::with_capacity(repeats), Vec::with_capacity(repeats));
    let mut row = Row::default();
    for _ in 0..repeats {
        let (wall, cpu) = (Instant::now(), thread_cpu_seconds());
        let mut reader = TsvReader::open(&path)?;
        let mut read = 0;
        while reader.read(&mut row)? {
            read += 1;
        }
        seconds.push(wall.elapsed().as_secs_f64());
        cpu_seconds.push(thread_cpu_seconds() - cpu);
        if read != images {
            return Err(Error::bug(format!("read {read} of {images} generated rows")));
        }
    }
    let rate = |seconds: f64| bytes as f64 / seconds.max(1e-9) / 1e9;
    let best = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(TsvBench {
        images,
        bytes,
        gb_per_s_best: rate(best),
        gb_per_s_median: rate(median(&seconds)),
        gb_per_cpu_s_median: rate(median(&cpu_seconds)),
        images_per_s_median: images as f64 / median(&seconds).max(1e-9),
        seconds,
        cpu_seconds,
        peak_rss_bytes: peak_memory(),
    })
}

fn generate(path: &Path, images: usize) -> Result<()> {
    let file = File::create(path).map_err(|error| Error::io("create", path, &error))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    write_generated(&mut out, images)?;
    out.flush().map_err(|error| Error::io("write", path, &error))
}

/// Writes `images` rows, of which eight are distinct.
///
/// # Errors
/// Infra if writing fails.
pub fn write_generated(out: impl Write, images: usize) -> Result<()> {
    const DISTINCT: usize = 8;
    let mut rows = generated_rows(DISTINCT.min(images), RELEASED_BOXES, RELEASED_WIDTH);
    let mut writer = TsvWriter::new(out);
    for image in 0..images {
        let row = &mut rows[image % DISTINCT];
        row.img_id = image_id(image);
        writer.write_row(row)?;
    }
    writer.finish()?;
    Ok(())
}

/// Returns the name of the generated image at an index.
pub fn image_id(image: usize) -> String {
    format!("COCO_bench2014_{image:012}")
}

/// Returns rows with features distributed like real ones: not negative, more than a third of them zero.
pub fn generated_rows(images: usize, boxes: usize, dim: usize) -> Vec<Row> {
    let mut state = 9595_u64;
    let mut uniform = move || {
        // SplitMix64 (Steele, Lea, Flood, 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    };
    (0..images)
        .map(|image| Row {
            img_id: image_id(image),
            img_h: 480,
            img_w: 640,
            objects_id: (0..boxes).map(|_| (uniform() * 1600.0) as i64).collect(),
            objects_conf: (0..boxes).map(|_| uniform()).collect(),
            attrs_id: (0..boxes).map(|_| (uniform() * 400.0) as i64).collect(),
            attrs_conf: (0..boxes).map(|_| uniform()).collect(),
            num_boxes: boxes,
            boxes: (0..boxes).flat_map(|_| corners([(); 2].map(|()| [uniform() * 639.0, uniform() * 479.0]))).collect(),
            features: (0..boxes * dim).map(|_| (uniform() * 3.0 - 1.1).max(0.0)).collect(),
        })
        .collect()
}

/// Returns the box that two points span: x1, y1, x2, y2.
fn corners([[x1, y1], [x2, y2]]: [[f32; 2]; 2]) -> [f32; 4] {
    [x1.min(x2), y1.min(y2), x1.max(x2), y1.max(y2)]
}

/// Returns the median: the middle value, or the mean of the two in the middle; `values` must not be empty.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

pub(super) fn thread_cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes the struct it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_rows_of_the_real_size() {
        let bench = tsv_throughput(10, 2, None).unwrap();
        assert_eq!((bench.images, bench.seconds.len()), (10, 2));
        let row = "COCO_bench2014_000000000000".len() + 3 + 3 + 2 * (384 + 192) + 2 + 768 + 393_216 + 9 + 2;
        assert_eq!(bench.bytes, 10 * row as u64);
        assert!(bench.gb_per_s_best >= bench.gb_per_s_median && bench.peak_rss_bytes > 0);
        assert!(tsv_throughput(0, 1, None).is_err());
    }

    /// `cargo test --release -p data -- --ignored measure_tsv --nocapture`
    #[test]
    #[ignore = "writes 790 MB; a measurement for release mode"]
    fn measure_tsv() {
        println!("{:#?}", tsv_throughput(2000, 7, None).unwrap());
    }

    /// Like [`measure_tsv`], for building and opening stores.
    #[test]
    #[ignore = "writes 2 GB; a measurement for release mode"]
    fn measure_store() {
        use crate::features::store::{FeatureStore, Precision, ensure_store};
        use base::progress::Silent;
        let folder = tempfile::tempdir().unwrap();
        let tsv = folder.path().join("bench_obj36.tsv");
        generate(&tsv, 2000).unwrap();
        let timed = |what: &str, precision: Precision, limit: Option<usize>| {
            let start = Instant::now();
            let store = ensure_store(&tsv, folder.path(), precision, limit, &Silent).unwrap();
            println!("{what} {precision}: {:.4} s", start.elapsed().as_secs_f64());
            store
        };
        for precision in [Precision::F32, Precision::F16] {
            timed("first 500", precision, Some(500));
            let store = timed("all 2000", precision, None);
            timed("again", precision, None);
            std::fs::File::options()
                .append(true)
                .open(&tsv)
                .unwrap()
                .set_modified(std::time::SystemTime::now())
                .unwrap();
            timed("again, touched", precision, None);
            let (start, mut features) = (Instant::now(), vec![0.0; RELEASED_BOXES * RELEASED_WIDTH]);
            let opened = FeatureStore::open(store.path()).unwrap();
            println!("open: {:.6} s", start.elapsed().as_secs_f64());
            let start = Instant::now();
            (0..opened.len()).for_each(|row| opened.copy_features(row, &mut features));
            println!("copy 2000 rows: {:.4} s", start.elapsed().as_secs_f64());
        }
        println!("peak {} MB", peak_memory() / 1_000_000);
    }
}
