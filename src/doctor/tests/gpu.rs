//! Checks of GPU, driver and libtorch, and of the hours of training.

use super::super::machine::*;
use super::super::render::render;
use super::super::{DoctorReport, FindingState, Purpose};
use super::machines::*;
use crate::step_times::TrainingSpeed;
use data::dataset::Task;
use sandbox::failure::Unreachable;

/// A machine without engine whose GPU, driver and libtorch are given.
fn machine(gpu: Option<(&str, (u32, u32))>, driver: Option<&str>, cuda: bool, gpus: usize) -> Machine {
    let mut machine = server();
    machine.engine = silent(Unreachable::NoSocket, false);
    machine.images.clear();
    machine.worker = worker(cuda, gpus);
    machine.training = Some(measured("cpu", 5.1));
    let listed = gpu.zip(driver).map(|((name, capability), driver)| Ok(vec![listed(name, driver, capability)]));
    machine.gpu = GpuParts {
        devices: usize::from(gpu.is_some()),
        driver: driver.map(str::to_owned),
        listed,
        visible: None,
        cdi: Vec::new(),
        probe: GpuProbe::Untried("no engine answers"),
    };
    machine
}

/// The worker's and the GPU's part of the report for training.
fn about_the_gpu(machine: &Machine) -> String {
    let text = render(&DoctorReport::of(machine, &[Purpose::Train]), false);
    let from = text.find("  worker").map_or(0, |at| text[..at].rfind('\n').map_or(0, |line| line + 1));
    text[from..].to_owned()
}

const H200: Option<(&str, (u32, u32))> = Some(("NVIDIA H200", (9, 0)));
const TITAN_XP: Option<(&str, (u32, u32))> = Some(("NVIDIA TITAN Xp", (6, 1)));
const NEW: Option<&str> = Some("580.95.05");
const OLD: Option<&str> = Some("535.183.01");

#[test]
fn six_states_of_gpu_driver_and_libtorch_are_told_apart() {
    let states = [
        ("1 no GPU", machine(None, None, false, 0)),
        ("2 a GPU without driver", machine(H200, None, false, 0)),
        ("3 a driver that is too old for CUDA", machine(H200, OLD, true, 0)),
        ("4 a GPU that is too old for the libtorch", machine(TITAN_XP, NEW, false, 0)),
        ("5 libtorch for CPUs beside a usable GPU", machine(H200, NEW, false, 0)),
        ("6 libtorch with CUDA without a GPU", machine(None, None, true, 0)),
    ];
    let mut page = String::new();
    for (name, machine) in &states {
        let text = about_the_gpu(machine);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(text.contains("CPUs only"), !matches!(&machine.worker, WorkerState::Fits(torch) if torch.cuda));
        page += &format!("== {name}\n{text}\n");
    }
    insta::assert_snapshot!("six_states", page);
}

