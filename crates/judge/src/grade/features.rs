//! The FEATURES gate: compares two feature files and returns a judged row.

use std::path::Path;

use crate::verdict::Verdict;
use crate::verdict::comparison::{CompareSettings, Comparison, compare};
use crate::verdict::features::GoldenFeatures;
use crate::verdict::row::{Gate, JudgedRow};
use base::error::Result;
use base::progress::Observer;
use data::features::compare;

/// Number of worst images that the evidence names.
const WORST: usize = 3;

/// Two feature files to compare.
#[derive(Clone, Copy)]
pub struct FeaturePair<'a> {
    /// The reference, then the candidate.
    pub files: [&'a Path; 2],
    /// Name of the level to judge by.
    pub level: &'a str,
    /// Whether to judge the images in both files even if others are in one only.
    pub common: bool,
    /// Number of threads.
    pub threads: usize,
    /// Receives the progress.
    pub progress: &'a dyn Observer,
}

/// Compares two files and judges the differences by a level of `golden`.
///
/// # Errors
/// As [`compare()`].
pub(super) fn judge(golden: &GoldenFeatures, pair: &FeaturePair) -> Result<JudgedRow> {
    let FeaturePair { files: [reference, candidate], level, common, threads, progress } = *pair;
    let settings = CompareSettings { level, common, named: WORST, worst: WORST, threads };
    Ok(row(&compare(reference, candidate, golden, &settings, progress)?, candidate))
}

fn row(comparison: &Comparison, candidate: &Path) -> JudgedRow {
    let Comparison { found, judged, spreads } = comparison;
    let name = candidate.file_name().unwrap_or(candidate.as_os_str()).to_string_lossy();
    let mut row = JudgedRow::new(&name, Gate::Features, &judged.title);
    row.verdict = judged.verdict;
    row.n = Some(judged.n);
    row.measures.clone_from(&judged.rows);
    row.spreads.clone_from(spreads);
    row.evidence.push(judged.summary());
    row.evidence.extend(judged.evidence.clone());
    row.evidence.extend(found.golden.as_ref().map(|held| format!("A holds {held}")));
    let worst = found.worst.iter().filter(|_| judged.verdict != Verdict::Pass);
    row.evidence.extend(worst.map(|image: &compare::WorstImage| {
        format!("{}: {} of {} boxes are not the same", image.img_id, image.changed, image.boxes[0].max(image.boxes[1]))
    }));
    row.what_to_do.clone_from(&judged.what_to_do);
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::progress::Silent;
    use data::features::bench::generated_rows;
    use data::features::tsv::TsvWriter;

    #[test]
    fn a_comparison_is_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, change: f32| {
            let path = folder.path().join(name);
            let mut writer = TsvWriter::new(std::fs::File::create(&path).unwrap());
            for mut row in generated_rows(12, 4, 8) {
                row.features.iter_mut().for_each(|feature| *feature += change);
                writer.write_row(&row).unwrap();
            }
            writer.finish().unwrap();
            path
        };
        let (a, b) = (write("a_obj36.tsv", 0.0), write("b_obj36.tsv", 0.5));
        let golden = GoldenFeatures::embedded().unwrap();
        let judged = |other: &Path| {
            let files = [a.as_path(), other];
            let pair = FeaturePair { files, level: "same-extractor", common: false, threads: 1, progress: &Silent };
            judge(&golden, &pair).unwrap()
        };
        let same = judged(&a);
        assert_eq!((same.verdict, same.n, same.gate), (Verdict::Pass, Some(12), Gate::Features));
        assert!(same.evidence[0].contains("within its limit"), "{:?}", same.evidence);
        let other = judged(&b);
        assert_eq!(other.verdict, Verdict::Fail);
        assert!(other.evidence[0].contains("images_changed 12, at most"), "{:?}", other.evidence);
        let spread = &other.spreads[0];
        assert_eq!((spread.count, spread.counts.iter().sum::<u64>()), (12 * 4 * 8, 12 * 4 * 8));
        assert!(other.measures.len() >= 3 && other.what_to_do.is_some());
    }
}
