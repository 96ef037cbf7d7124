//! Inventories of the workspace: small files that stages depend on, since the data are too large for a stage's folder.
//!
//! - [`files`] lists what one task reads, by path, size and SHA-256. Training depends on this and nothing else of the workspace:
//!   not on where a file came from, nor on whether it has been pinned.
//! - [`records`] lists the published files behind it with the trust in their checksums. The verdict depends on it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::needs::{Need, Needs, Origin};
use assets::digest::hash_file;
use assets::lock::{Lock, Trust};
use assets::manifest::Asset;
use assets::paths::AssetPaths;
use assets::plan::Item;
use assets::receipt::{Glance, Receipt, glance};
use base::error::{Error, Result};
use data::dataset::Task;
use judge::report::AssetRecord;

/// A file that a task reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path relative to the workspace.
    pub path: PathBuf,
    /// Size.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: String,
}

/// Lists the files that a task reads. The hash of a file comes from its receipt; a file without receipt, or changed since, is read.
///
/// # Errors
/// Data for a missing file; checksum for one with the wrong content.
pub fn files(
    needs: &Needs,
    task: Task,
    lock: &Lock,
    workspace: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<FileEntry>> {
    let entry = |need: &Need| {
        let receipt = known(need, lock, workspace, progress)?;
        let sha256 = receipt.sha256().to_owned();
        Ok(FileEntry { path: need.path.clone(), bytes: receipt.stat.size, sha256 })
    };
    needs.of_task(task).iter().map(entry).collect()
}

/// Lists the published files of all tasks that exist, or existed before they were unpacked. A file in the place of an archive's
/// member that did not come from the archive is listed separately: the trust in the archive does not extend to it.
pub fn records(needs: &Needs, lock: &Lock, workspace: &Path) -> Vec<AssetRecord> {
    let mut records = Vec::new();
    for (asset, uses) in needs.assets() {
        if let Some(receipt) = Receipt::read(&AssetPaths::new(workspace, &asset.name, &asset.path)) {
            let users = uses.iter().map(|(task, _)| *task);
            records.push(record(&asset.name, &receipt, trust(asset, &uses, lock.trust(asset)), users));
        }
        for unpack in &asset.unpack {
            let place = AssetPaths::unpacked(workspace, asset, unpack);
            let mut users = uses.iter().filter(|(_, need)| need.path == unpack.path).map(|(task, _)| *task).peekable();
            let strange = |receipt: &Receipt| Path::new(&receipt.source).file_name() != asset.path.file_name();
            if let Some(receipt) = Receipt::read(&place).filter(strange).filter(|_| users.peek().is_some()) {
                let trust = if unpack.sha256.is_some() { Trust::Published } else { Trust::Unpinned };
                records.push(record(place.name(), &receipt, trust, users));
            }
        }
    }
    records
}

fn record(name: &str, receipt: &Receipt, trust: Trust, users: impl Iterator<Item = Task>) -> AssetRecord {
    let mut used_by: Vec<String> = users.map(|task| task.name().to_owned()).collect();
    used_by.dedup();
    AssetRecord {
        name: name.to_owned(),
        bytes: receipt.stat.size,
        sha256: receipt.sha256().to_owned(),
        trust: trust.name().to_owned(),
        used_by,
    }
}

/// Lists the published files of all tasks, fetched or not, with the trust in each.
pub fn trusts<'a>(needs: &Needs<'a>, lock: &Lock, workspace: &Path) -> Vec<(&'a Asset, Trust)> {
    let of = |asset: &'a Asset| Item::of(asset, lock, workspace).trust;
    needs.assets().into_iter().map(|(asset, uses)| (asset, trust(asset, &uses, of(asset)))).collect()
}

/// Returns the trust in an asset. It counts as published if only files derived from it are read (members of an archive, processed
/// files) and all of those have published checksums; otherwise its own trust counts.
fn trust(asset: &Asset, uses: &[(Task, &Need)], itself: Trust) -> Trust {
    let published = |need: &Need| match need.origin {
        Origin::Asset(_) => false,
        Origin::Unpacked(_, unpack) => unpack.sha256.is_some(),
        Origin::Made(made) => made.sha256.is_some(),
    };
    let others = uses.iter().all(|(_, need)| need.path != asset.path && published(need));
    if others { Trust::Published } else { itself }
}

