//! What is in a feature file, and everything that is wrong with it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::damage::{Column, Damage};
use super::golden_rows::{Held, Released, Watch};
use super::progress::{Pass, Progress, Silent};
use super::row::Row;
use super::row_error::TsvError;
use super::statistics::Statistics;
pub use super::statistics::Summary;
use super::store::{FeatureStore, Precision, Source};
use super::tsv::Reader;
use base::error::{Error, Result};
use base::files;
use shared::SharedFault;

/// How many problems are kept with their place; all are counted.
pub const PROBLEMS_SHOWN: usize = 20;

/// The kind of a feature file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Tab-separated text with base64.
    Tsv,
    /// A feature store.
    Store,
}

impl FileKind {
    /// The kind by the name and the first bytes.
    ///
    /// # Errors
    /// Data for a missing file and for what is no regular file, infra where it cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        let unreadable = |error| Error::io("read", path, &error);
        let file = files::open_regular(path)?;
        let mut start = Vec::new();
        file.take(9).read_to_end(&mut start).map_err(unreadable)?;
        let is_store = path.extension().is_some_and(|extension| extension == "safetensors")
            || (start.len() == 9 && start[8] == b'{' && start[5..8] == [0; 3]);
        Ok(if is_store { Self::Store } else { Self::Tsv })
    }

    /// For people. `classes`: whether the file holds some; a TSV that has none is not obj36.
    pub fn name(self, classes: bool) -> &'static str {
        match self {
            Self::Tsv if classes => "obj36 TSV",
            Self::Tsv => "TSV of bottom-up-attention's six columns",
            Self::Store => "feature store",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// A TSV's line counted from 1, or a store's row counted from 0; none for the file as a whole.
    pub place: Option<u64>,
    /// The image where it is known.
    pub img_id: Option<String>,
    /// The column where it shows.
    pub column: Option<Column>,
    /// The kind, such as `glued-rows`.
    pub kind: &'static str,
    /// What is wrong, for people.
    pub what: String,
    /// The fault of the whole file that this is a part of, where other rows have it too.
    #[serde(skip)]
    shared: Option<SharedFault>,
}

/// Least and greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Least.
    pub min: u32,
    /// Greatest.
    pub max: u32,
}

/// Everything about a feature file. Numbers are over the good rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// Version of this structure.
    pub schema: u32,
    /// The file as the caller named it.
    pub file: String,
    /// TSV or store.
    pub kind: FileKind,
    /// Size of the file.
    pub bytes: u64,
    /// Good rows, one image each.
    pub rows: u64,
    /// Boxes per image.
    pub boxes: Option<usize>,
    /// Features per box.
    pub dim: Option<usize>,
    /// Whether boxes have classes and probabilities: obj36 has them, bottom-up-attention's six columns have not.
    pub classes: Option<bool>,
    /// Bytes of the decoded rows in memory, as the original keeps them (296,352 an image with 36 boxes of 2048).
    pub decoded_bytes: u64,
    /// A store's precision: `f32` or `f16`.
    pub precision: Option<&'static str>,
    /// What a store was made from.
    pub source: Option<Source>,
    /// Image of the first good row.
    pub first_id: Option<String>,
    /// Image of the last good row.
    pub last_id: Option<String>,
    /// Least image id, numbers in it counting as numbers.
    pub least_id: Option<String>,
    /// Greatest image id.
    pub greatest_id: Option<String>,
    /// Image widths in pixels.
    pub image_width: Option<Span>,
    /// Image heights in pixels.
    pub image_height: Option<Span>,
    /// Statistics of the features.
    pub features: Option<Summary>,
    /// Statistics of the object probabilities.
    pub objects_conf: Option<Summary>,
    /// Statistics of the attribute probabilities.
    pub attrs_conf: Option<Summary>,
    /// Released rows among them; none where there is none, or where features were rounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden: Option<Held>,
    /// How much is wrong.
    pub problem_count: u64,
    /// How much of each kind.
    pub problems_by_kind: BTreeMap<&'static str, u64>,
    /// The first [`PROBLEMS_SHOWN`] problems.
    pub problems: Vec<Problem>,
}

