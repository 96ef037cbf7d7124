//! The cache of finished stages, one folder per fingerprint. A folder that has its final name is complete; its `stage.json` lists
//! what it holds. Whether a result may be reused is decided in [`super::stage_state`].

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::decision::Reason;
use super::fingerprint::FingerprintParts;
use super::plan::Stage;
use crate::placement;
use base::clock;
use base::error::{Error, Result};
use base::files::{self, Stat};

const SCHEMA: u32 = 1;
const RECORD: &str = "stage.json";
/// Files in a stage's folder that are not outputs: nothing depends on them, and they may be missing.
const NO_OUTPUTS: [&str; 2] = [RECORD, placement::RECORD];
const RECORD_LIMIT: u64 = 64 << 20;
const PARTIAL: &str = ".partial-";
const DISCARDED: &str = ".discarded-";
/// Files of at least this size are synced to disk before the stage counts as done. A smaller file that a power cut lost is
/// noticed by its size.
const FORCE_TO_DISK: u64 = 1 << 20;

/// One output of a finished stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Output {
    /// Path within the stage's folder, separated by `/`.
    pub path: String,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Whether it holds times or speeds; nothing may depend on it then.
    pub volatile: bool,
    /// Size, time and inode: unchanged means that the content need not be read again.
    pub stat: Stat,
}

/// `stage.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    schema: u32,
    /// Name of the folder.
    pub fingerprint: String,
    /// What the stage was made from.
    pub parts: FingerprintParts,
    /// Outputs, sorted by path.
    pub outputs: Vec<Output>,
    /// Duration.
    pub seconds: f64,
    /// When it finished, UTC.
    pub finished: String,
    /// Version of this program.
    program: String,
}

impl Record {
    /// Returns the SHA-256 over names and hashes of all outputs that are not volatile.
    pub(crate) fn tree_sha256(&self) -> String {
        let lines: Vec<String> =
            self.outputs.iter().filter(|o| !o.volatile).map(|o| format!("{}  {}\n", o.sha256, o.path)).collect();
        files::sha256_bytes(lines.concat().as_bytes())
    }

    pub(crate) fn output(&self, path: &str) -> Option<&Output> {
        self.outputs.iter().find(|o| o.path == path)
    }
}

/// What the cache holds for a fingerprint.
pub(crate) enum CacheEntry {
    Absent,
    /// Something that is not a finished stage, and why not.
    Unreadable(String),
    /// A finished stage whose files have not been verified yet.
    Finished(Box<Record>),
}

