//! Builds the texts of the help pages about the paper's defaults, which can differ by task.

use data::dataset::Task;
use lxmert_spec::paper::{FineTuningRecipe, PRETRAINED, fine_tuning};

/// Returns the help of an option whose default is the paper's for the task: with `[default: 4]` if it is the same for all tasks,
/// else with `[default by task: vqa minival; gqa testdev; nlvr2 valid]`.
pub(super) fn by_task(help: &str, default: impl Fn(FineTuningRecipe) -> String) -> String {
    let all = Task::ALL.map(|task| (task, default(fine_tuning(task))));
    let [(_, first), ..] = &all;
    if all.iter().all(|(_, default)| default == first) {
        return format!("{help} [default: {first}]");
    }
    let all = all.map(|(task, default)| format!("{task} {default}"));
    format!("{help} [default by task: {}]", all.join("; "))
}

/// Returns a learning rate in the usual notation, such as `5e-5`.
pub(super) fn rate(lr: f64) -> String {
    format!("{lr:e}")
}

/// Returns a line with `repro train TASK` and the paper's initial weights for each task; the other options are defaults.
pub(super) fn paper_trainings() -> String {
    let line = |task| format!("  repro train {task:<5} {:<16} {PRETRAINED}\n", fine_tuning(task).start_option());
    Task::ALL.map(line).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_that_depends_on_the_task_names_each() {
        assert_eq!(by_task("Passes", |paper| paper.training.epochs.to_string()), "Passes [default: 4]");
        assert_eq!(
            by_task("Rate", |paper| rate(paper.training.lr)),
            "Rate [default by task: vqa 5e-5; gqa 1e-5; nlvr2 5e-5]"
        );
    }
}
