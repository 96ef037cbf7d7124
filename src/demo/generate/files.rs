//! Writes the pictures, questions, answer tables and vocabulary of the demo, and the manifest of the pictures.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::super::paint::paint;
use super::super::questions::{gqa, nlvr2, vocab, vqa, write_json};
use super::super::random::Random;
use super::super::scenes::{Scene, draw};
use crate::extract::ImageFile;
use base::error::{Error, Result};
use base::files::write_bytes;
use lxmert_spec::demo::DemoRecipe;

/// Version for fingerprints. Raise it whenever the same recipe gives different files; a snapshot test of this module detects that.
pub const VERSION: u32 = 1;

/// The list of all pictures, by feature file and in the order of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoManifest {
    /// Feature files to extract.
    pub features: Vec<FeatureFile>,
    /// Number of entries of each JSON file in the data root, such as `vqa/train.json`.
    pub entries: Vec<(String, usize)>,
}

/// One feature file and its pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureFile {
    /// Path relative to the data root, such as `mscoco_imgfeat/val2014_obj36.tsv`.
    pub tsv: PathBuf,
    /// Folder of its pictures, relative to the folder of all pictures.
    pub folder: PathBuf,
    /// Image ids in the order of the rows; the picture is `folder/<id>.png`.
    pub ids: Vec<String>,
}

impl FeatureFile {
    /// Returns the pictures in the folder `images`, in the order of rows.
    pub fn images(&self, images: &Path) -> Vec<ImageFile> {
        let folder = images.join(&self.folder);
        self.ids.iter().map(|id| ImageFile { id: id.clone(), path: folder.join(format!("{id}.png")) }).collect()
    }
}

impl DemoManifest {
    /// Its file name in the folder of all pictures. It is written last: if it exists, everything does.
    pub const FILE: &str = "manifest.json";

    /// Reads the manifest that [`generate`] wrote into the folder of pictures.
    pub fn read(images: &Path) -> Result<Self> {
        let path = images.join(Self::FILE);
        let text = base::files::read_text(&path, 64 << 20)?;
        serde_json::from_str(&text)
            .map_err(|e| Error::data(format!("{} is not a manifest of the demo", path.display())).because(e))
    }
}

type Pictures = Vec<(String, Scene)>;

/// Draws `count` scenes whose ids begin with `prefix`.
pub(super) fn scenes(recipe: &DemoRecipe, prefix: &str, count: usize) -> Pictures {
    let scene = |i| {
        let id = format!("{prefix}_{i:06}");
        let scene = draw(&mut Random::named(recipe.seed, &format!("scene/{id}")), &recipe.picture);
        (id, scene)
    };
    (0..count).map(scene).collect()
}

/// Paints pictures into a folder on all cores; a picture depends on its scene only, so that the order does not matter. Files are not
/// synced one by one: the manifest shows whether all were written.
fn paint_all(folder: &Path, pictures: &[(String, Scene)], tell: &(dyn Fn() + Sync)) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || -> Result<()> {
        while let Some((id, scene)) = pictures.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let path = folder.join(format!("{id}.png"));
            let done = paint(scene).to_png().and_then(|png| {
                base::files::create_own(&path)
                    .and_then(|mut file| file.write_all(&png))
                    .map_err(|e| Error::io("write", &path, &e))
            });
            stop.fetch_or(done.is_err(), Ordering::Relaxed);
            done?;
            tell();
        }
        Ok(())
    };
    let workers = base::host::cores().min(8);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().try_for_each(|h| h.join().unwrap_or_else(|_| Err(Error::bug("a painting thread panicked"))))
    })
}

