//! Measures unpacking a feature archive: TSV and store in one pass, compared with decompression alone.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::comparison::{Series, scratch};
use archive::{Archive, MemberSpec};
use base::error::{Error, Result};
use base::status;
use data::features::bench::write_generated;
use data::features::{Precision, store_stream};
use data::features::{RELEASED_BOXES, RELEASED_WIDTH};
use measure::Repeats;

/// Size of a generated row of text in bytes, an upper bound for its size in the archive and in the store.
const ROW_BYTES: u64 = 395_182;
const MEMBER: &str = "bench_obj36.tsv";

/// Writes an archive of `images` rows. Each round decompresses it once without writing, and once to a TSV with its store.
pub fn measure(images: usize, precision: Precision, repeats: Repeats, folder: Option<&Path>) -> Result<Value> {
    const MOST: usize = 100_000;
    if images == 0 || images > MOST {
        return Err(Error::usage(format!("--images must be in 1..={MOST}")));
    }
    let Repeats { steps, .. } = repeats.check()?;
    let text_bytes = images as u64 * ROW_BYTES;
    let place = scratch(folder, text_bytes.saturating_mul(3))?;
    status!("packing {} MB into an archive in {}", text_bytes / 1_000_000, place.path().display());
    let zip = place.path().join("bench_obj36.zip");
    pack(&zip, images)?;
    let zip_bytes = std::fs::metadata(&zip).map_err(|error| Error::io("look at", &zip, &error))?.len();
    let (tsv, stores) = (place.path().join(MEMBER), place.path().join("stores"));
    let (mut alone, mut whole, mut unzip) = (Series::default(), Series::default(), Series::default());
    let mut bytes = 0;
    for round in 0..repeats.total() {
        if round == repeats.warmup {
            (alone, whole, unzip) = Default::default();
        }
        alone.time(|| inflate(&zip, text_bytes))?;
        let done = whole.time(|| {
            let member = Archive::open(&zip)?.file(&wanted(text_bytes))?;
            store_stream(member, &tsv, &stores, precision, Some(images as u64), &mut |_| {})
        })?;
        bytes = done.bytes;
        for made in [&tsv, &done.store] {
            std::fs::remove_file(made).map_err(|error| Error::io("remove", made, &error))?;
        }
        let mut command = Command::new("unzip");
        command.arg("-p").arg(&zip);
        unzip.run(&mut [command])?;
        status!("round {}/{}: {:.0} ms", round + 1, repeats.total(), whole.median().unwrap_or(0.0));
    }
    Ok(measure::report(
        json!({
            "bench": "unpack",
            "what": "from a zip archive to a checked TSV and its feature store in one pass; decompressing alone writes nothing",
            "data": "generated",
            "sizes": { "images": images, "boxes": RELEASED_BOXES, "features": RELEASED_WIDTH, "zip_bytes": zip_bytes, "bytes": bytes, "precision": precision },
            "steps": steps,
            "ms_per_step": whole.milliseconds(),
            "tsv_and_store": whole.json(bytes),
            "decompression_alone": alone.json(bytes),
            "times_decompression_alone": whole.times_of(&alone),
            "unzip_to_nowhere": unzip.json(bytes),
        }),
        3,
    ))
}

fn wanted(text_bytes: u64) -> MemberSpec {
    MemberSpec { name: MEMBER.to_owned(), size_max: text_bytes.saturating_mul(2) }
}

/// Writes rows into an archive like the published ones: deflated, in a folder.
fn pack(path: &Path, images: usize) -> Result<()> {
    let wrong = |error: zip::result::ZipError| Error::infra(format!("cannot write {}", path.display())).because(error);
    let file = File::create(path).map_err(|error| Error::io("create", path, &error))?;
    let mut zip = zip::ZipWriter::new(file);
    zip.start_file(format!("data/{MEMBER}"), SimpleFileOptions::default().large_file(true)).map_err(wrong)?;
    write_generated(&mut zip, images)?;
    zip.finish().map_err(wrong)?.sync_all().map_err(|error| Error::io("write", path, &error))
}

/// Decompresses and verifies without writing.
fn inflate(zip: &Path, text_bytes: u64) -> Result<()> {
    let mut member = Archive::open(zip)?.file(&wanted(text_bytes))?;
    let mut buffer = vec![0; 1 << 20];
    while member.read(&mut buffer).map_err(|error| Error::io("unpack", zip, &error))? > 0 {}
    Ok(())
}