impl Inspection {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problem_count == 0
    }
}

/// Inspects a TSV or a store, going on behind damaged rows.
///
/// # Errors
/// Data where the file is missing or a store cannot be opened at all; infra where reading fails.
pub fn inspect(path: &Path) -> Result<Inspection> {
    inspect_with(path, &[], &Silent)
}

/// [`inspect()`] with progress; also says which of these rows the file holds as they were released.
///
/// # Errors
/// As [`inspect()`].
pub fn inspect_with(path: &Path, released: &[Released], progress: &dyn Progress) -> Result<Inspection> {
    let kind = FileKind::of(path)?;
    let bytes = std::fs::metadata(path).map_err(|error| Error::io("read", path, &error))?.len();
    let _pass = Pass::begin(progress, &format!("reading {}", path.display()), bytes);
    let mut gathered = Gathered::new(Watch::new(released));
    let mut found = if kind == FileKind::Store {
        let store = FeatureStore::open(path)?;
        read_store(&store, bytes, &mut gathered, progress);
        let mut found = gathered.finish(path, FileKind::Store, bytes);
        found.precision = Some(store.precision().name());
        found.golden = found.golden.filter(|_| store.precision() == Precision::F32);
        found.source = Some(store.source().clone());
        found
    } else {
        read_tsv(path, &mut gathered, progress)?;
        gathered.finish(path, FileKind::Tsv, bytes)
    };
    if found.rows == 0 && found.problem_count == 0 {
        let what = "the file holds no rows".into();
        found.problem_count = 1;
        found.problems_by_kind.insert("no-rows", 1);
        found.problems.push(Problem { place: None, img_id: None, column: None, kind: "no-rows", what, shared: None });
    }
    Ok(found)
}

fn read_tsv(path: &Path, gathered: &mut Gathered, progress: &dyn Progress) -> Result<()> {
    let mut reader = Reader::open(path)?;
    let mut row = Row::default();
    let mut before = 0;
    loop {
        match reader.read(&mut row) {
            Ok(true) => gathered.row(&row),
            Ok(false) => return Ok(()),
            Err(TsvError::Io(error)) => return Err(error),
            Err(TsvError::Row(error)) => {
                let hopeless = matches!(error.damage, Damage::OtherKind(_)) && gathered.found.rows == 0;
                gathered.problem(Problem {
                    place: Some(error.line),
                    img_id: error.img_id,
                    column: error.column,
                    kind: error.damage.kind(),
                    what: error.damage.to_string(),
                    shared: SharedFault::of(&error.damage),
                });
                if hopeless {
                    return Ok(());
                }
            }
        }
        progress.advance(reader.consumed() - before);
        before = reader.consumed();
    }
}

fn read_store(store: &FeatureStore, bytes: u64, gathered: &mut Gathered, progress: &dyn Progress) {
    let mut row = Row::default();
    for index in 0..store.len() {
        store.copy_row(index, &mut row);
        match row.check() {
            Ok(()) => gathered.row(&row),
            Err((column, damage)) => gathered.problem(Problem {
                place: Some(index as u64),
                img_id: Some(row.img_id.clone()),
                column: Some(column),
                kind: damage.kind(),
                what: damage.to_string(),
                shared: SharedFault::of(&damage),
            }),
        }
        progress.advance(bytes / store.len() as u64);
    }
}

struct Gathered {
    found: Inspection,
    features: Statistics,
    objects_conf: Statistics,
    attrs_conf: Statistics,
    golden: Watch,
    shared: shared::Counts,
}

