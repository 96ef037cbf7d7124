//! Indexes the rows that an extractor writes: validates each row as it appears and remembers its place in the file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::image_list::ListedImage;
use base::error::{Error, Result};
use base::files;
use data::features::tsv::read_line;
use data::features::{MAX_ROW_BYTES, Row};

/// Number of bytes per read.
const CHUNK: usize = 1 << 20;

/// The place of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLocation {
    /// The file.
    pub file: Arc<Path>,
    /// Offset of its first byte.
    pub offset: u64,
    /// Length in bytes, with the line end.
    pub length: usize,
    /// Number of boxes.
    pub boxes: usize,
}

/// The valid rows found so far, by image, and what a row must look like.
#[derive(Debug)]
pub struct RowIndex {
    wanted: HashMap<String, Option<(u32, u32)>>,
    boxes: usize,
    dim: usize,
    found: HashMap<String, RowLocation>,
    row: Row,
}

impl RowIndex {
    /// Creates an empty index for rows of these images with at most `boxes` boxes of `dim` features.
    pub fn new(images: &[ListedImage], boxes: usize, dim: usize) -> Self {
        let wanted = images.iter().map(|image| (image.id.clone(), image.size)).collect();
        Self { wanted, boxes, dim, found: HashMap::new(), row: Row::default() }
    }

    /// Returns the place of an image's row.
    pub fn get(&self, id: &str) -> Option<&RowLocation> {
        self.found.get(id)
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Validates a line and adds it. Blank lines are ignored.
    ///
    /// # Errors
    /// A description of what is wrong; it begins with the image if that could be read.
    pub fn take(&mut self, file: &Arc<Path>, offset: u64, line: &[u8]) -> Result<(), String> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if matches!(text, b"" | b"\r") {
            return Ok(());
        }
        let row = &mut self.row;
        read_line(text, row).map_err(|(column, damage)| {
            let id = text.split(|&byte| byte == b'\t').next().unwrap_or_default();
            let id = String::from_utf8_lossy(&id[..id.len().min(200)]).into_owned();
            let column = column.map_or_else(String::new, |column| format!(", column {column}"));
            format!("image {id}{column}: {damage}")
        })?;
        let wrong = |why: String| Err(format!("image {}: {why}", row.img_id));
        let Some(size) = self.wanted.get(&row.img_id) else {
            return wrong("it is not one of the requested images".into());
        };
        if self.found.contains_key(&row.img_id) {
            return wrong("it already has a row".into());
        }
        // A portrait photograph may be stored in landscape; the extractor rotates it.
        if let Some((width, height)) = size
            && ![(*width, *height), (*height, *width)].contains(&(row.img_w, row.img_h))
        {
            return wrong(format!("the row says {}x{} pixels, the image has {width}x{height}", row.img_w, row.img_h));
        }
        if row.num_boxes > self.boxes || row.dim() != self.dim {
            let found = format!("{} boxes of {} features", row.num_boxes, row.dim());
            return wrong(format!("{found}; at most {} of {} are allowed", self.boxes, self.dim));
        }
        let found = RowLocation { file: file.clone(), offset, length: line.len(), boxes: row.num_boxes };
        self.found.insert(row.img_id.clone(), found);
        Ok(())
    }

    /// Adds all valid rows of a file that is no longer written to. Returns the number of other lines: damaged by a kill, or of images
    /// that were not requested.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn take_file(&mut self, path: &Path) -> Result<usize> {
        let (mut tail, mut damaged) = (FileTail::new(path), 0);
        tail.poll(&mut |file, offset, _, line| {
            damaged += usize::from(self.take(file, offset, line).is_err());
            Ok(())
        })?;
        Ok(damaged + usize::from(tail.has_part()))
    }
}

/// A function that gets each complete line: file, offset, line number from 1, and the line with its line feed.
pub type LineHandler<'a> = dyn FnMut(&Arc<Path>, u64, u64, &[u8]) -> Result<()> + 'a;

/// Reads the lines of a growing file.
#[derive(Debug)]
pub struct FileTail {
    path: Arc<Path>,
    file: Option<File>,
    /// The beginning of an incomplete line, and its offset.
    part: Vec<u8>,
    offset: u64,
    lines: u64,
}