/// Draws pictures into `images` and writes `vqa`, `gqa`, `nlvr2` and `vocab.txt` into `data_root`, in the layout of the original's
/// `data/`. `progress` is called from several threads with the number of painted pictures and their total.
///
/// # Errors
/// Usage for a recipe that cannot be drawn; those of writing files.
pub fn generate(
    data_root: &Path,
    images: &Path,
    recipe: &DemoRecipe,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<DemoManifest> {
    let seed = recipe.seed;
    let manifest_path = images.join(DemoManifest::FILE);
    match std::fs::remove_file(&manifest_path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("remove", &manifest_path, &e)),
        _ => (),
    }

    let vqa_train = scenes(recipe, "demo_train2014", recipe.vqa.train);
    let vqa_val = scenes(recipe, "demo_val2014", recipe.vqa.minival + recipe.vqa.nominival);
    let (minival, nominival) = vqa_val.split_at(recipe.vqa.minival);
    let vqa_data = [
        ("train", vqa::ask_about(seed, &vqa_train, 100_000)),
        ("minival", vqa::ask_about(seed, minival, 200_000)),
        ("nominival", vqa::ask_about(seed, nominival, 300_000)),
    ];
    vqa::write(&data_root.join("vqa"), &vqa_data)?;

    let gqa_trainval = scenes(recipe, "demo_vg", recipe.gqa.train + recipe.gqa.valid);
    let (train, valid) = gqa_trainval.split_at(recipe.gqa.train);
    let gqa_testdev = scenes(recipe, "demo_n", recipe.gqa.testdev);
    let gqa_data = [
        ("train", gqa::ask_about(seed, train, 0)),
        ("valid", gqa::ask_about(seed, valid, 200_000)),
        ("testdev", gqa::ask_about(seed, &gqa_testdev, 400_000)),
    ];
    gqa::write(&data_root.join("gqa"), &gqa_data)?;

    let n = &recipe.nlvr2;
    let mut nlvr2_splits = Vec::new();
    for (name, official, sets) in [("train", "train", n.train), ("valid", "dev", n.valid), ("test", "test1", n.test)] {
        let split = nlvr2::make(seed, &recipe.picture, (name, official), sets, n.sentences)?;
        nlvr2::write(&data_root.join("nlvr2"), name, &split.data)?;
        nlvr2_splits.push((name, split));
    }

    let texts = vqa_data.iter().flat_map(|(_, d)| d).flat_map(|d| d.label.keys().chain([&d.sent]));
    let texts = texts.chain(gqa_data.iter().flat_map(|(_, d)| d).flat_map(|d| d.label.keys().chain([&d.sent])));
    let texts = texts.chain(nlvr2_splits.iter().flat_map(|(_, s)| &s.data).map(|d| &d.sent));
    let mut vocabulary = vocab::lines(texts.map(String::as_str)).join("\n");
    vocabulary.push('\n');
    write_bytes(&data_root.join("vocab.txt"), vocabulary.as_bytes())?;

    let mut entries = Vec::new();
    entries.extend(vqa_data.iter().map(|(name, d)| (format!("vqa/{name}.json"), d.len())));
    entries.extend(gqa_data.iter().map(|(name, d)| (format!("gqa/{name}.json"), d.len())));
    entries.extend(nlvr2_splits.iter().map(|(name, s)| (format!("nlvr2/{name}.json"), s.data.len())));

    let mut sets = vec![
        ("mscoco_imgfeat/train2014", vqa_train),
        ("mscoco_imgfeat/val2014", vqa_val),
        ("vg_gqa_imgfeat/vg_gqa", gqa_trainval),
        ("vg_gqa_imgfeat/gqa_testdev", gqa_testdev),
    ];
    let nlvr2_files = ["nlvr2_imgfeat/train", "nlvr2_imgfeat/valid", "nlvr2_imgfeat/test"];
    sets.extend(nlvr2_files.into_iter().zip(nlvr2_splits.into_iter().map(|(_, split)| split.pictures)));
    let total = sets.iter().map(|(_, pictures)| pictures.len()).sum();
    let painted = AtomicUsize::new(0);
    let tell = || progress(painted.fetch_add(1, Ordering::Relaxed) + 1, total);
    let mut features = Vec::new();
    for (place, pictures) in sets {
        paint_all(&images.join(place), &pictures, &tell)?;
        features.push(FeatureFile {
            tsv: format!("{place}_obj36.tsv").into(),
            folder: place.into(),
            ids: pictures.into_iter().map(|(id, _)| id).collect(),
        });
    }
    let manifest = DemoManifest { features, entries };
    write_json(&manifest_path, &manifest)?;
    Ok(manifest)
}
