use std::path::Path;
use std::process::{Command, Stdio};

use super::super::testing::member;
use super::super::{Archive, MemberSpec};
use super::making::*;
use crate::testing::{Member, zip};
use base::error::Kind;

fn text(seed: u32, bytes: usize) -> Vec<u8> {
    (0..bytes as u32).map(|at| (at.wrapping_mul(seed) >> 5) as u8 & 0x3f).collect()
}

#[test]
fn stored_deflated_wide_and_streamed_members() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let (a, b) = (text(7, 70_000), text(11, 300_000));
    for wide in [false, true] {
        for streamed in [false, true] {
            let members = [
                Member { wide, streamed, ..Member::stored("top/a.tsv", &a) },
                Member { wide, attributes: 0o040_755 << 16, ..Member::stored("top/empty/", b"") },
                Member { wide, ..Member::stored("top/nothing", b"") },
                Member { wide, streamed: streamed && !wide, ..Member::deflated("top/deep/er/b.tsv", &b) },
            ];
            std::fs::write(&path, zip(&members)).unwrap();
            assert_eq!((content(&path, "a.tsv").unwrap(), content(&path, "b.tsv").unwrap()), (a.clone(), b.clone()));
            assert_eq!(content(&path, "nothing").unwrap(), b"");
            let to = folder.path().join(format!("to-{wide}-{streamed}"));
            assert_eq!(all(&path, &to).unwrap(), 3);
            let found = tree(&to);
            assert_eq!(found.len(), 7, "{:?}", found.keys());
            assert_eq!(found["top/deep/er/b.tsv"].as_ref(), Some(&b));
            assert_eq!((&found["top/empty"], found["top/a.tsv"].as_ref()), (&None, Some(&a)));
        }
    }
}

#[test]
fn what_mac_os_adds_is_left_out_and_members_are_found_in_any_folder() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.zip");
    let members = [
        Member::stored("x/images/1.jpg", b"1"),
        Member::stored("x/images/sub/2.jpg", b"22"),
        Member::stored("x/images/.DS_Store", b"junk"),
        Member::stored("__MACOSX/x/images/1.jpg", b"junk"),
        Member::stored("x/readme", b"text"),
    ];
    std::fs::write(&path, zip(&members)).unwrap();
    assert_eq!(content(&path, "1.jpg").unwrap(), b"1");
    let to = place.path().join("sub/images");
    let mut seen = 0;
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.folder(&member("images"), &to, &mut |bytes| seen += bytes).unwrap(), 2);
    assert_eq!(tree(&to).keys().collect::<Vec<_>>(), ["1.jpg", "sub", "sub/2.jpg"]);
    assert_eq!(seen, 3);
    let error = archive.folder(&member("images"), &to, &mut |_| {}).unwrap_err();
    assert!(error.kind() == Kind::Usage && error.to_string().contains("already exists"), "{error}");
    for (name, why) in [("x/images", "no folder"), ("photos", "it has no folder named \"photos\"; it contains 5 files")]
    {
        let error = archive.folder(&member(name), &place.path().join("b"), &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let small = MemberSpec { size_max: 2, ..member("images") };
    assert!(
        archive.folder(&small, &place.path().join("b"), &mut |_| {}).unwrap_err().to_string().contains("more than 2")
    );
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2);
}

#[test]
fn what_a_killed_process_left_is_done_again() {
    let place = tempfile::tempdir().unwrap();
    let (path, to) = (place.path().join("a.zip"), place.path().join("to"));
    std::fs::write(&path, zip(&[Member::stored("a", b"new")])).unwrap();
    std::fs::create_dir_all(place.path().join(".to.unpacking/half")).unwrap();
    std::fs::write(place.path().join(".to.unpacking/a"), b"old").unwrap();
    assert_eq!(all(&path, &to).unwrap(), 1);
    assert_eq!(tree(&to).into_iter().collect::<Vec<_>>(), [("a".to_owned(), Some(b"new".to_vec()))]);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2);
}

/// Runs a program that makes an archive; prints a note and returns false if it is not installed.
fn made_by(folder: &Path, program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(std::fs::File::open(folder.join("in/a.tsv")).unwrap());
    match command.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => true,
        _ => {
            eprintln!("skipped: {program} is not here or cannot do {arguments:?}");
            false
        }
    }
}

#[test]
fn archives_of_other_programs() {
    let place = tempfile::tempdir().unwrap();
    let a = text(13, 200_000);
    std::fs::create_dir_all(place.path().join("in/sub")).unwrap();
    std::fs::write(place.path().join("in/a.tsv"), &a).unwrap();
    std::fs::write(place.path().join("in/sub/b.tsv"), b"b").unwrap();
    let python = "import zipfile as z, sys
with z.ZipFile('p.zip', 'w', z.ZIP_DEFLATED) as f:
    f.write('in/a.tsv'); f.writestr('x/b.tsv', 'b')
    with f.open('big', 'w', force_zip64=True) as m: m.write(b'big')
class Pipe:
    def __init__(self, f): self.f = f
    def write(self, b): return self.f.write(b)
    def flush(self): pass
with open('q.zip', 'wb') as out, z.ZipFile(Pipe(out), 'w', z.ZIP_DEFLATED) as f:
    f.write('in/a.tsv'); f.writestr('x/b.tsv', 'b')";
    let tar = "import tarfile as t
for name, form in ('u.tar.gz', t.USTAR_FORMAT), ('g.tar.gz', t.GNU_FORMAT), ('p.tar.gz', t.PAX_FORMAT):
    with t.open(name, 'w:gz', format=form) as f: f.add('in')";
    let archives: [(&str, &[&str], &[&str]); 9] = [
        ("zip", &["-r", "r.zip", "in"], &["r.zip"]),
        ("zip", &["-0", "-r", "s.zip", "in"], &["s.zip"]),
        ("zip", &["-fz", "-r", "w.zip", "in"], &["w.zip"]),
        ("zip", &["-fd", "-r", "d.zip", "in"], &["d.zip"]),
        (
            "sh",
            &[
                "-c",
                "cat in/a.tsv | zip -fz- i.zip - && printf '@ -\\n@=a.tsv\\n' | zipnote -w i.zip && zip i.zip in/sub/b.tsv",
            ],
            &["i.zip"],
        ),
        ("sh", &["-c", "zip -r - in | cat > o.zip && test -s o.zip"], &["o.zip"]),
        ("python3", &["-c", python], &["p.zip", "q.zip"]),
        ("python3", &["-c", tar], &["u.tar.gz", "g.tar.gz", "p.tar.gz"]),
        ("tar", &["-czf", "t.tar.gz", "-C", "in", "."], &["t.tar.gz"]),
    ];
    for (program, arguments, names) in archives {
        if made_by(place.path(), program, arguments) {
            for name in names {
                let path = place.path().join(name);
                assert!(content(&path, "a.tsv").unwrap() == a, "{name}");
                assert_eq!(content(&path, "b.tsv").unwrap(), b"b", "{name}");
            }
        }
    }
}
