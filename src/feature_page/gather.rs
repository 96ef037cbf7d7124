//! Makes a page from feature files and a folder of pictures.

use std::collections::HashSet;
use std::path::Path;

use super::content::{FeaturePage, ImageBoxes, ShownBox, ShownClass, ShownFile, ShownImage, ShownPicture, ShownRules};
use super::embed::Embedder;
use super::locate::PictureFiles;
use super::names::ClassNames;
use base::error::{Error, Result};
use base::files;
use base::format::{number_of, some_of};
use base::progress::Observer;
use base::versions;
use data::features::compare::{MatchRules, match_boxes};
use data::features::{IdClue, OpenFeatures, Row};

/// Most images of a page.
const MOST_IMAGES: usize = 500;
/// Largest feature file whose SHA-256 is computed: a few seconds.
const HASHED: u64 = 1 << 30;

/// What a page should show.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'r> {
    /// The feature file: a TSV or a store.
    pub file: &'r Path,
    /// A second file to compare with it.
    pub with: Option<CompareWith<'r>>,
    /// Folder that holds the pictures, in any nesting.
    pub images: &'r Path,
    /// Ids of the images; if empty, the first of the file.
    pub ids: &'r [String],
    /// Number of images if no ids are given.
    pub limit: usize,
    /// Names of the classes.
    pub names: &'r ClassNames,
}

/// A second file, and when its boxes count as different.
#[derive(Debug, Clone, Copy)]
pub struct CompareWith<'r> {
    /// The candidate; the first file is the reference.
    pub file: &'r Path,
    /// What makes boxes the same.
    pub rules: MatchRules,
    /// Where the limits come from.
    pub source: &'r str,
}

/// A page, and what people should know who do not look at it.
#[derive(Debug, Clone, PartialEq)]
pub struct GatheredPage {
    /// The page.
    pub page: FeaturePage,
    /// Images without a picture, with the reasons.
    pub missing: Vec<String>,
    /// Images whose picture or rows do not agree on the size, with both sizes.
    pub resized: Vec<String>,
}

/// Reads the rows and the pictures of a page.
///
/// # Errors
/// Usage if an id is in no file, or there are too many; data if a file is damaged, the files hold features of different width, or no
/// picture at all can be shown.
pub fn gather(request: &PageRequest, progress: &dyn Observer) -> Result<GatheredPage> {
    let mut inputs = vec![OpenFeatures::open(request.file, progress)?];
    if let Some(with) = request.with {
        inputs.push(OpenFeatures::open(with.file, progress)?);
    }
    let ids = chosen(request, &inputs)?;
    let pictures = PictureFiles::find(request.images, ids.iter().copied())?;
    let rules = request.with.map(|with| match &inputs[..] {
        [a, b] => with.rules.for_files([a, b]),
        _ => with.rules,
    });
    let mut reader = ImageReader { inputs: &inputs, rules, names: request.names, embedder: Embedder::new() };
    let images = ids.iter().map(|id| reader.image(id, &pictures)).collect::<Result<Vec<_>>>()?;
    let missing = images.iter().filter_map(missing).collect::<Vec<_>>();
    if missing.len() == images.len() {
        return Err(Error::data(format!("no picture of {} can be shown", number_of(missing.len() as u64, "image")))
            .because(some_of(&missing))
            .next(format!(
                "name the folder of the pictures with --images; {} holds none of these",
                request.images.display()
            )));
    }
    let noted = images.iter().filter(|image| !image.notes.is_empty());
    let resized = noted.map(|image| format!("{}: {}", image.id, image.notes.join("; "))).collect();
    let has_classes = inputs.iter().any(OpenFeatures::has_classes);
    let paths = [Some(request.file), request.with.map(|with| with.file)];
    let files: Vec<ShownFile> =
        paths.into_iter().flatten().zip(&inputs).map(|(path, input)| shown_file(path, input)).collect::<Result<_>>()?;
    let here = ids.iter().filter(|id| inputs[0].index_of(id).is_some()).count();
    let page = FeaturePage {
        title: title(request),
        program: versions::title(),
        more_images: (inputs[0].images() - here) as u64,
        files,
        names: if has_classes { request.names.told().to_owned() } else { String::new() },
        rules: request.with.zip(rules).map(|(with, rules)| ShownRules { source: with.source.to_owned(), rules }),
        images,
    };
    Ok(GatheredPage { page, missing, resized })
}

/// Returns the ids of the images to show, each once: those that are given, which must be in a file, or the first of the first file.
fn chosen<'i>(request: &PageRequest<'i>, inputs: &'i [OpenFeatures]) -> Result<Vec<&'i str>> {
    if request.ids.is_empty() {
        let first = &inputs[0];
        return Ok((0..first.images().min(request.limit).min(MOST_IMAGES)).map(|at| first.id(at)).collect());
    }
    let mut seen = HashSet::new();
    let ids: Vec<&str> = request.ids.iter().map(String::as_str).filter(|id| seen.insert(*id)).collect();
    if ids.len() > MOST_IMAGES {
        return Err(Error::usage(format!("{} images are too many for one page", ids.len()))
            .next(format!("name at most {MOST_IMAGES}")));
    }
    let has = |id: &str| inputs.iter().any(|input| input.index_of(id).is_some());
    let unknown: Vec<String> = ids.iter().filter(|id| !has(id)).map(|id| (*id).to_owned()).collect();
    if unknown.is_empty() {
        return Ok(ids);
    }
    let present = (0..inputs[0].images()).map(|at| inputs[0].id(at));
    let clue = IdClue::find(unknown.iter().map(String::as_str), present, has);
    let error = Error::usage(format!("no row of {} has the id {}", request.file.display(), some_of(&unknown)));
    Err(match clue {
        Some(clue) => error.because(clue),
        None => error,
    }
    .next("name images as the file does; without any, the first ones are shown"))
}