/// The folder `cache/stages` of a workspace.
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn new(workspace: &Path) -> Self {
        Self { root: workspace.join("cache/stages") }
    }

    pub(crate) fn folder(&self, stage: &str, fingerprint: &str) -> PathBuf {
        self.root.join(stage).join(fingerprint)
    }

    /// Reads the record of a finished stage.
    pub(crate) fn find(&self, stage: &str, fingerprint: &str) -> CacheEntry {
        let folder = self.folder(stage, fingerprint);
        if !folder.exists() {
            return CacheEntry::Absent;
        }
        match read_record(&folder) {
            Ok(record) if record.fingerprint == fingerprint => CacheEntry::Finished(Box::new(record)),
            Ok(record) => CacheEntry::Unreadable(format!("it is the record of {}", record.fingerprint)),
            Err(error) => CacheEntry::Unreadable(error.what().to_owned()),
        }
    }

    /// Returns the first output that is not as recorded, or `None` if all are. Size, time and inode are compared; the content
    /// only if those differ. With `remember`, the new times of a file that was only touched or moved are recorded.
    pub(crate) fn find_damage(&self, record: &mut Record, remember: bool) -> Result<Option<Reason>> {
        let folder = self.folder(&record.parts.stage, &record.fingerprint);
        let mut moved = false;
        for output in &mut record.outputs {
            let path = folder.join(&output.path);
            let stat = match std::fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_file() => Stat::of(&metadata),
                Ok(_) => return Ok(Some(Reason::OutputChanged(output.path.clone()))),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(Some(Reason::OutputMissing(output.path.clone())));
                }
                Err(e) => return Err(Error::io("look at", &path, &e)),
            };
            if stat == output.stat {
                continue;
            }
            if stat.size != output.stat.size || files::sha256(&path)? != output.sha256 {
                return Ok(Some(Reason::OutputChanged(output.path.clone())));
            }
            (output.stat, moved) = (stat, true);
        }
        if moved && remember {
            write_record(&folder, record)?;
        }
        Ok(None)
    }

    /// Reads the records of every finished run of a stage. Unreadable ones are skipped: they tell nothing about changes.
    pub(crate) fn history(&self, stage: &str) -> Result<Vec<Record>> {
        let folder = self.root.join(stage);
        let names = entries(&folder)?;
        Ok(names.iter().filter(|n| !n.starts_with('.')).filter_map(|n| read_record(&folder.join(n)).ok()).collect())
    }

    /// Lists stage, fingerprint and folder of what killed runs left behind.
    pub(crate) fn leftovers(&self) -> Result<Vec<(String, String, PathBuf)>> {
        let mut found = Vec::new();
        for stage in entries(&self.root)? {
            let folder = self.root.join(&stage);
            for name in entries(&folder)?.into_iter().filter(|n| n.starts_with('.')) {
                let fingerprint = name.strip_prefix(PARTIAL).unwrap_or_default();
                found.push((stage.clone(), fingerprint.to_owned(), folder.join(&name)));
            }
        }
        Ok(found)
    }

    /// Returns a folder to fill: an empty one, or that of an interrupted run if the stage can resume.
    pub(crate) fn begin(&self, stage: &Stage, fingerprint: &str) -> Result<PathBuf> {
        let folder = self.root.join(&stage.name).join(format!("{PARTIAL}{fingerprint}"));
        match stage.resumes {
            true if folder.is_dir() => files::remove_unfinished(&folder)?,
            _ => remove(&folder)?,
        }
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create the folder", &folder, &e))?;
        Ok(folder)
    }

    /// Records the outputs in a filled folder and gives it its final name.
    pub(crate) fn finish(
        &self,
        stage: &Stage,
        parts: FingerprintParts,
        fingerprint: &str,
        filled: &Path,
        seconds: f64,
    ) -> Result<Record> {
        let mut paths = BTreeSet::new();
        list(filled, "", &mut paths)?;
        let mut outputs = Vec::new();
        for path in paths {
            let full = filled.join(&path);
            let sha256 = files::sha256(&full)?;
            let file = File::open(&full).map_err(|e| Error::io("read", &full, &e))?;
            let stat = Stat::of(&file.metadata().map_err(|e| Error::io("look at", &full, &e))?);
            if stat.size >= FORCE_TO_DISK {
                file.sync_all().map_err(|e| Error::io("write", &full, &e))?;
            }
            outputs.push(Output { volatile: stage.is_volatile(&path), path, sha256, stat });
        }
        let record = Record {
            schema: SCHEMA,
            fingerprint: fingerprint.to_owned(),
            parts,
            outputs,
            seconds,
            finished: clock::now(),
            program: base::versions::PROGRAM.to_owned(),
        };
        write_record(filled, &record)?;
        self.discard(&stage.name, fingerprint)?;
        let folder = self.folder(&stage.name, fingerprint);
        std::fs::rename(filled, &folder).map_err(|e| Error::io("create the folder", &folder, &e))?;
        Ok(record)
    }

    /// Removes a finished stage. It is renamed first, so that a kill leaves no half stage under the final name.
    pub(crate) fn discard(&self, stage: &str, fingerprint: &str) -> Result<()> {
        let folder = self.folder(stage, fingerprint);
        if !folder.exists() {
            return Ok(());
        }
        let aside = self.root.join(stage).join(format!("{DISCARDED}{fingerprint}"));
        remove(&aside)?;
        std::fs::rename(&folder, &aside).map_err(|e| Error::io("rename", &folder, &e))?;
        remove(&aside)
    }
}

/// Removes a folder if it exists.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder, &e)),
        _ => Ok(()),
    }
}

fn read_record(folder: &Path) -> Result<Record> {
    let path = folder.join(RECORD);
    let text = files::read_text(&path, RECORD_LIMIT)?;
    let record: Record = serde_json::from_str(&text).map_err(|e| Error::data(format!("{RECORD} is damaged: {e}")))?;
    if record.schema != SCHEMA {
        return Err(Error::data(format!("{RECORD} has schema {}, not {SCHEMA}", record.schema)));
    }
    Ok(record)
}

fn write_record(folder: &Path, record: &Record) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(record).map_err(|e| Error::bug("stage.json cannot be written").because(e))?;
    files::write_bytes(&folder.join(RECORD), &bytes)
}

/// Lists the names in a folder, sorted; a missing folder is an empty one.
fn entries(folder: &Path) -> Result<Vec<String>> {
    let read = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|e| Error::io("list", folder, &e))?,
    };
    let mut names = Vec::new();
    for entry in read {
        let entry = entry.map_err(|e| Error::io("list", folder, &e))?;
        let name = entry.file_name().into_string();
        names.push(
            name.map_err(|n| Error::data(format!("{} holds {n:?}, which is not a UTF-8 name", folder.display())))?,
        );
    }
    names.sort();
    Ok(names)
}

fn list(folder: &Path, below: &str, paths: &mut BTreeSet<String>) -> Result<()> {
    for name in entries(folder)? {
        let (full, path) = (folder.join(&name), format!("{below}{name}"));
        let kind = std::fs::symlink_metadata(&full).map_err(|e| Error::io("look at", &full, &e))?.file_type();
        if kind.is_dir() {
            list(&full, &format!("{path}/"), paths)?;
        } else if kind.is_file() && NO_OUTPUTS.contains(&path.as_str()) {
            continue;
        } else if kind.is_file() {
            paths.insert(path);
        } else {
            return Err(Error::bug(format!("a stage wrote {path}, which is neither a file nor a folder of its own")));
        }
    }
    Ok(())
}
