//! Merges the rows of all parts into one file, byte for byte as they were written.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::rows::RowIndex;
use base::error::{Error, Result};
use base::files;

/// Size and hash of a written file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedFile {
    /// Number of rows.
    pub rows: usize,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: String,
}

/// Writes the rows of `ids` in this order. The file appears when it is complete. `progress` is called after each row with the number
/// of written rows.
///
/// # Errors
/// Data if a row has changed since it was indexed; those of writing the file.
pub fn merge(output: &Path, ids: &[&str], rows: &RowIndex, progress: &mut dyn FnMut(usize)) -> Result<MergedFile> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut open: HashMap<Arc<Path>, File> = HashMap::new();
    files::write_atomically(output, |out| {
        let mut buffer = Vec::new();
        for (done, id) in ids.iter().enumerate() {
            let found = rows.get(id).ok_or_else(|| Error::bug(format!("image {id} has no row")))?;
            if !open.contains_key(&found.file) {
                let file = files::open_regular(&found.file)?;
                open.insert(found.file.clone(), file);
            }
            buffer.resize(found.length, 0);
            if let Some(file) = open.get(&found.file) {
                let read = file.read_exact_at(&mut buffer, found.offset);
                read.map_err(|error| Error::io("read", &found.file, &error))?;
            }
            let same = buffer.strip_prefix(id.as_bytes()).is_some_and(|rest| rest.starts_with(b"\t"));
            if !same || !buffer.ends_with(b"\n") {
                return Err(Error::data(format!(
                    "the row of image {id} has disappeared from {}",
                    found.file.display()
                ))
                .because("another program changed the file")
                .next("run the same command again"));
            }
            hash.update(&buffer);
            bytes += buffer.len() as u64;
            out.write_all(&buffer).map_err(|error| Error::io("write", output, &error))?;
            progress(done + 1);
        }
        Ok(())
    })?;
    Ok(MergedFile { rows: ids.len(), bytes, sha256: files::hex(&hash.finalize()) })
}

#[cfg(test)]
mod tests {
    use super::super::image_list::ListedImage;
    use super::*;
    use data::features::testing::{row_of, text};

    #[test]
    fn rows_are_merged_in_the_requested_order_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let texts: Vec<Vec<u8>> = (0..3).map(|n| text(&[row_of(n, 2, 3)])).collect();
        let ids: Vec<String> = (0..3).map(|n| row_of(n, 2, 3).img_id).collect();
        let image = |id: &String| ListedImage { id: id.clone(), path: id.into(), location: id.into(), size: None };
        let mut rows = RowIndex::new(&ids.iter().map(image).collect::<Vec<_>>(), 2, 3);
        let (a, b) = (folder.path().join("a.tsv"), folder.path().join("b.tsv"));
        std::fs::write(&a, [&texts[1][..], &texts[0]].concat()).unwrap();
        std::fs::write(&b, &texts[2]).unwrap();
        rows.take_file(&a).unwrap();
        rows.take_file(&b).unwrap();
        let output = folder.path().join("out.tsv");
        let order = [ids[2].as_str(), &ids[0], &ids[1]];
        let merged = merge(&output, &order, &rows, &mut |_| ()).unwrap();
        let expected = [&texts[2][..], &texts[0], &texts[1]].concat();
        assert_eq!(std::fs::read(&output).unwrap(), expected);
        assert_eq!(
            (merged.rows, merged.bytes, merged.sha256),
            (3, expected.len() as u64, files::sha256_bytes(&expected))
        );

        std::fs::write(&b, vec![b'x'; texts[2].len()]).unwrap();
        assert!(merge(&output, &order, &rows, &mut |_| ()).unwrap_err().to_string().contains("has disappeared from"));
        assert_eq!(std::fs::read(&output).unwrap(), expected, "a failure leaves what was there");
    }
}
