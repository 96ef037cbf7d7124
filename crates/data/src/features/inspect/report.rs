//! Reads a TSV or a store and collects the facts about it.

use super::shared;
use super::{FeatureProblem, FileKind, Inspection, PROBLEMS_SHOWN, ValueSpan};

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use super::super::error::RowDamage;
use super::super::released_rows::{ReleasedRow, ReleasedRowCheck};
use super::super::row::Row;
use super::super::row_error::TsvError;
use super::super::statistics::Statistics;
use super::super::store::{FeatureStore, Precision};
use super::super::tsv::{BoxCounts, TsvReader};
use super::fault::SharedFault;
use base::error::{Error, Result};
use base::progress::{Observer, ProgressTask, Silent, TaskStart, Unit};

/// Inspects a TSV or a store, continuing after damaged rows.
///
/// # Errors
/// Data if the file is missing or a store cannot be opened at all; infra if reading fails.
pub fn inspect(path: &Path) -> Result<Inspection> {
    inspect_with(path, BoxCounts::Equal, &[], &Silent)
}

/// Inspects like [`inspect()`], with progress, counts which of these rows the file contains as released, and takes other numbers of boxes
/// for no fault if `box_counts` says so.
///
/// # Errors
/// See [`inspect()`].
pub fn inspect_with(
    path: &Path,
    box_counts: BoxCounts,
    released: &[ReleasedRow],
    progress: &dyn Observer,
) -> Result<Inspection> {
    let kind = FileKind::of(path)?;
    let bytes = std::fs::metadata(path).map_err(|error| Error::io("read", path, &error))?.len();
    let task = ProgressTask::begin(progress, TaskStart::new(format!("reading {}", path.display()), bytes, Unit::Bytes));
    let mut gathered = Collector::new(ReleasedRowCheck::new(released));
    let mut found = if kind == FileKind::Store {
        let store = FeatureStore::open(path)?;
        read_store(&store, bytes, &mut gathered, &task);
        let mut found = gathered.finish(path, FileKind::Store, bytes);
        found.precision = Some(store.precision().name());
        found.golden = found.golden.filter(|_| store.precision() == Precision::F32);
        found.source = Some(store.source().clone());
        found
    } else {
        read_tsv(path, box_counts, &mut gathered, &task)?;
        gathered.finish(path, FileKind::Tsv, bytes)
    };
    if found.rows == 0 && found.problem_count == 0 {
        let what = "the file has no rows".into();
        found.problem_count = 1;
        found.problems_by_kind.insert("no-rows", 1);
        found.problems.push(FeatureProblem {
            place: None,
            img_id: None,
            column: None,
            kind: "no-rows",
            what,
            shared: None,
        });
    }
    Ok(found)
}

fn read_tsv(path: &Path, box_counts: BoxCounts, gathered: &mut Collector, task: &ProgressTask<'_>) -> Result<()> {
    let mut reader = TsvReader::open(path)?.with_boxes(box_counts);
    let mut row = Row::default();
    let mut before = 0;
    loop {
        match reader.read(&mut row) {
            Ok(true) => gathered.row(&row),
            Ok(false) => return Ok(()),
            Err(TsvError::Io(error)) => return Err(error),
            Err(TsvError::Row(error)) => {
                let hopeless = matches!(error.damage, RowDamage::OtherKind(_)) && gathered.found.rows == 0;
                gathered.problem(FeatureProblem {
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
        task.advance(reader.consumed() - before);
        before = reader.consumed();
    }
}

fn read_store(store: &FeatureStore, bytes: u64, gathered: &mut Collector, task: &ProgressTask<'_>) {
    let mut row = Row::default();
    for index in 0..store.len() {
        store.copy_row(index, &mut row);
        match row.check() {
            Ok(()) => gathered.row(&row),
            Err((column, damage)) => gathered.problem(FeatureProblem {
                place: Some(index as u64),
                img_id: Some(row.img_id.clone()),
                column: Some(column),
                kind: damage.kind(),
                what: damage.to_string(),
                shared: SharedFault::of(&damage),
            }),
        }
        task.advance(bytes / store.len() as u64);
    }
}

struct Collector {
    found: Inspection,
    features: Statistics,
    objects_conf: Statistics,
    attrs_conf: Statistics,
    golden: ReleasedRowCheck,
    shared: shared::SharedFaultCounts,
}

impl Collector {
    fn new(golden: ReleasedRowCheck) -> Self {
        let found = Inspection {
            schema: 1,
            file: String::new(),
            kind: FileKind::Tsv,
            bytes: 0,
            rows: 0,
            boxes: None,
            least_boxes: None,
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
        Self { found, features, objects_conf, attrs_conf, golden, shared: shared::SharedFaultCounts::default() }
    }

    fn row(&mut self, row: &Row) {
        let found = &mut self.found;
        found.rows += 1;
        found.boxes = found.boxes.max(Some(row.num_boxes));
        found.least_boxes = Some(found.least_boxes.map_or(row.num_boxes, |least| least.min(row.num_boxes)));
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

    fn problem(&mut self, problem: FeatureProblem) {
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

fn widen(span: &mut Option<ValueSpan>, value: u32) {
    let old = span.unwrap_or(ValueSpan { min: value, max: value });
    *span = Some(ValueSpan { min: old.min.min(value), max: old.max.max(value) });
}

/// Compares ids with their runs of digits as numbers, so that `n9` comes before `n10`.
pub(super) fn natural_order(a: &str, b: &str) -> Ordering {
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
