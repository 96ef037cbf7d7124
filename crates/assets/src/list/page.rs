//! The page of `repro fetch --list`.

use std::fmt::Write;
use std::path::Path;

use super::cells::{self, Sum};
use crate::manifest::{ByHand, Group, Manifest};
use crate::plan::{AssetState, Item};
use base::format::{human_bytes, rounded_bytes};
use base::table::{Side, Table, WIDTH, paragraph};

/// Maximum number of file names listed for a mirror.
const MIRRORED: usize = 6;
const LEGEND: [(&str, &str); 3] = [
    (
        "checksum",
        "sha256, git blob, md5: published; the file must match. pinned: recorded here by --pin. corroborated: pinned, and two \
         independent sources have the same content. unpinned: no checksum is known, so any content is accepted, and a verdict \
         that depends on it is INCONCLUSIVE at best; repro fetch --pin records the checksum, --corroborate compares two sources.",
    ),
    (
        "state",
        "verified: read completely and correct. unpacked: the archive is missing, but its unpacked files are present. not read \
         yet: present; repro verify reads it. 3.2 of 17 GB: incomplete; repro fetch resumes. WRONG: present, but not the \
         expected file. by hand: must be downloaded by hand.",
    ),
    ("fetch", "repro fetch NAME …, repro fetch --task vqa or repro fetch --all; --dry-run shows size and duration."),
];

/// Returns the page: each group with its assets (an asset of several groups under the first), then downloads by hand, totals,
/// and a legend. `items` are in the manifest's order; `stores` is the number of bytes that preparing adds beyond unpacking.
pub fn page(manifest: &Manifest, items: &[Item], workspace: &Path, stores: u64) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Files for {}", workspace.display());
    let header = ["name", "size", "checksum", "state", "description"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    let table =
        Table::new(2, &[Side::Left, Side::Right, Side::Left, Side::Left], rows.iter().chain(std::iter::once(&header)));
    let mut first = true;
    for group in &manifest.groups {
        let members: Vec<(&Item, &Vec<String>)> =
            items.iter().zip(&rows).filter(|(item, _)| item.asset.groups.contains(&group.name)).collect();
        if members.is_empty() {
            continue;
        }
        heading(&mut out, group, &members);
        let (own, elsewhere): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|(item, _)| home(manifest, item) == Some(group.name.as_str()));
        if !own.is_empty() && std::mem::take(&mut first) {
            table.row(&mut out, &header);
        }
        for (item, cells) in own {
            table.row(&mut out, cells);
            details(&mut out, item, workspace);
        }
        let mut also = elsewhere;
        also.sort_by_key(|(item, _)| {
            manifest.groups.iter().position(|g| home(manifest, item) == Some(g.name.as_str()))
        });
        for part in also.chunk_by(|a, b| home(manifest, a.0) == home(manifest, b.0)) {
            let names: Vec<&str> = part.iter().map(|(item, _)| item.asset.name.as_str()).collect();
            let listed = home(manifest, part[0].0).unwrap_or("");
            paragraph(&mut out, "  and ", &format!("{} (under {listed})", names.join(", ")));
        }
        made(&mut out, manifest, group, workspace);
    }
    by_hand(&mut out, items);
    totals(&mut out, items, stores);
    out.push('\n');
    for (word, meaning) in LEGEND {
        paragraph(&mut out, &format!("{word:<9} "), meaning);
    }
    out
}

/// Returns the group that an asset is listed under: the first of its groups in the manifest's order.
fn home<'a>(manifest: &'a Manifest, item: &Item) -> Option<&'a str> {
    manifest.groups.iter().map(|group| group.name.as_str()).find(|name| item.asset.groups.iter().any(|g| g == name))
}

fn row(item: &Item) -> Vec<String> {
    let asset = item.asset;
    let cells = [&asset.name, &cells::size(item), cells::checksum(item), &cells::state(item), &asset.title];
    cells.map(str::to_owned).to_vec()
}

fn heading(out: &mut String, group: &Group, members: &[(&Item, &Vec<String>)]) {
    let sum = Sum::of(members.iter().map(|(item, _)| *item));
    let there = members.iter().filter(|(item, _)| item.is_there()).count();
    let left = format!("{}  {}", group.name, group.title);
    let right = match there {
        n if n == sum.files => format!("{}, all present", sum.text()),
        0 => format!("{}, none present", sum.text()),
        n => format!("{}, {n} present", sum.text()),
    };
    let gap = WIDTH.saturating_sub(left.chars().count() + right.chars().count());
    let _ = match gap {
        0..2 => writeln!(out, "\n{left}\n{right:>WIDTH$}"),
        _ => writeln!(out, "\n{left}{}{right}", " ".repeat(gap)),
    };
}

