//! Moves an earlier run out of the way, to a folder with a dated name. Deletes nothing.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use super::outcome::FILE_NAME;
use base::clock;
use base::error::{Error, Result};
use lxmert_spec::weights_names::is_weights_name;

/// Returns the sorted names of the weights files that trainings left in a folder; empty if the folder does not exist.
pub(super) fn weights_in(folder: &Path) -> Result<Vec<String>> {
    let names = entries(folder)?.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| is_weights_name(name)).collect();
    names.sort();
    Ok(names)
}

/// Moves the files of `folder` and the folder of its snapshots into a new folder with today's date in its name. The new folder
/// is beside `folder` or, if none can be created there, inside it. A log that the next run appends to is copied instead. Other
/// folders stay. Returns the new folder.
///
/// # Errors
/// If something cannot be moved; what was moved before is in the new folder.
pub(super) fn move_aside(folder: &Path, snapshots: &Path, log_to_copy: Option<&str>) -> Result<PathBuf> {
    let failed = |path: &Path, e: &std::io::Error| Error::io("move aside", path, e);
    let folder = std::fs::canonicalize(folder).map_err(|e| Error::io("find", folder, &e))?;
    let snapshots = std::fs::canonicalize(snapshots).ok();
    let mut paths = Vec::new();
    for entry in entries(&folder)? {
        let path = entry.path();
        let kind = entry.file_type().map_err(|e| failed(&path, &e))?;
        if !kind.is_dir() || snapshots.as_ref() == Some(&path) {
            paths.push(path);
        }
    }
    let is_named =
        |path: &Path, name: Option<&str>| path.file_name().is_some_and(|of| name.is_some_and(|name| of == name));
    // The outcome goes last: until then the folder counts as that of a finished run.
    paths.sort_by_key(|path| (is_named(path, Some(FILE_NAME)), is_named(path, log_to_copy)));
    let date = clock::now().replace(':', "");
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.parent().map(|parent| parent.join(format!("{name}-{date}")));
    let places = beside.into_iter().chain([folder.join(format!("before-{date}"))]);
    let mut last = None;
    for place in places {
        let place = match create_new(&place) {
            Ok(place) => place,
            Err(e) => {
                last = Some(failed(&place, &e));
                continue;
            }
        };
        match move_into(&place, &paths, log_to_copy) {
            Ok(()) => return Ok(place),
            // The folder is a mount point: try inside it.
            Err((path, e)) if e.kind() == std::io::ErrorKind::CrossesDevices => {
                let _ = std::fs::remove_dir(&place);
                last = Some(failed(&path, &e));
            }
            Err((path, e)) => return Err(failed(&path, &e)),
        }
    }
    Err(last.unwrap_or_else(|| Error::bug("there is no place to move a run to")))
}

fn move_into(place: &Path, paths: &[PathBuf], log_to_copy: Option<&str>) -> Result<(), (PathBuf, std::io::Error)> {
    for path in paths {
        let name = path.file_name().unwrap_or_default();
        let to = place.join(name);
        let moved = match log_to_copy.is_some_and(|log| name == log) {
            true => std::fs::copy(path, &to).map(drop),
            false => std::fs::rename(path, &to),
        };
        moved.map_err(|e| (path.clone(), e))?;
    }
    Ok(())
}

/// Creates a new folder with this name, or with a number appended if it exists.
fn create_new(path: &Path) -> std::io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let numbered = match number {
            1 => path.to_owned(),
            n => PathBuf::from(format!("{}-{n}", path.display())),
        };
        match std::fs::create_dir(&numbered) {
            Ok(()) => return Ok(numbered),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
            Err(e) => return Err(e),
        }
    }
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>> {
    let failed = |e| Error::io("list", folder, &e);
    match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(failed)?.map(|entry| entry.map_err(failed)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            entries(folder).unwrap().iter().map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn filled(folder: &Path) {
        fs::create_dir_all(folder.join("snapshots")).unwrap();
        fs::create_dir_all(folder.join("eval")).unwrap();
        for name in [FILE_NAME, "BEST.safetensors", "log.log", "notes.txt", "snapshots/step-1", "eval/result.json"] {
            fs::write(folder.join(name), name).unwrap();
        }
    }

    #[test]
    fn a_run_is_moved_beside_its_folder_and_nothing_is_lost() {
        let place = tempfile::tempdir().unwrap();
        let (run, snapshots) = (place.path().join("vqa"), place.path().join("vqa/snapshots"));
        let mut places = Vec::new();
        for log in [None, Some("log.log")] {
            filled(&run);
            let moved = move_aside(&run, &snapshots, log).unwrap();
            assert_eq!(names(&moved), ["BEST.safetensors", "log.log", "notes.txt", FILE_NAME, "snapshots"]);
            assert_eq!(fs::read_to_string(moved.join("snapshots/step-1")).unwrap(), "snapshots/step-1");
            assert_eq!(names(&run), if log.is_some() { vec!["eval", "log.log"] } else { vec!["eval"] });
            assert!(moved.file_name().unwrap().to_str().unwrap().starts_with("vqa-20"), "{}", moved.display());
            places.push(moved);
        }
        assert_ne!(places[0], places[1], "two within a second");
        assert_eq!(names(place.path()).len(), 3);
    }

    #[test]
    fn weights_are_known_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        assert!(weights_in(&folder.path().join("absent")).unwrap().is_empty());
        let trained = ["BEST.pth", "BEST_EVAL_LOSS_LXRT.pth", "Epoch01_LXRT.safetensors", "LAST.safetensors"];
        for name in trained.iter().chain(&["model_LXRT.pth", "BESTOF.pth", "ENCODER_LXRT.safetensors", "log.log"]) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(weights_in(folder.path()).unwrap(), trained);
    }
}
