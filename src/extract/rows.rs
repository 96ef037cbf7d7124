//! Rows that an extractor has written: judged as they come, remembered by where they lie.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::list::Listed;
use base::error::{Error, Result};
use base::files;
use data::features::tsv::read_line;
use data::features::{MAX_ROW_BYTES, Row};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// A row and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub file: Arc<Path>,
    /// Where the row begins.
    pub offset: u64,
    /// Its length with its line end.
    pub length: usize,
    /// Its boxes.
    pub boxes: usize,
}

/// What rows must be, and those that are there.
#[derive(Debug)]
pub struct Rows {
    wanted: HashMap<String, Option<(u32, u32)>>,
    boxes: usize,
    dim: usize,
    found: HashMap<String, Found>,
    row: Row,
}

impl Rows {
    /// None yet. Rows must be of these images and have at most so many boxes, with so many features each.
    pub fn new(images: &[Listed], boxes: usize, dim: usize) -> Self {
        let wanted = images.iter().map(|image| (image.id.clone(), image.size)).collect();
        Self { wanted, boxes, dim, found: HashMap::new(), row: Row::default() }
    }

    /// The row of an image.
    pub fn get(&self, id: &str) -> Option<&Found> {
        self.found.get(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Judges a line and remembers it; a blank one is nothing.
    ///
    /// # Errors
    /// What is wrong with it, in words that begin with the image where it could be read.
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
            return wrong("it is not among the images that were asked for".into());
        };
        if self.found.contains_key(&row.img_id) {
            return wrong("it has a row already".into());
        }
        // A picture taken upright says its size lying down; the extractor turns it.
        if let Some((width, height)) = size
            && ![(*width, *height), (*height, *width)].contains(&(row.img_w, row.img_h))
        {
            return wrong(format!("the row says {}x{} pixels, the image has {width}x{height}", row.img_w, row.img_h));
        }
        if row.num_boxes > self.boxes || row.dim() != self.dim {
            let found = format!("{} boxes of {} features", row.num_boxes, row.dim());
            return wrong(format!("{found}, where at most {} of {} belong", self.boxes, self.dim));
        }
        let found = Found { file: file.clone(), offset, length: line.len(), boxes: row.num_boxes };
        self.found.insert(row.img_id.clone(), found);
        Ok(())
    }

    /// Takes every good row of a file that nobody writes any more; how many lines were damaged, by a kill, or were for
    /// other images.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn take_file(&mut self, path: &Path) -> Result<usize> {
        let (mut tail, mut damaged) = (Tail::new(path), 0);
        tail.poll(&mut |file, offset, _, line| {
            damaged += usize::from(self.take(file, offset, line).is_err());
            Ok(())
        })?;
        Ok(damaged + usize::from(tail.has_part()))
    }
}

/// What a person sees of a row: file, offset, line (counted from 1), and the line with its line feed.
pub type EachLine<'a> = dyn FnMut(&Arc<Path>, u64, u64, &[u8]) -> Result<()> + 'a;

/// Follows a file that grows, line by line.
#[derive(Debug)]
pub struct Tail {
    path: Arc<Path>,
    file: Option<File>,
    /// The beginning of a line that has no end yet, and where it lies.
    part: Vec<u8>,
    offset: u64,
    lines: u64,
}

impl Tail {
    /// Follows a file, which may not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into().into(), file: None, part: Vec::new(), offset: 0, lines: 0 }
    }

    /// Hands every line on that has been finished since the last time.
    ///
    /// # Errors
    /// The file cannot be read, a line is longer than a row can be, or what `each` says.
    pub fn poll(&mut self, each: &mut EachLine) -> Result<()> {
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
                    return Err(Error::data(format!("{}, line {line}: it does not end", self.path.display())));
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

    /// Whether there is a line without an end: nobody writing any more, a kill came in the middle of it.
    pub fn has_part(&self) -> bool {
        !self.part.is_empty()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use data::features::testing::{row_of, text};

    fn images(n: usize) -> Vec<Listed> {
        let image = |number| {
            let row = row_of(number, 2, 3);
            let path = PathBuf::from(&row.img_id);
            Listed { id: row.img_id, path: path.clone(), location: path, size: Some((row.img_w, row.img_h)) }
        };
        (0..n).map(image).collect()
    }

    #[test]
    fn rows_are_judged_as_they_grow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tsv");
        let (mut tail, mut rows) = (Tail::new(&path), Rows::new(&images(3), 2, 3));
        let mut poll = |tail: &mut Tail| {
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
        assert!(said[0].1.contains("has a row already") && said[1].1.contains("not among the images"), "{said:?}");
        let found = rows.get(&row_of(1, 2, 3).img_id).unwrap();
        let (start, end) = (found.offset as usize, found.offset as usize + found.length);
        assert_eq!(&all[start..end], text(&[row_of(1, 2, 3)]));
    }

    #[test]
    fn wrong_rows_are_named() {
        let file: Arc<Path> = Path::new("a.tsv").into();
        let mut rows = Rows::new(&images(2), 2, 3);
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

    /// What Caffe gives on a GPU that it was not built for (BVLC/caffe#4900).
    #[test]
    fn caffe_issue_4900_rows_that_mean_nothing_are_named_while_they_grow() {
        let file: Arc<Path> = Path::new("a.tsv").into();
        let mut rows = Rows::new(&images(2), 2, 3);
        let good = String::from_utf8(text(&[row_of(0, 2, 3)])).unwrap();
        let (front, _) = good.rsplit_once('\t').unwrap();
        let zeros = base64_simd::STANDARD.encode_to_string([0_u8; 2 * 3 * 4]);
        let error = rows.take(&file, 0, format!("{front}\t{zeros}\r\n").as_bytes()).unwrap_err();
        let expected = "column features: all features are 0; Caffe gives that on a GPU that it was not built for";
        assert!(error.ends_with(expected) && rows.is_empty(), "{error}");
    }

    #[test]
    fn halves_of_a_killed_run_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tsv");
        let all: Vec<Vec<u8>> = (0..4).map(|n| text(&[row_of(n, 2, 3)])).collect();
        // A half row with the next one glued to it, and a half at the end.
        let glued = [&all[0][..], &all[1][..30], &all[2], &all[3][..40]].concat();
        std::fs::write(&path, glued).unwrap();
        let mut rows = Rows::new(&images(4), 2, 3);
        assert_eq!((rows.take_file(&path).unwrap(), rows.len()), (2, 1));
        assert!(rows.get(&row_of(0, 2, 3).img_id).is_some());
    }
}