fn known(need: &Need, lock: &Lock, workspace: &Path, progress: &mut dyn FnMut(u64)) -> Result<Receipt> {
    let (place, demands) = (need.origin.place(workspace), need.origin.demands(lock));
    let wrong = |why: &str| {
        Err(Error::checksum(format!("{} has the wrong content", place.file().display()))
            .because(why)
            .next("move it away and run this again to fetch and unpack it again"))
    };
    match glance(&place, &demands) {
        Glance::Good(receipt) => Ok(receipt),
        Glance::Wrong(_, why) => wrong(&why),
        Glance::Missing => Err(Error::data(format!("{} is missing", place.file().display()))
            .next(format!("run repro fetch {0} and repro prepare {0}; they tell why", need.origin.name()))),
        looked @ (Glance::Unknown | Glance::Changed(_)) => {
            let hashes = hash_file(place.file(), &demands.checksums, progress)?;
            // A file that was only moved or touched keeps its source.
            let source = match looked {
                Glance::Changed(before) if before.hashes.sha256 == hashes.sha256 => before.source,
                _ => "found at its place".to_owned(),
            };
            let receipt = Receipt::new(place.file(), hashes, &source)?;
            if let Some(why) = receipt.contradicts(&demands) {
                return wrong(&why);
            }
            receipt.write(&place)?;
            Ok(receipt)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::needs::tests::MANIFEST;
    use super::*;
    use assets::manifest::Manifest;
    use base::error::Kind;
    use judge::verdict::trust_limit::TrustLimit;

    fn unpinned(records: &[AssetRecord], task: Task) -> Vec<String> {
        TrustLimit::of_task(records, task.name()).files().to_vec()
    }

    fn files(needs: &Needs, task: Task, lock: &Lock, workspace: &Path) -> Result<Vec<FileEntry>> {
        super::files(needs, task, lock, workspace, &mut |_| {})
    }

    /// A workspace with every file of a task, a few bytes each, as if fetched and unpacked.
    fn filled(manifest: &Manifest, tasks: &[Task]) -> tempfile::TempDir {
        let workspace = tempfile::tempdir().unwrap();
        let needs = Needs::of(manifest, tasks).unwrap();
        let write = |place: &AssetPaths, source: &str| {
            base::files::write_bytes(place.file(), place.name().as_bytes()).unwrap();
            let hashes = hash_file(place.file(), &Default::default(), &mut |_| {}).unwrap();
            Receipt::new(place.file(), hashes, source).unwrap().write(place).unwrap();
        };
        for (asset, _) in needs.assets() {
            write(&AssetPaths::new(workspace.path(), &asset.name, &asset.path), "https://one.example/");
        }
        for need in tasks.iter().flat_map(|task| needs.of_task(*task)) {
            let source = need.origin.assets(manifest)[0].path.display().to_string();
            write(&need.origin.place(workspace.path()), &source);
        }
        workspace
    }

    /// Without sizes and checksums, which a few bytes do not have.
    fn manifest() -> Manifest {
        let mut manifest = Manifest::parse(MANIFEST, "test").unwrap();
        manifest.assets.iter_mut().for_each(|asset| (asset.size, asset.checksums) = (None, Default::default()));
        manifest
    }

    #[test]
    fn what_a_task_reads_depends_on_content_alone() {
        let manifest = manifest();
        let (here, there) = (filled(&manifest, &Task::ALL), filled(&manifest, &[Task::Nlvr2]));
        let (all, one) = (Needs::of(&manifest, &Task::ALL).unwrap(), Needs::of(&manifest, &[Task::Nlvr2]).unwrap());
        let mut lock = Lock::default();
        let before = files(&all, Task::Nlvr2, &lock, here.path()).unwrap();
        assert_eq!(before, files(&one, Task::Nlvr2, &lock, there.path()).unwrap());
        assert_eq!(before[0].path, Path::new("data/nlvr2/train.json"));

        let records_before = records(&one, &lock, there.path());
        let model = records_before.iter().find(|record| record.name == "model").unwrap().clone();
        lock.record("model", model.bytes, &model.sha256, "https://one.example/").unwrap();
        assert_eq!(before, files(&one, Task::Nlvr2, &lock, there.path()).unwrap(), "a pin changes no content");
        assert_eq!(
            unpinned(&records_before, Task::Nlvr2).len(),
            unpinned(&records(&one, &lock, there.path()), Task::Nlvr2).len() + 1
        );

        // The same size, so only its time tells: it is read.
        let vocab = there.path().join("data/vocab.txt");
        std::fs::write(&vocab, "VOCABULARY").unwrap();
        let after = files(&one, Task::Nlvr2, &lock, there.path()).unwrap();
        let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(a, _)| &a.path).collect();
        assert_eq!(changed, [Path::new("data/vocab.txt")]);

        std::fs::remove_file(&vocab).unwrap();
        let error = files(&one, Task::Nlvr2, &lock, there.path()).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("vocab.txt is missing\n  next: run repro fetch vocabulary"), "{error}");
    }

    #[test]
    fn a_wrong_file_is_an_error() {
        let mut manifest = manifest();
        let workspace = filled(&manifest, &[Task::Vqa]);
        let vocab = manifest.assets.iter_mut().find(|asset| asset.name == "vocabulary").unwrap();
        vocab.checksums.sha256 = Some("0".repeat(64));
        let needs = Needs::of(&manifest, &[Task::Vqa]).unwrap();
        let lock = Lock::default();
        for forget in [false, true] {
            if forget {
                std::fs::remove_file(workspace.path().join("receipts/vocabulary.json")).unwrap();
            }
            let error = files(&needs, Task::Vqa, &lock, workspace.path()).unwrap_err();
            assert_eq!(error.kind(), Kind::Checksum, "{error}");
        }
    }

    #[test]
    fn every_published_file_is_recorded_with_what_stands_behind_it() {
        let mut manifest = manifest();
        manifest.assets.iter_mut().find(|a| a.name == "vocabulary").unwrap().checksums.md5 =
            Some("09f06963f502addfeab2a7c87f38802e".into());
        // The member's checksum is published, the archive's is not.
        let member = base::files::sha256_bytes(b"coco-val2014--val2014_obj36.tsv");
        manifest.assets.iter_mut().find(|a| a.name == "coco-val2014").unwrap().unpack[0].sha256 = Some(member);
        let workspace = filled(&manifest, &Task::ALL);
        let needs = Needs::of(&manifest, &Task::ALL).unwrap();
        let mut lock = Lock::default();
        lock.record("coco-train2014", 1, &"1".repeat(64), "https://a.example/").unwrap();
        let records = records(&needs, &lock, workspace.path());
        let lines: Vec<String> =
            records.iter().map(|r| format!("{:<22} {:<9} {}", r.name, r.trust, r.used_by.join(" "))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        model                  unpinned  vqa gqa nlvr2
        vocabulary             published vqa gqa nlvr2
        all-answers            unpinned  vqa gqa
        vqa-minival            unpinned  vqa
        vqa-nominival          unpinned  vqa
        vqa-train              unpinned  vqa
        vqa-tables             unpinned  vqa
        coco-train2014         pinned    vqa
        coco-val2014           published vqa
        gqa-train              unpinned  gqa
        gqa-valid              unpinned  gqa
        gqa-testdev            unpinned  gqa
        gqa-trainval_ans2label unpinned  gqa
        gqa-trainval_label2ans unpinned  gqa
        gqa-features           unpinned  gqa
        nlvr2-official-train   unpinned  nlvr2
        nlvr2-official-dev     unpinned  nlvr2
        nlvr2-features-train   unpinned  nlvr2
        nlvr2-features-valid   unpinned  nlvr2
        ");
        assert!(!unpinned(&records, Task::Vqa).iter().any(|name| name.starts_with("coco") || name == "vocabulary"));
        assert!(unpinned(&records, Task::Nlvr2).contains(&"nlvr2-official-dev".to_owned()));

        // A file that somebody put where the pinned archive's member belongs.
        std::fs::remove_file(workspace.path().join("receipts/coco-train2014--train2014_obj36.tsv.json")).unwrap();
        files(&needs, Task::Vqa, &lock, workspace.path()).unwrap();
        let found = super::records(&needs, &lock, workspace.path());
        let strange = "coco-train2014--train2014_obj36.tsv".to_owned();
        assert!(unpinned(&found, Task::Vqa).contains(&strange) && !unpinned(&found, Task::Gqa).contains(&strange));
        // Without the archive, too.
        std::fs::remove_file(workspace.path().join("receipts/coco-train2014.json")).unwrap();
        let found = super::records(&needs, &lock, workspace.path());
        assert!(unpinned(&found, Task::Vqa).contains(&strange));
    }
}
