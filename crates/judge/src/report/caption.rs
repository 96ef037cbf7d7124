//! Says what a report is about: what was judged and by what, and which epoch of a training. It judges nothing.

use super::metrics::{Curves, EpochPoint};
use super::{Report, words};
use crate::verdict::Verdict;
use crate::verdict::row::{Gate, JudgedRow, RunState, Subject};

/// Maximum number of results that a caption names.
const MAX_NAMED: usize = 6;

/// Returns what was judged and by what, with the run and the golden files, for forms that name these nowhere else.
pub(crate) fn full_caption(report: &Report) -> Option<String> {
    let mut caption = caption(report)?;
    // A report of several runs lists them.
    if report.rows.iter().any(|row| row.gate != Gate::Features) && !report.run.contains(", ") {
        caption += &format!(" Run: {}.", report.run);
    }
    if !report.golden.is_empty() {
        let files = if report.golden.len() == 1 { "file" } else { "files" };
        caption += &format!(" Golden {files}: {}.", words::editions(&report.golden));
    }
    Some(caption)
}

/// Returns what was judged and by what, for the line under the verdict; `None` if there are no rows.
pub(crate) fn caption(report: &Report) -> Option<String> {
    let (missing, judged): (Vec<&JudgedRow>, Vec<&JudgedRow>) = report.rows.iter().partition(|row| is_missing(row));
    let mut groups: Vec<(&str, String, Vec<&JudgedRow>)> = Vec::new();
    for row in judged {
        let (what, by) = (kind(row.gate), standard(row));
        match groups.iter_mut().find(|(other, standard, _)| *other == what && *standard == by) {
            Some((.., rows)) => rows.push(row),
            None => groups.push((what, by, vec![row])),
        }
    }
    let mut sentences = Vec::new();
    if !groups.is_empty() {
        let groups = groups.iter().map(|(what, by, rows)| format!("{what} {}, by {by}", names(rows)));
        sentences.push(format!("Judged: {}.", groups.collect::<Vec<_>>().join("; ")));
    }
    if !missing.is_empty() {
        sentences.push(format!("Not judged: {}.", names(&missing)));
    }
    (!report.rows.is_empty()).then(|| sentences.join(" "))
}

fn is_missing(row: &JudgedRow) -> bool {
    row.verdict == Verdict::Infra && row.observed.is_none()
}

fn kind(gate: Gate) -> &'static str {
    match gate {
        Gate::Train => "accuracy on",
        Gate::Eval => "answers to",
        Gate::Features => "features in",
    }
}

/// Returns what a row was compared with.
fn standard(row: &JudgedRow) -> String {
    match (row.gate, &row.paired) {
        (Gate::Features, _) => format!("the limits of the level “{}”", row.metric),
        (Gate::Eval, Some(pair)) => format!("those of {}", pair.reference),
        (Gate::Eval, None) => "those of another run".to_owned(),
        (Gate::Train, _) if row.targets.is_empty() => "recorded runs of this program".to_owned(),
        (Gate::Train, _) => "what was published".to_owned(),
    }
}

