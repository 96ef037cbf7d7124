//! A whole extraction, from the list of images to the file that training reads.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::backend::{Backend, ExtractionJob};
use super::image_ids::list_named;
use super::image_list::{ImageListing, MissingImage, list};
use super::image_sets::{ImageSet, ImageSource};
use super::merge::merge;
use super::record::{ExtractionRecord, write_missing};
use super::row_order::RowOrder;
use super::rows::RowIndex;
use super::work_dir::{ExtractorId, WorkDir};
use assets::disk;
use base::error::{Error, Result};
use base::progress::{Event, Observer, ProgressTask, TaskStart, Unit};
use base::{clock, files};

/// What to extract, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractRequest {
    /// The set of images.
    pub source: ImageSource,
    /// The image folder.
    pub images: PathBuf,
    /// A file that names the images and their ids; `None` for all images, with ids from their names.
    pub ids: Option<PathBuf>,
    /// The folder of the feature file.
    pub out: PathBuf,
    /// Order of rows.
    pub order: RowOrder,
    /// Whether to write the file even if images cannot be extracted.
    pub allow_missing: bool,
}

/// The images of an extraction, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractPlan {
    /// The image folder: absolute, links resolved.
    pub root: PathBuf,
    /// Its content.
    pub listing: ImageListing,
    /// Ids in the order of the file.
    pub ids: Vec<String>,
}

/// The result of an extraction.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractSummary {
    /// Path of the feature file.
    pub output: PathBuf,
    /// How it was extracted; `None` if it was not written because images are missing.
    pub record: Option<ExtractionRecord>,
    /// Whether a complete file existed before.
    pub was_there: bool,
    /// Images without features.
    pub missing: Vec<MissingImage>,
}

/// Lists the images of a request and puts them in order.
///
/// # Errors
/// Data if the folder does not have the layout of the set, the file of ids is damaged, or images of minival are missing.
pub fn plan(request: &ExtractRequest) -> Result<ExtractPlan> {
    let root = request.images.canonicalize();
    let root = root.map_err(|error| Error::io("find the image folder", &request.images, &error))?;
    let listing = match &request.ids {
        Some(file) => list_named(&root, file)?,
        None => list(&root, &request.source)?,
    };
    let ids = request.order.arrange(&listing.images, &listing.left_out)?;
    let ids = ids.into_iter().map(str::to_owned).collect();
    Ok(ExtractPlan { root, listing, ids })
}

/// Returns the size of a row of the TSV with these boxes and features, to within a few bytes.
pub fn row_bytes(boxes: usize, dim: usize) -> u64 {
    let base64 = |bytes: usize| bytes.div_ceil(3) as u64 * 4;
    let arrays = [8, 4, 8, 4, 16].iter().map(|size| base64(boxes.saturating_mul(*size))).sum::<u64>();
    arrays + base64(boxes.saturating_mul(dim).saturating_mul(4)) + 64
}

/// Extracts the images, resuming an earlier run.
///
/// # Errors
/// Those of the backend and of writing files. Images without features are not an error but are listed in
/// [`ExtractSummary::missing`]; without [`ExtractRequest::allow_missing`] no file is written then.
pub fn extract(
    request: &ExtractRequest,
    plan: &ExtractPlan,
    backend: &mut dyn Backend,
    observer: &dyn Observer,
) -> Result<ExtractSummary> {
    let ExtractRequest { source, out, .. } = request;
    let ExtractPlan { root, listing, ids } = plan;
    let output = out.join(&*source.output);
    let made_by = ExtractorId { backend: backend.name().to_owned(), version: backend.version() };
    let ids_sha256 = files::sha256_bytes(ids.join("\n").as_bytes());
    if let Some(record) = there(request, &output, &made_by, &ids_sha256)? {
        let missing = record.missing.clone();
        return Ok(ExtractSummary { output, record: Some(record), was_there: true, missing });
    }
    let mut work = WorkDir::take(out, source, &made_by)?;
    let mut rows = RowIndex::new(&listing.images, backend.boxes(), backend.dim());
    let damaged = work.collect(&mut rows)?;
    if !rows.is_empty() || damaged > 0 {
        let dropped = if damaged > 0 { format!("; {damaged} damaged rows are extracted again") } else { String::new() };
        let text = format!("resuming: {} of {} images were extracted before{dropped}", rows.len(), ids.len());
        observer.event(&Event::Note { name: String::new(), text });
    }
    let todo: Vec<_> = listing.images.iter().filter(|image| rows.get(&image.id).is_none()).cloned().collect();
    let row = row_bytes(backend.boxes(), backend.dim());
    disk::require_space(&[(output.clone(), row.saturating_mul((todo.len() + ids.len()) as u64))])?;

    let (clock, before) = (Instant::now(), rows.len());
    let mut missing = listing.left_out.clone();
    if !todo.is_empty() {
        let images = TaskStart::new(format!("extracting {}", source.stem()), ids.len() as u64, Unit::Images);
        let task = ProgressTask::begin(observer, TaskStart { from: before as u64, ..images });
        let job =
            &mut ExtractionJob { source, root, todo: &todo, work: &mut work, rows: &mut rows, observer, task: &task };
        missing.extend(backend.extract(job)?);
    }
    let (seconds, extracted) = (clock.elapsed().as_secs_f64(), rows.len() - before);
    let least = backend.least_boxes();
    let few = listing.images.iter().filter_map(|image| {
        let boxes = rows.get(&image.id)?.boxes;
        (boxes < least).then_some((image, boxes))
    });
    for (image, boxes) in few {
        // Training needs the same number in all rows; a person's own images need not be for training.
        if source.set == ImageSet::Folder {
            let text = format!("image {} has only {boxes} boxes: nothing more was proposed in it", image.id);
            observer.event(&Event::Note { name: String::new(), text });
            continue;
        }
        let reason = format!("only {boxes} boxes were found in it; training needs {least} per image");
        missing.push(MissingImage { id: image.id.clone(), path: image.path.clone(), reason });
    }
    missing.sort_by(|a, b| a.id.cmp(&b.id));
    write_missing(out, source, &missing)?;
    if !missing.is_empty() && !request.allow_missing {
        return Ok(ExtractSummary { output, record: None, was_there: false, missing });
    }
    let left_out: std::collections::HashSet<&str> = missing.iter().map(|image| image.id.as_str()).collect();
    let kept: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !left_out.contains(id)).collect();
    if kept.is_empty() {
        return Err(Error::data(format!("no image could be extracted for {}", source.output))
            .next(format!("see the reasons in {}", super::record::missing_place(out, source).display())));
    }
    let task = ProgressTask::begin(
        observer,
        TaskStart::new(format!("writing {}", source.output), kept.len() as u64, Unit::Images),
    );
    let merged = merge(&output, &kept, &rows, &mut |done| task.at(done as u64, String::new))?;
    drop(task);
    let record = ExtractionRecord {
        schema: ExtractionRecord::SCHEMA,
        output: source.output.to_string(),
        rows: merged.rows,
        bytes: merged.bytes,
        sha256: merged.sha256,
        made_by,
        ids_sha256,
        missing: missing.clone(),
        strays: listing.strays.len(),
        extracted,
        seconds,
        images_per_second: if seconds > 0.0 { extracted as f64 / seconds } else { 0.0 },
        ended: clock::now(),
        details: backend.details(),
    };
    record.write(out, source)?;
    work.remove()?;
    Ok(ExtractSummary { output, record: Some(record), was_there: false, missing })
}

