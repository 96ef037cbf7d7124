//! The check of how long the paper's fine-tunings take on this machine.

use crate::doctor::finding::Finding;
use crate::doctor::machine::{Machine, TrainingTimes};
use base::format::{number_of, rough_time};
use data::dataset::Task;
use lxmert_spec::paper::fine_tuning;

/// Says how long each task takes, or how to find out.
pub(super) fn training(machine: &Machine) -> Finding {
    let name = "training";
    let Some(TrainingTimes { device, threads, tasks, note }) = &machine.training else {
        return Finding::untried(name, "not checked: the worker does not run");
    };
    let note = note.as_ref().map_or_else(String::new, |note| format!("; {note}"));
    let Some((_, _, first)) = tasks.first() else {
        let threads = number_of(*threads as u64, "thread");
        let batch = fine_tuning(Task::Vqa).training.batch_size;
        let found = format!(
            "hours unknown: no step of batch {batch} was measured on {device} with {threads} yet; this measures one{note}:"
        );
        return Finding::untried(name, found).run(["repro bench train"]);
    };
    let is_one_speed = tasks.iter().all(|(_, _, speed)| speed == first);
    let times = tasks.iter().map(|(task, seconds, speed)| {
        let (task, time) = (task.name().to_uppercase(), rough_time(*seconds));
        match is_one_speed {
            true => format!("{task} {time}"),
            false => format!("{task} {time} at {speed} {}", speed.origin()),
        }
    });
    let times = times.collect::<Vec<String>>().join(", ");
    Finding::fine(
        name,
        match is_one_speed {
            true => {
                format!("{first} on {device}, {}: fine-tuning takes {times}, without validation{note}", first.origin())
            }
            false => format!("on {device} fine-tuning takes {times}, without validation{note}"),
        },
    )
}