fn title(request: &PageRequest) -> String {
    let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    match request.with {
        Some(with) => format!("{} and {}", name(request.file), name(with.file)),
        None => name(request.file),
    }
}

fn shown_file(path: &Path, input: &OpenFeatures) -> Result<ShownFile> {
    let bytes = std::fs::metadata(path).map_err(|error| Error::io("look at", path, &error))?.len();
    Ok(ShownFile {
        name: path.display().to_string(),
        kind: input.kind().name(input.has_classes()).to_owned(),
        images: input.images() as u64,
        bytes,
        sha256: if bytes <= HASHED { Some(files::sha256(path)?) } else { None },
    })
}

fn missing(image: &ShownImage) -> Option<String> {
    match &image.picture {
        ShownPicture::Missing(why) => Some(format!("{}: {why}", image.id)),
        ShownPicture::Embedded { .. } => None,
    }
}

/// Reads images one after the other.
struct ImageReader<'r> {
    inputs: &'r [OpenFeatures],
    rules: Option<MatchRules>,
    names: &'r ClassNames,
    embedder: Embedder,
}

impl ImageReader<'_> {
    fn image(&mut self, id: &str, pictures: &PictureFiles) -> Result<ShownImage> {
        let rows = self.inputs.iter().map(|input| row(input, id)).collect::<Result<Vec<_>>>()?;
        let pairs = match (&rows[..], &self.rules) {
            ([Some(a), Some(b)], Some(rules)) => Some(match_boxes(a, b, rules)?),
            _ => None,
        };
        let copies = rows.iter().flatten().count() as u64;
        let picture = match pictures.get(id) {
            Ok(path) => self.embedder.picture(path, copies),
            Err(why) => ShownPicture::Missing(why),
        };
        Ok(ShownImage {
            id: id.to_owned(),
            notes: notes(&picture, &rows),
            picture,
            sides: rows.iter().map(|row| row.as_ref().map(|row| self.boxes(row))).collect(),
            pairs,
        })
    }

    fn boxes(&self, row: &Row) -> ImageBoxes {
        let class = |names: &dyn Fn(i64) -> String, ids: &[i64], probabilities: &[f32], at: usize| {
            let (id, probability) = (*ids.get(at)?, *probabilities.get(at)?);
            Some(ShownClass { name: names(id), probability })
        };
        let shown = |(at, corners): (usize, &[f32; 4])| ShownBox {
            corners: *corners,
            object: class(&|id| self.names.object(id), &row.objects_id, &row.objects_conf, at),
            attribute: class(&|id| self.names.attribute(id), &row.attrs_id, &row.attrs_conf, at),
        };
        let boxes = row.boxes.as_chunks::<4>().0.iter().enumerate().map(shown).collect();
        ImageBoxes { width: row.img_w, height: row.img_h, boxes }
    }
}

/// Reads the row of an image; `None` if the file does not have it.
fn row(input: &OpenFeatures, id: &str) -> Result<Option<Row>> {
    let Some(at) = input.index_of(id) else { return Ok(None) };
    let mut row = Row::default();
    input.read(at, &mut Vec::new(), &mut row)?;
    Ok(Some(row))
}

/// Says where sizes contradict each other: a picture of another size is another file, or was rotated in another way.
fn notes(picture: &ShownPicture, rows: &[Option<Row>]) -> Vec<String> {
    let name = |side: usize| if rows.len() > 1 { ["A", "B"][side.min(1)] } else { "the file" };
    let sizes =
        rows.iter().enumerate().filter_map(|(side, row)| Some((side, row.as_ref()?.img_w, row.as_ref()?.img_h)));
    let ShownPicture::Embedded { width, height, .. } = picture else {
        let sizes: Vec<_> = sizes.collect();
        return match sizes[..] {
            [(_, w, h), (_, other_w, other_h)] if (w, h) != (other_w, other_h) => {
                vec![format!("it is {w} x {h} in A, {other_w} x {other_h} in B")]
            }
            _ => Vec::new(),
        };
    };
    let wrong = sizes.filter(|(_, w, h)| (w, h) != (width, height));
    wrong
        .map(|(side, w, h)| {
            let turned = if (w, h) == (*height, *width) { ", as if one of them were turned" } else { "" };
            format!(
                "the picture is {width} x {height} pixels, {} says {w} x {h}{turned}; boxes are scaled to it",
                name(side)
            )
        })
        .collect()
}