fn details(out: &mut String, item: &Item, workspace: &Path) {
    if let AssetState::Wrong(why) = &item.state {
        let advice = format!(
            "{}: {why}; repro fetch {} moves it aside and fetches it again",
            item.asset.path.display(),
            item.asset.name
        );
        paragraph(out, "    ! ", &advice);
    }
    for unpack in &item.asset.unpack {
        let there = if workspace.join(&unpack.path).exists() { ", present" } else { "" };
        let what = if unpack.folder { "files below " } else { "" };
        let size = rounded_bytes(unpack.size_max);
        paragraph(out, "    → ", &format!("{what}{}, at most {size}{there}", unpack.path.display()));
    }
}

fn made(out: &mut String, manifest: &Manifest, group: &Group, workspace: &Path) {
    let of_group = manifest.made.iter().filter(|made| made.groups.contains(&group.name));
    let names: Vec<String> = of_group
        .map(|made| match workspace.join(&made.path).exists() {
            true => format!("{} (present)", made.path.display()),
            false => made.path.display().to_string(),
        })
        .collect();
    if !names.is_empty() {
        paragraph(out, "  repro prepare makes ", &names.join(", "));
    }
}

/// Adds the mirrors for downloads by hand, each with its files.
fn by_hand(out: &mut String, items: &[Item]) {
    let mut places: Vec<(&ByHand, Vec<&str>, Vec<&str>)> = Vec::new();
    for item in items.iter().filter(|item| !item.is_there()) {
        for place in &item.asset.by_hand {
            let index = places.iter().position(|(known, ..)| *known == place).unwrap_or_else(|| {
                places.push((place, Vec::new(), Vec::new()));
                places.len() - 1
            });
            if let Some((_, only, mirror)) = places.get_mut(index) {
                let names = if item.has_source() { mirror } else { only };
                names.push(&item.asset.name);
            }
        }
    }
    if places.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nTo download by hand, then: repro fetch --from FOLDER");
    for (place, only, mirror) in places {
        let _ = writeln!(out, "  {}  {}", place.place, place.url);
        paragraph(out, "    ", &place.how);
        if !only.is_empty() {
            paragraph(out, "    the only source of: ", &only.join(", "));
        }
        let more = mirror.len().saturating_sub(MIRRORED);
        let shown = mirror.get(..mirror.len() - more).unwrap_or(&mirror).join(", ");
        match (mirror.len(), more) {
            (0, _) => {}
            (_, 0) => paragraph(out, "    a mirror of: ", &shown),
            (count, more) => {
                paragraph(out, &format!("    a mirror of {count} files: "), &format!("{shown} and {more} more"))
            }
        }
    }
}

fn totals(out: &mut String, items: &[Item], stores: u64) {
    let (there, missing): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.is_there());
    let all = Sum::of(items);
    let mut here = Sum::default();
    for item in &there {
        // A dropped archive takes no space.
        here.add(Some(std::fs::metadata(item.paths.file()).map_or(0, |metadata| metadata.len())), true);
    }
    let verified = there.iter().filter(|item| item.state == AssetState::Good).count();
    let partial = missing.iter().filter(|item| matches!(item.state, AssetState::Partial(_))).count();
    let unpacked: u64 = items.iter().map(|item| item.asset.unpacked_size()).fold(0, u64::saturating_add);
    let incomplete = if partial > 0 { format!(" ({partial} incomplete)") } else { String::new() };
    let _ = writeln!(out, "\ntotal     {}", all.text());
    let _ = match here.files {
        0 => writeln!(out, "present   nothing"),
        _ => writeln!(out, "present   {}, {verified} of them verified", here.text()),
    };
    let _ = writeln!(out, "missing   {}{incomplete}", Sum::remaining(missing.iter().copied()).text());
    let mut disk = format!("{} fetched", all.size());
    if unpacked > 0 {
        let _ = write!(disk, " + at most {} unpacked", rounded_bytes(unpacked));
    }
    if stores > 0 {
        let _ = write!(disk, " + {} of feature stores", human_bytes(stores));
    }
    paragraph(out, "on disk   ", &disk);
}
