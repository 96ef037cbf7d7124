//! Writes rows as numpy's `.npz`: a file for each image, with an array for each column.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use bytemuck::NoUninit;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use base::error::{Error, Result};
use base::files;
use base::progress::{Observer, ProgressTask, TaskStart, Unit};
use data::features::Row;
use data::features::tsv::{BoxCounts, TsvReader};

/// numpy aligns data to as many bytes.
const ALIGNMENT: usize = 64;

/// Checks that an id can be the name of a file.
///
/// # Errors
/// Usage if it cannot.
pub fn check_id(id: &str) -> Result<()> {
    match id.contains('/') || id.starts_with('.') {
        true => Err(Error::usage(format!("the id {id} cannot be the name of an .npz file"))
            .next("give the image another id with --ids, or leave --also npz out")),
        false => Ok(()),
    }
}

/// Writes the rows of a TSV as `<folder>/<id>.npz`. The folder appears when it is complete. Arrays: `features` (n, width) f32, `boxes`
/// (n, 4) f32 in pixels, `objects_id` and `attrs_id` (n) i64, `objects_conf` and `attrs_conf` (n) f32, and the numbers `img_w`,
/// `img_h` and `num_boxes`, i64. Returns the number of files.
///
/// # Errors
/// Data if the folder exists, or a row is damaged; those of writing.
pub fn write(tsv: &Path, folder: &Path, rows: usize, observer: &dyn Observer) -> Result<usize> {
    if folder.exists() {
        return Err(Error::data(format!("{} already exists", folder.display())).next("move it away"));
    }
    let parent = files::create_folder_of(folder)?;
    let unfinished = tempfile::Builder::new()
        .prefix(".writing-")
        .tempdir_in(parent)
        .map_err(|error| Error::io("create a folder in", parent, &error))?;
    let task = ProgressTask::begin(
        observer,
        TaskStart::new(format!("writing {}", folder.display()), rows as u64, Unit::Images),
    );
    let mut reader = TsvReader::open(tsv)?.with_boxes(BoxCounts::Any);
    let (mut row, mut written) = (Row::default(), 0);
    while reader.read(&mut row)? {
        check_id(&row.img_id)?;
        let path = unfinished.path().join(format!("{}.npz", row.img_id));
        fs::write(&path, npz(&row)?).map_err(|error| Error::io("write", &path, &error))?;
        written += 1;
        task.at(written as u64, String::new);
    }
    drop(task);
    // Its mode is that of a temporary folder, which nobody else may read.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(unfinished.path(), mode).map_err(|error| Error::io("open", unfinished.path(), &error))?;
    files::rename_durably(unfinished.path(), folder)?;
    drop(unfinished.keep());
    Ok(written)
}

/// Returns a row as the bytes of an `.npz` file, which is a zip of `.npy` files.
fn npz(row: &Row) -> Result<Vec<u8>> {
    let n = row.num_boxes;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [
        ("features", npy("<f4", &[n, row.dim()], &row.features)),
        ("boxes", npy("<f4", &[n, 4], &row.boxes)),
        ("objects_id", npy("<i8", &[row.objects_id.len()], &row.objects_id)),
        ("objects_conf", npy("<f4", &[row.objects_conf.len()], &row.objects_conf)),
        ("attrs_id", npy("<i8", &[row.attrs_id.len()], &row.attrs_id)),
        ("attrs_conf", npy("<f4", &[row.attrs_conf.len()], &row.attrs_conf)),
        ("img_w", npy("<i8", &[], &[i64::from(row.img_w)])),
        ("img_h", npy("<i8", &[], &[i64::from(row.img_h)])),
        ("num_boxes", npy("<i8", &[], &[n as i64])),
    ] {
        let failed = |error: String| Error::bug(format!("{} cannot be packed", row.img_id)).because(error);
        // As numpy's `savez` does.
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(format!("{name}.npy"), options).map_err(|error| failed(error.to_string()))?;
        zip.write_all(&bytes).map_err(|error| failed(error.to_string()))?;
    }
    let packed = zip.finish().map_err(|error| Error::bug("an .npz file cannot be packed").because(error))?;
    Ok(packed.into_inner())
}

/// Returns numbers as the bytes of an `.npy` file of version 1.0.
fn npy<T: NoUninit>(kind: &str, shape: &[usize], numbers: &[T]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(|side| format!("{side},")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", sides.join(" "));
    let start = b"\x93NUMPY\x01\x00";
    let before = start.len() + 2 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', before.next_multiple_of(ALIGNMENT) - before));
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [&start[..], &length, header.as_bytes(), bytemuck::cast_slice(numbers)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::progress::Silent;
    use data::features::testing::{row_of, text};

    #[test]
    fn arrays_begin_as_numpy_expects() {
        let scalar = npy("<i8", &[], &[7_i64]);
        assert_eq!((&scalar[..10], scalar.len() % ALIGNMENT), (&b"\x93NUMPY\x01\x00\x76\x00"[..], 8));
        assert!(scalar[10..].starts_with(b"{'descr': '<i8', 'fortran_order': False, 'shape': (), }"));
        let matrix = npy("<f4", &[2, 3], &[1.0_f32; 6]);
        assert!(matrix[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3,), }"));
        assert_eq!(matrix.len(), 128 + 24);
    }

    #[test]
    fn every_row_gets_a_file_and_nothing_is_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let tsv = place.path().join("a_obj36.tsv");
        let rows = [row_of(1, 2, 3), row_of(2, 2, 3)];
        fs::write(&tsv, text(&rows)).unwrap();
        let folder = place.path().join("a_obj36");
        assert_eq!(write(&tsv, &folder, 2, &Silent).unwrap(), 2);
        for row in &rows {
            let packed = fs::read(folder.join(format!("{}.npz", row.img_id))).unwrap();
            let mut zip = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
            assert_eq!((zip.len(), zip.by_name("boxes.npy").unwrap().size()), (9, 128 + 32));
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "no unfinished folder is left");
        assert!(write(&tsv, &folder, 2, &Silent).unwrap_err().to_string().contains("already exists"));
        assert!(check_id("a/b").is_err() && check_id(".a").is_err() && check_id("a.b").is_ok());
    }
}