fn names(rows: &[&JudgedRow]) -> String {
    let name = |row: &&JudgedRow| match row.runs.len() {
        0 | 1 => row.title(),
        all => format!("{} ({} of {all} runs)", row.title(), counted(row)),
    };
    let mut names: Vec<String> = rows.iter().take(MAX_NAMED).map(name).collect();
    if rows.len() > MAX_NAMED {
        names.push(format!("{} more", rows.len() - MAX_NAMED));
    }
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn counted(row: &JudgedRow) -> usize {
    row.runs.iter().filter(|run| run.state == RunState::Counted).count()
}

/// Returns whether a row was measured on all items that its golden file names: a training counts only then.
pub(crate) fn is_whole_set(row: &JudgedRow) -> bool {
    row.gate == Gate::Train && row.observed.is_some() && counted(row) > 0
}

/// Returns the last epoch that was validated and the best one, the earliest of equals.
pub(crate) fn last_and_best(curves: &Curves) -> Option<[(&EpochPoint, f64); 2]> {
    let mut validated = curves.epochs.iter().filter_map(|point| Some((point, point.valid?)));
    let first = validated.next()?;
    Some(validated.fold([first, first], |[_, best], point| [point, if point.1 > best.1 { point } else { best }]))
}

/// Returns the validation accuracy of the last and of the best epoch, and which of them the result of `row` is of.
pub(crate) fn epochs(curves: &Curves, row: Option<&JudgedRow>) -> Option<String> {
    let [(last, at_end), (best, highest)] = last_and_best(curves)?;
    let number = |point: &EpochPoint| u64::from(point.epoch) + 1;
    if last.epoch == best.epoch {
        return Some(format!("Validation: {at_end:.2} after the last epoch ({}), which is the best.", number(last)));
    }
    let judged = match row {
        Some(row) if row.subject == Subject::Demo => " The result is of the last epoch.",
        Some(row) if row.metric.contains("best epoch") => " The result is of the best epoch.",
        _ => "",
    };
    let (last, best) = (number(last), number(best));
    Some(format!(
        "Validation: {at_end:.2} after the last epoch ({last}); best {highest:.2} after epoch {best} (circled).{judged}"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_caption_says_what_was_judged_by_what() {
        let said = |report: &Report| full_caption(report).unwrap();
        assert_eq!(
            said(&sample::demo()),
            "Judged: accuracy on VQA-like scenes, GQA-like scenes and NLVR2-like scenes, by recorded runs of this \
             program. Run: demo-5f2d8c91a0b3."
        );
        assert_eq!(
            said(&sample::checked()),
            "Judged: accuracy on vqa (3 of 7 runs) and gqa (2 of 2 runs), by what was published; answers to nlvr2, by \
             those of nlvr2-frozen; features in valid features, by the limits of the level “same-extractor”. Run: \
             check-91d2. Golden files: published edition 2 and features edition 1."
        );
        assert_eq!(said(&sample::stopped()), "Not judged: vqa, gqa and nlvr2. Run: demo-5f2d8c91a0b3.");
        let mut none = sample::passed();
        none.rows.clear();
        assert_eq!(full_caption(&none), None);
        assert_eq!(caption(&sample::stopped()).unwrap(), "Not judged: vqa, gqa and nlvr2.");
    }

    #[test]
    fn many_results_are_counted_and_several_runs_not_repeated() {
        let mut report = sample::passed();
        report.rows = (1..=8).map(|i| JudgedRow { name: format!("ev{i}"), ..report.rows[0].clone() }).collect();
        report.run = "ev1, ev2".to_owned();
        assert_eq!(
            full_caption(&report).unwrap(),
            "Judged: accuracy on ev1, ev2, ev3, ev4, ev5, ev6 and 2 more, by recorded runs of this program."
        );
    }

    #[test]
    fn only_a_run_that_counts_is_of_the_whole_set() {
        let whole = |report: Report| report.rows.iter().map(is_whole_set).collect::<Vec<_>>();
        assert_eq!(whole(sample::checked()), [true, true, false, false]);
        assert_eq!(whole(sample::passed()), [false; 3]);
    }

    #[test]
    fn last_and_best_epoch_are_told_apart() {
        let curves = |valid: &[Option<f64>]| Curves {
            epochs: (0..)
                .zip(valid)
                .map(|(epoch, &valid)| EpochPoint { epoch, train: None, valid, best: None })
                .collect(),
            ..Curves::default()
        };
        let said = |valid: &[Option<f64>], row| epochs(&curves(valid), row);
        let (demo, checked) = (sample::demo(), sample::checked());
        assert_eq!(
            said(&[Some(70.0), Some(72.5), Some(72.5), Some(71.0)], Some(&demo.rows[0])).unwrap(),
            "Validation: 71.00 after the last epoch (4); best 72.50 after epoch 2 (circled). The result is of the last \
             epoch."
        );
        assert!(said(&[Some(70.0), Some(69.0)], Some(&checked.rows[0])).unwrap().ends_with("of the best epoch."));
        assert_eq!(
            said(&[Some(70.0), Some(71.0)], None).unwrap(),
            "Validation: 71.00 after the last epoch (2), which is the best."
        );
        assert_eq!(said(&[None], None), None);
    }
}
