//! A full disk (a small tmpfs): one clear message, nothing damaged, and the same command resumes once there is space.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assets::disk::free;
use base::files::sha256_bytes;

use crate::common::workspace::{Workspace, files, images, tsv, write, zipped};
use crate::common::{run, stderr};

/// Set in the process that runs a test again where it may mount.
const MAY_MOUNT: &str = "REPRO_TEST_MAY_MOUNT";
const SIZE: u64 = 64 << 20;
const PAGE: u64 = 4096;

/// A tmpfs, unmounted when dropped.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = mount(folder.path(), &["-t", "tmpfs", "-o", &format!("size={SIZE},mode=777"), "tmpfs"]);
        mounted.then(|| Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it with ballast until so many bytes are free.
    fn leave(&self, bytes: u64) {
        let ballast = self.path().join("ballast");
        fs::remove_file(&ballast).ok();
        let file = fs::File::create(&ballast).unwrap();
        let surplus = free(self.path()).unwrap().saturating_sub(bytes) / PAGE * PAGE;
        if surplus > 0 {
            rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, surplus).unwrap();
            assert!(free(self.path()).unwrap() - bytes < PAGE);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

fn mount(folder: &Path, options: &[&str]) -> bool {
    let mut mount = Command::new("mount");
    mount.args(options).arg(folder).stderr(Stdio::null()).stdout(Stdio::null());
    mount.status().is_ok_and(|status| status.success())
}

/// Runs `test` on a small disk; where mounting is not allowed, in a namespace of its own; where that is not, not at
/// all.
fn on_a_disk(name: &str, test: impl FnOnce(&Disk)) {
    if let Some(disk) = Disk::new() {
        return test(&disk);
    }
    if std::env::var_os(MAY_MOUNT).is_none() {
        let mut again = Command::new("unshare");
        again
            .arg("-Urm")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", &format!("full_disk::{name}"), "--nocapture"])
            .env(MAY_MOUNT, "1");
        if Command::new("unshare")
            .args(["-Urm", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
        {
            assert!(again.status().unwrap().success(), "{name} in a namespace of its own");
            return;
        }
    }
    eprintln!("skipped: no tmpfs can be mounted here");
}

/// Runs `repro prepare` on a disk with too little room, then with enough.
#[track_caller]
fn fills_up_and_goes_on(disk: &Disk, workspace: &Workspace, room: u64, final_names: &[&str]) -> String {
    in_too_little_room(disk, workspace, ["prepare", "--all"], room, final_names)
}

#[track_caller]
fn in_too_little_room(
    disk: &Disk,
    workspace: &Workspace,
    [command, option]: [&str; 2],
    room: u64,
    final_names: &[&str],
) -> String {
    let before = whole(workspace);
    disk.leave(room);
    let text = stderr(&run(&mut workspace.repro(command, &[option]), 8));
    assert_eq!(text.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{text}");
    assert!(text.contains("next: free some space"), "{text}");
    assert_eq!(whole(workspace), before, "nothing new appeared and nothing was changed");
    for name in final_names {
        assert!(!workspace.path(name).exists(), "{name}");
    }
    disk.leave(SIZE);
    run(&mut workspace.repro(command, &[option]), 0);
    for name in final_names {
        assert!(workspace.path(name).exists(), "{name}");
    }
    assert_eq!(workspace.leftovers(), Vec::<PathBuf>::new());
    text
}

/// All files with their content, but for what is kept about them and what of a download has arrived.
fn whole(workspace: &Workspace) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = files(&workspace.path("")).into_iter().filter(|path| path.is_file()).collect();
    let noted = |path: &PathBuf| ["/receipts/", ".part"].iter().any(|mark| path.to_string_lossy().contains(mark));
    all.retain(|path| !noted(path));
    all.sort();
    all.into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

fn archive(member: &str, more: &str, size_max: u64) -> String {
    format!(
        "schema = 1\ngroup = [{{ name = \"all\", title = \"all\" }}]\n\
         [[asset]]\nname = \"a\"\ntitle = \"a\"\ngroups = [\"all\"]\npath = \"downloads/a.zip\"\nurls = [\"https://example.org/a.zip\"]\n\
         [[asset.unpack]]\nmember = \"{member}\"\nsize_max = {size_max}\n{more}\n"
    )
}

/// Rows with few features need more room for their store than the bound, which is for 2048, says: so the disk fills up
/// on the way, not before.
const ROWS: usize = 2_000;

fn store_bound(bytes: u64) -> u64 {
    lxmert_repro::prepare::plan::store_bound(bytes, data::features::Precision::F32)
}

#[test]
fn unpacking_features() {
    on_a_disk("unpacking_features", |disk| {
        let rows = tsv(images("i", ROWS));
        let size = rows.len() as u64;
        let more = format!("path = \"data/a_obj36.tsv\"\nexpect = {{ kind = \"obj36\", count = {ROWS} }}");
        let workspace = Workspace::new(disk.path(), &archive("a_obj36.tsv", &more, size));
        workspace.fetched("a", &zipped(&[("a_obj36.tsv", &rows)]));
        let text = fills_up_and_goes_on(disk, &workspace, size + store_bound(size) + 2 * PAGE, &["data/a_obj36.tsv"]);
        assert!(text.contains("cannot unpack") && text.contains("a_obj36.tsv"), "{text}");
        assert_eq!(fs::read(workspace.path("data/a_obj36.tsv")).unwrap(), rows);
    });
}

#[test]
fn building_a_store() {
    on_a_disk("building_a_store", |disk| {
        let rows = tsv(images("i", ROWS));
        let size = rows.len() as u64;
        let more = format!("path = \"data/a_obj36.tsv\"\nexpect = {{ kind = \"obj36\", count = {ROWS} }}");
        let workspace = Workspace::new(disk.path(), &archive("a_obj36.tsv", &more, size));
        write(&workspace.path("data/a_obj36.tsv"), &rows);
        let text = fills_up_and_goes_on(disk, &workspace, store_bound(size) + 2 * PAGE, &[]);
        assert!(text.contains("cannot build") && text.contains("a_obj36.tsv"), "{text}");
    });
}

/// Bytes that do not shrink when they are packed.
fn noise() -> Vec<u8> {
    (0..1_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// The room that is asked for is there, but the claim on the file takes a page of it.
#[test]
fn unpacking_a_file_or_a_folder() {
    let bytes = noise();
    let size = bytes.len() as u64;
    on_a_disk("unpacking_a_file_or_a_folder", |disk| {
        for (member, more) in [("b.bin", "path = \"data/b.bin\""), ("f", "path = \"data/f\"\nfolder = true")] {
            let workspace = Workspace::new(&disk.path().join(member), &archive(member, more, size));
            workspace.fetched("a", &zipped(&[("f/b.bin", &bytes)]));
            let text = fills_up_and_goes_on(disk, &workspace, size, &[&format!("data/{member}")]);
            assert!(text.contains("cannot unpack"), "{text}");
        }
    });
}

/// Fetched from a folder, and adopted from one: the claim takes a page of the room that is asked for.
#[test]
fn fetching_and_adopting_a_file() {
    on_a_disk("fetching_and_adopting_a_file", |disk| {
        let (bytes, elsewhere) = (noise(), tempfile::tempdir().unwrap());
        write(&elsewhere.path().join("a.bin"), &bytes);
        let from = format!("--from={}", elsewhere.path().display());
        for (number, option) in ["--all", &from].into_iter().enumerate() {
            let manifest = format!(
                "schema = 1\ngroup = [{{ name = \"all\", title = \"all\" }}]\n\
                 [[asset]]\nname = \"a\"\ntitle = \"a\"\ngroups = [\"all\"]\npath = \"data/a.bin\"\n\
                 urls = [\"file://{}/a.bin\"]\nsize = {}\nsha256 = \"{}\"\n",
                elsewhere.path().display(),
                bytes.len(),
                sha256_bytes(&bytes),
            );
            let workspace = Workspace::new(&disk.path().join(number.to_string()), &manifest);
            in_too_little_room(disk, &workspace, ["fetch", option], bytes.len() as u64, &["data/a.bin"]);
            assert_eq!(fs::read(workspace.path("data/a.bin")).unwrap(), bytes);
        }
    });
}

#[test]
fn making_a_file() {
    on_a_disk("making_a_file", |disk| {
        let manifest = "schema = 1\ngroup = [{ name = \"all\", title = \"all\" }]\n\
             [[asset]]\nname = \"dev\"\ntitle = \"\"\ngroups = [\"all\"]\npath = \"downloads/dev.json\"\nurls = [\"https://example.org/\"]\n\
             [[made]]\nname = \"valid\"\ntitle = \"\"\ngroups = [\"all\"]\nrule = \"nlvr2\"\nfrom = [\"dev\"]\npath = \"data/nlvr2/valid.json\"\n\
             expect = { kind = \"json-list\", count = 200 }\n";
        let workspace = Workspace::new(disk.path(), manifest);
        let sentence = "word ".repeat(1_000);
        let line = |at: usize| {
            format!("{{\"identifier\": \"dev-{at}-0-0\", \"sentence\": \"{sentence}\", \"label\": \"True\"}}\n")
        };
        workspace.fetched("dev", (0..200).map(line).collect::<String>().as_bytes());
        fills_up_and_goes_on(disk, &workspace, 200 * 400 + 8 * PAGE, &["data/nlvr2/valid.json"]);
    });
}

#[test]
fn too_little_space_is_reported_before_the_first_byte() {
    on_a_disk("too_little_room_is_said_before_the_first_byte", |disk| {
        let rows = tsv(images("i", 100));
        let more = "path = \"data/a_obj36.tsv\"\nexpect = { kind = \"obj36\" }";
        let workspace = Workspace::new(disk.path(), &archive("a_obj36.tsv", more, 50_000_000));
        workspace.fetched("a", &zipped(&[("a_obj36.tsv", &rows)]));
        disk.leave(40 << 20);
        let text = stderr(&run(&mut workspace.repro("prepare", &["--all"]), 8));
        assert!(text.contains("there is not enough room") && text.contains("needs 88.1 MB"), "{text}");
        assert!(!workspace.path("data").exists());
    });
}
