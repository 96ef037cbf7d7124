//! Accidents: archives that end too early, and archives with one wrong byte.

use super::making::*;
use crate::testing::{Member, zip};
use base::error::Kind;

fn samples() -> Vec<Vec<u8>> {
    let text = b"a text, a text, and once more a text".repeat(3);
    vec![
        zip(&[Member::stored("d/a", b"the first"), Member::deflated("b", &text)]),
        zip(&[Member { streamed: true, ..Member::deflated("d/a", b"the first") }, Member::deflated("b", &text)]),
        zip(&[Member { wide: true, ..Member::stored("d/a", b"the first") }, Member::deflated("b", &text)]),
    ]
}

/// Returns a folder in memory if possible: each unpacking waits for the disk.
fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let place = quick_folder();
    let (path, to) = (place.path().join("a.zip"), place.path().join("to"));
    for good in samples() {
        for stop in 0..good.len() {
            std::fs::write(&path, &good[..stop]).unwrap();
            let error = all(&path, &to).unwrap_err();
            assert!(error.kind() == Kind::Data && error.to_string().contains("fetch it again"), "{stop}: {error}");
        }
    }
    let large: Vec<u8> = (0..300_000_u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
    let large = zip(&[Member::stored("a", &large), Member::deflated("b", &large)]);
    for stop in (0..large.len()).step_by(large.len() / 64) {
        std::fs::write(&path, &large[..stop]).unwrap();
        let error = all(&path, &to).unwrap_err().to_string();
        assert!(error.contains("cut short"), "{stop}: {error}");
    }
    assert_eq!(tree(place.path()).len(), 1);
}

#[test]
fn one_wrong_byte_gives_an_error_or_the_right_content() {
    let place = quick_folder();
    let (path, to) = (place.path().join("a.zip"), place.path().join("to"));
    for good in samples() {
        std::fs::write(&path, &good).unwrap();
        all(&path, &to).unwrap();
        let right = tree(&to);
        let first = right["d/a"].clone();
        let (mut refused, mut taken) = (0, 0);
        for at in 0..good.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                std::fs::remove_dir_all(&to).unwrap_or_default();
                let mut bad = good.clone();
                bad[at] ^= change;
                std::fs::write(&path, bad).unwrap();
                match all(&path, &to) {
                    Ok(_) => {
                        assert_eq!(tree(&to), right, "byte {at} ^ {change}");
                        taken += 1;
                    }
                    Err(error) => {
                        assert!(matches!(error.kind(), Kind::Data), "byte {at} ^ {change}: {error}");
                        refused += 1;
                    }
                }
                if let Ok(found) = content(&path, "a") {
                    assert_eq!(Some(found), first, "byte {at} ^ {change}");
                }
            }
        }
        // Versions, times of both headers alike, permissions and the like are nobody's content.
        assert!(refused > 3 * taken, "{refused} refused, {taken} taken");
        std::fs::remove_dir_all(&to).unwrap_or_default();
    }
}