#[test]
fn what_else_keeps_cuda_from_a_gpu_is_named() {
    let mut hidden = machine(H200, NEW, true, 0);
    hidden.gpu.visible = Some("-1".into());
    let mut unlisted = machine(H200, NEW, true, 0);
    unlisted.gpu.listed = None;
    let mut two = machine(H200, None, true, 0);
    two.gpu.devices = 2;
    let found = |machine: &Machine, name| check(machine, name);
    assert_eq!(
        found(&hidden, "worker"),
        (
            FindingState::Advice,
            "libtorch 2.11.0, with CUDA, but it sees no GPU with CUDA_VISIBLE_DEVICES=\"-1\"".into(),
            "unset CUDA_VISIBLE_DEVICES; target/release/repro doctor".into()
        )
    );
    assert_eq!(found(&unlisted, "worker").1, "libtorch 2.11.0, with CUDA, but it sees no GPU");
    assert_eq!(found(&unlisted, "CUDA").1, "not checked: nvidia-smi lists no GPU");
    assert_eq!(found(&two, "worker").1, "libtorch 2.11.0, with CUDA, but 2 GPUs have no driver");
    let mut broken = machine(H200, NEW, false, 0);
    let problem = Some("libcudnn.so.9: cannot open shared object file".to_owned());
    broken.worker = WorkerState::Fits(Torch { version: "2.11.0".into(), cuda: false, cuda_problem: problem, gpus: 0 });
    let (state, text, commands) = found(&broken, "worker");
    assert_eq!(state, FindingState::Advice);
    assert_eq!(
        text,
        "libtorch 2.11.0, with CUDA, but its CUDA library cannot be loaded: libcudnn.so.9: cannot open shared object file"
    );
    assert!(commands.starts_with("ci/setup --cuda; "), "{commands}");
    // A libtorch for an older CUDA works with an older driver, and may work with an older GPU.
    let older = machine(TITAN_XP, OLD, true, 1);
    assert_eq!(found(&older, "worker").1, "libtorch 2.11.0, sees 1 GPU by CUDA");
    assert_eq!(
        found(&older, "CUDA"),
        (FindingState::Fine, "the worker's libtorch works with driver 535.183.01: it sees 1 GPU".into(), String::new())
    );
    let (state, text, commands) = found(&machine(TITAN_XP, NEW, true, 1), "CUDA");
    assert!(text.ends_with("compute capability is 6.1, and CUDA 13.0 supports none below 7.5"), "{text}");
    assert_eq!(
        (state, commands.as_str()),
        (FindingState::Advice, "repro bench train --model tiny --device cuda --steps 1")
    );
    let kepler = machine(Some(("Tesla K80", (3, 7))), NEW, false, 0);
    assert_eq!(found(&kepler, "CUDA").2, "", "no command gives it a libtorch");
    // Whatever is found, nothing is wrong with training, and the demo does not care.
    for machine in [&hidden, &unlisted, &two, &older, &kepler] {
        let report = DoctorReport::of(machine, &[Purpose::Demo]);
        assert!(report.is_ready() && all(machine).stops(Purpose::Train).is_empty());
        assert!(
            report.groups.iter().flat_map(|(_, all)| all).all(|one| one.state(&report.asked) == FindingState::Fine)
        );
    }
}

#[test]
fn the_hours_of_the_papers_trainings_follow_from_a_measured_step() {
    let mut machine = machine(None, None, false, 0);
    let mut found = |training: Option<TrainingTimes>| {
        machine.training = training;
        check(&machine, "training")
    };
    let (state, text, commands) = found(Some(measured("cpu", 5.1)));
    assert_eq!((state, commands.as_str()), (FindingState::Fine, ""));
    assert_eq!(
        text,
        "5.1 examples/s on cpu, measured 2026-11-30: fine-tuning takes VQA 5 days 18 h, GQA 9 days 18 h, NLVR2 19 h, without validation"
    );
    // A training tells more than a step, but of its task alone.
    let mut mixed = measured("cpu", 5.1);
    let training = TrainingSpeed::Training { examples_per_second: 4.0, finished: "2026-11-01T09:00:00Z".into() };
    mixed.tasks[2] = (Task::Nlvr2, training.seconds(86_373, 4), training);
    mixed.note = Some("step-times.json: 1 of 2 measurements are ignored".into());
    assert_eq!(
        found(Some(mixed)).1,
        "on cpu fine-tuning takes VQA 5 days 18 h at 5.1 examples/s measured 2026-11-30, GQA 9 days 18 h at 5.1 examples/s measured \
         2026-11-30, NLVR2 24 h at 4.0 examples/s measured in the training that finished 2026-11-01T09:00:00Z, without validation; \
         step-times.json: 1 of 2 measurements are ignored"
    );
    let nothing = TrainingTimes { tasks: Vec::new(), ..measured("cpu", 5.1) };
    assert_eq!(
        found(Some(nothing)),
        (
            FindingState::Untried,
            "hours unknown: no step of batch 32 was measured on cpu with 40 threads yet; this measures one:".into(),
            String::new()
        )
    );
    assert_eq!(found(None).1, "not checked: the worker does not run");
    let nothing = TrainingTimes { tasks: Vec::new(), ..measured("cpu", 5.1) };
    machine.training = Some(nothing);
    let report = DoctorReport::of(&machine, &[Purpose::Train]);
    assert!(render(&report, false).contains("          $ repro bench train\n"), "{}", render(&report, false));
    let json = report.json();
    let training = json["checks"].as_array().unwrap().iter().find(|check| check["name"] == "training").unwrap();
    assert_eq!((&training["state"], &training["commands"][0]), (&"untried".into(), &"repro bench train".into()));
}