/// Returns the record of an existing file if it is the one that this request would make; an error if it is a different one.
fn there(
    request: &ExtractRequest,
    output: &Path,
    made_by: &ExtractorId,
    ids_sha256: &str,
) -> Result<Option<ExtractionRecord>> {
    let Ok(metadata) = output.symlink_metadata() else { return Ok(None) };
    // A run may have been killed between writing the file and writing its record.
    if WorkDir::place(&request.out, &request.source).exists() {
        return Ok(None);
    }
    let record = ExtractionRecord::read(&request.out, &request.source);
    let same = |record: &ExtractionRecord| {
        record.bytes == metadata.len() && record.made_by == *made_by && record.ids_sha256 == ids_sha256
    };
    match record {
        Some(record) if same(&record) && (record.missing.is_empty() || request.allow_missing) => Ok(Some(record)),
        _ => Err(Error::data(format!("{} already exists", output.display()))
            .because("it may not be what this command would make of these images")
            .next("move it away, or give a different --out")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ImageFile;
    use super::super::backend::PerImage;
    use super::super::extractor::tests::Fake;
    use super::super::image_list::tests::png;
    use super::super::image_sets::{ImageSet, Split};
    use super::*;
    use base::progress::Silent;
    use data::features::Row;
    use data::features::testing::row_of;

    /// Returns a row of two boxes for a PNG.
    fn found(image: &ImageFile) -> Result<Row> {
        if !files::read_bytes(&image.path, 1000)?.starts_with(b"\x89PNG") {
            return Err(Error::data("it is no image"));
        }
        Ok(Row { img_id: image.id.clone(), img_w: 640, img_h: 480, ..row_of(1, 2, 3) })
    }

    #[test]
    fn any_extractor_resumes_after_an_interruption() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            files::write_bytes(&folder.path().join("images/dev").join(name), bytes).unwrap();
        };
        put("b.png", &png(640, 480));
        put("a.png", &png(640, 480));
        put("c.jpg", b"none");
        let mut request = ExtractRequest {
            source: ImageSource::of(ImageSet::Nlvr2, Some(Split::Valid)).unwrap(),
            images: folder.path().join("images"),
            ids: None,
            out: folder.path().join("out"),
            order: RowOrder::Id,
            allow_missing: false,
        };
        let go = |request: &ExtractRequest| extract(request, &plan(request)?, &mut PerImage(Fake(found)), &Silent);
        let summary = go(&request).unwrap();
        assert_eq!((summary.record, summary.missing.len()), (None, 1));
        assert!(summary.missing[0].reason.contains("it is no image"));
        assert!(!summary.output.exists());

        request.allow_missing = true;
        let record = go(&request).unwrap().record.unwrap();
        assert_eq!((record.rows, record.extracted, record.missing.len()), (2, 0, 1), "the rows were kept");
        let text = files::read_text(&summary.output, 10_000).unwrap();
        let ids: Vec<_> = text.lines().map(|line| line.split('\t').next().unwrap()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert!(go(&request).unwrap().was_there);
        put("d.png", &png(640, 480));
        assert!(go(&request).unwrap_err().to_string().contains("already exists"));
    }
}