impl FileTail {
    /// Follows a file, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into().into(), file: None, part: Vec::new(), offset: 0, lines: 0 }
    }

    /// Passes on every line completed since the last call.
    ///
    /// # Errors
    /// Those of reading the file and of `each`; data for a line longer than any row.
    pub fn poll(&mut self, each: &mut LineHandler) -> Result<()> {
        if self.file.is_none() {
            match self.path.try_exists() {
                Ok(false) => return Ok(()),
                _ => self.file = Some(files::open_regular(&self.path)?),
            }
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match file.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io("read", &self.path, &error)),
            };
            for piece in chunk[..read].split_inclusive(|&byte| byte == b'\n') {
                self.part.extend_from_slice(piece);
                if self.part.len() > MAX_ROW_BYTES {
                    let line = self.lines + 1;
                    return Err(Error::data(format!("{}, line {line}: the line is too long", self.path.display())));
                }
                if piece.ends_with(b"\n") {
                    self.lines += 1;
                    each(&self.path, self.offset, self.lines, &self.part)?;
                    self.offset += self.part.len() as u64;
                    self.part.clear();
                }
            }
        }
    }

    /// Whether the file ends with an incomplete line. Once nothing writes to it any more, that is the trace of a kill.
    pub fn has_part(&self) -> bool {
        !self.part.is_empty()
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Validates the rows that were completed in growing files since the last call.
///
/// # Errors
/// Data for an invalid row, with its place.
pub(super) fn take_new(tails: &mut [FileTail], rows: &mut RowIndex) -> Result<()> {
    for tail in tails {
        tail.poll(&mut |file, offset, line, text| {
            rows.take(file, offset, text).map_err(|why| {
                Error::data(format!("the extractor wrote an invalid row: {}, line {line}", file.display()))
                    .because(why)
                    .because("it was stopped; earlier rows are kept")
                    .next("look at the log beside it; the same command resumes and extracts this image again")
            })
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use data::features::testing::{row_of, text};

    fn images(n: usize) -> Vec<ListedImage> {
        let image = |number| {
            let row = row_of(number, 2, 3);
            let path = PathBuf::from(&row.img_id);
            ListedImage { id: row.img_id, path: path.clone(), location: path, size: Some((row.img_w, row.img_h)) }
        };
        (0..n).map(image).collect()
    }

    #[test]
    fn rows_are_validated_as_they_appear() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tsv");
        let (mut tail, mut rows) = (FileTail::new(&path), RowIndex::new(&images(3), 2, 3));
        let mut poll = |tail: &mut FileTail| {
            let mut said = Vec::new();
            tail.poll(&mut |file, offset, line, text| {
                if let Err(why) = rows.take(file, offset, text) {
                    said.push((line, why));
                }
                Ok(())
            })
            .unwrap();
            (rows.len(), said)
        };
        assert_eq!(poll(&mut tail).0, 0, "the file is not there yet");
        let all = text(&(0..3).map(|n| row_of(n, 2, 3)).collect::<Vec<_>>());
        let mut file = File::create(&path).unwrap();
        let half = all.len() / 2;
        file.write_all(&all[..half]).unwrap();
        assert_eq!(poll(&mut tail), (1, vec![]));
        assert!(tail.has_part());
        file.write_all(&all[half..]).unwrap();
        assert_eq!(poll(&mut tail), (3, vec![]));
        assert!(!tail.has_part());
        file.write_all(&text(&[row_of(0, 2, 3), row_of(7, 2, 3)])).unwrap();
        let (_, said) = poll(&mut tail);
        assert_eq!((said[0].0, said[1].0), (4, 5));
        assert!(
            said[0].1.contains("already has a row") && said[1].1.contains("not one of the requested images"),
            "{said:?}"
        );
        let found = rows.get(&row_of(1, 2, 3).img_id).unwrap();
        let (start, end) = (found.offset as usize, found.offset as usize + found.length);
        assert_eq!(&all[start..end], text(&[row_of(1, 2, 3)]));
    }

    #[test]
    fn invalid_rows_are_refused_with_the_reason() {
        let file: Arc<Path> = Path::new("a.tsv").into();
        let mut rows = RowIndex::new(&images(2), 2, 3);
        let mut take = |line: &[u8]| rows.take(&file, 0, line).err().unwrap_or_default();
        for (row, word) in [(row_of(0, 3, 3), "3 boxes"), (row_of(0, 2, 4), "of 4 features")] {
            assert!(take(&text(&[row])).contains(word));
        }
        let other = data::features::Row { img_w: 100, ..row_of(0, 2, 3) };
        let other = data::features::Row { boxes: vec![0.0; 8], ..other };
        assert!(take(&text(&[other])).contains("the row says 100x480 pixels, the image has 640x480"));
        let good = text(&[row_of(0, 2, 3)]);
        let cut = [&good[..good.len() / 2], b"\n"].concat();
        assert!(take(&cut).starts_with("image COCO_train2014_000000000001"));
        assert_eq!((take(&good), take(b"\r\n")), (String::new(), String::new()));
    }

    /// Caffe gives such rows on a GPU that it was not built for (BVLC/caffe#4900).
    #[test]
    fn caffe_issue_4900_rows_of_zeros_are_refused_as_they_appear() {
        let file: Arc<Path> = Path::new("a.tsv").into();
        let mut rows = RowIndex::new(&images(2), 2, 3);
        let good = String::from_utf8(text(&[row_of(0, 2, 3)])).unwrap();
        let (front, _) = good.rsplit_once('\t').unwrap();
        let zeros = base64_simd::STANDARD.encode_to_string([0_u8; 2 * 3 * 4]);
        let error = rows.take(&file, 0, format!("{front}\t{zeros}\r\n").as_bytes()).unwrap_err();
        let expected = "column features: all features are 0; Caffe gives that on a GPU that it was not built for";
        assert!(error.ends_with(expected) && rows.is_empty(), "{error}");
    }

    #[test]
    fn incomplete_rows_of_a_killed_run_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tsv");
        let all: Vec<Vec<u8>> = (0..4).map(|n| text(&[row_of(n, 2, 3)])).collect();
        // An incomplete row followed directly by the next one, and an incomplete row at the end.
        let glued = [&all[0][..], &all[1][..30], &all[2], &all[3][..40]].concat();
        std::fs::write(&path, glued).unwrap();
        let mut rows = RowIndex::new(&images(4), 2, 3);
        assert_eq!((rows.take_file(&path).unwrap(), rows.len()), (2, 1));
        assert!(rows.get(&row_of(0, 2, 3).img_id).is_some());
    }
}