impl Gathered {
    fn new(golden: Watch) -> Self {
        let found = Inspection {
            schema: 1,
            file: String::new(),
            kind: FileKind::Tsv,
            bytes: 0,
            rows: 0,
            boxes: None,
            dim: None,
            classes: None,
            decoded_bytes: 0,
            precision: None,
            source: None,
            first_id: None,
            last_id: None,
            least_id: None,
            greatest_id: None,
            image_width: None,
            image_height: None,
            features: None,
            objects_conf: None,
            attrs_conf: None,
            golden: None,
            problem_count: 0,
            problems_by_kind: BTreeMap::new(),
            problems: Vec::new(),
        };
        let [features, objects_conf, attrs_conf] = std::array::from_fn(|_| Statistics::new());
        Self { found, features, objects_conf, attrs_conf, golden, shared: shared::Counts::default() }
    }

    fn row(&mut self, row: &Row) {
        let found = &mut self.found;
        found.rows += 1;
        found.boxes = Some(row.num_boxes);
        found.dim = Some(row.dim());
        found.classes = Some(row.has_classes());
        // Per box: features and four corners in float32, two int64 classes, two float32 probabilities.
        let classes = if row.has_classes() { 8 + 4 + 8 + 4 } else { 0 };
        found.decoded_bytes += row.num_boxes as u64 * (row.dim() as u64 * 4 + 16 + classes);
        let id = &row.img_id;
        found.first_id.get_or_insert_with(|| id.clone());
        id.clone_into(found.last_id.get_or_insert_default());
        if found.least_id.as_ref().is_none_or(|least| natural_order(id, least).is_lt()) {
            found.least_id = Some(id.clone());
        }
        if found.greatest_id.as_ref().is_none_or(|greatest| natural_order(id, greatest).is_gt()) {
            found.greatest_id = Some(id.clone());
        }
        widen(&mut found.image_width, row.img_w);
        widen(&mut found.image_height, row.img_h);
        self.features.add(&row.features);
        self.objects_conf.add(&row.objects_conf);
        self.attrs_conf.add(&row.attrs_conf);
        self.golden.row(row);
    }

    fn problem(&mut self, problem: Problem) {
        self.shared.add(&problem);
        self.found.problem_count += 1;
        *self.found.problems_by_kind.entry(problem.kind).or_default() += 1;
        if self.found.problems.len() < PROBLEMS_SHOWN {
            self.found.problems.push(problem);
        }
    }

    fn finish(mut self, path: &Path, kind: FileKind, bytes: u64) -> Inspection {
        self.shared.summarise(&mut self.found);
        Inspection {
            file: path.display().to_string(),
            kind,
            bytes,
            features: self.features.summary(),
            objects_conf: self.objects_conf.summary(),
            attrs_conf: self.attrs_conf.summary(),
            golden: self.golden.held(),
            ..self.found
        }
    }
}

fn widen(span: &mut Option<Span>, value: u32) {
    let old = span.unwrap_or(Span { min: value, max: value });
    *span = Some(Span { min: old.min.min(value), max: old.max.max(value) });
}

/// Compares ids with their runs of digits as numbers, so that `n9` comes before `n10`.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (digits_a, rest_a) = a.split_at(a.iter().take_while(|byte| byte.is_ascii_digit()).count());
        let (digits_b, rest_b) = b.split_at(b.iter().take_while(|byte| byte.is_ascii_digit()).count());
        if !digits_a.is_empty() && !digits_b.is_empty() {
            let plain =
                |digits: &'_ [u8]| digits.iter().copied().skip_while(|&digit| digit == b'0').collect::<Vec<u8>>();
            let (number_a, number_b) = (plain(digits_a), plain(digits_b));
            let order = number_a.len().cmp(&number_b.len()).then(number_a.cmp(&number_b));
            if order.is_ne() {
                return order;
            }
            (a, b) = (rest_a, rest_b);
            continue;
        }
        match (a, b) {
            ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) if first_a == first_b => (a, b) = (rest_a, rest_b),
            _ => return a.cmp(b),
        }
    }
}

mod shared;
mod show;
#[cfg(test)]
mod tests;
