//! Reports a fault that nearly all rows have once for the file instead of once per row.

use std::collections::BTreeMap;

use super::facts::{FeatureProblem, Inspection};
use super::fault::SharedFault;

/// Number of rows with each fault, by the kind as which they were counted.
#[derive(Default)]
pub(super) struct SharedFaultCounts(BTreeMap<SharedFault, BTreeMap<&'static str, u64>>);

impl SharedFaultCounts {
    pub(super) fn add(&mut self, problem: &FeatureProblem) {
        if let Some(fault) = problem.shared {
            *self.0.entry(fault).or_default().entry(problem.kind).or_default() += 1;
        }
    }

    /// Replaces the problems of the rows by one of the file if at least nine rows of ten have it: a few may look right by
    /// chance.
    pub(super) fn summarise(&self, found: &mut Inspection) {
        let all = found.rows + found.problem_count;
        for (&fault, kinds) in &self.0 {
            let rows: u64 = kinds.values().sum();
            if rows * 10 < all * 9 {
                continue;
            }
            for (kind, count) in kinds {
                let left = found.problems_by_kind.get(kind).map_or(0, |all| all - count);
                match left {
                    0 => drop(found.problems_by_kind.remove(kind)),
                    left => drop(found.problems_by_kind.insert(kind, left)),
                }
            }
            found.problem_count -= rows - 1;
            found.problems.retain(|problem| problem.shared != Some(fault));
            *found.problems_by_kind.entry(fault.kind()).or_default() += 1;
            let what = match rows == all {
                true => fault.told(&format!("in all {all} rows")),
                false => fault.told(&format!("in {rows} of {all} rows")),
            };
            let column = Some(fault.column());
            found.problems.insert(
                0,
                FeatureProblem { place: None, img_id: None, column, kind: fault.kind(), what, shared: None },
            );
        }
    }
}
