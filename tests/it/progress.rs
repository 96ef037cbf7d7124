//! Progress of long work: a line per minute without a terminal, bars that fit the terminal and disappear at the end.

use std::fs;
use std::path::Path;
use std::process::Command;

use data::features::testing::file;
use fixtures::server::{Fault, Served, Server};
use lxmert_repro::demo;
use lxmert_spec::demo::DemoRecipe;

use crate::common::fetching::{FetchSetup, content};
use crate::common::small_training;
use crate::common::terminal::Terminal;
use crate::common::{repro, run, stderr};

/// Sets another interval than a minute, in seconds.
const INTERVAL: &str = "REPRO_PROGRESS_SECONDS";

/// A training of 3 epochs and 37 steps each.
fn train(folder: &Path) -> Command {
    small_training::train(folder, 1, "--epochs 3")
}

/// What a command says on stderr that begins with `start`, where a line is due at every moment.
#[track_caller]
fn lines(command: &mut Command, start: &str) -> Vec<String> {
    let said = stderr(&run(command.env(INTERVAL, "0"), 0));
    let lines: Vec<String> = said.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "no line begins with {start}:\n{said}");
    lines
}

/// The number before a word or a unit.
fn number(part: &str, unit: &str) -> f64 {
    let number = part.strip_suffix(unit).unwrap_or_else(|| panic!("{part} is not in {unit}"));
    number.trim().replace(',', "").parse().unwrap_or_else(|_| panic!("{part} is no number"))
}

/// What a terminal of so many columns has shown, without what moves its cursor: every text that stood on a line.
fn texts(shown: &str, columns: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut rest = shown.chars();
    while let Some(c) = rest.next() {
        match c {
            // A sequence that begins with ESC [ ends with a letter.
            '\u{1b}' => {
                rest.by_ref().find(char::is_ascii_alphabetic);
                texts.push(String::new());
            }
            '\r' | '\n' => texts.push(String::new()),
            c => texts.last_mut().unwrap().push(c),
        }
    }
    // Lines of several bars follow each other, each filled with blanks.
    let lines = texts.iter().flat_map(|text| {
        let text: Vec<char> = text.chars().collect();
        text.chunks(columns).map(|line| String::from_iter(line).trim_end().to_owned()).collect::<Vec<_>>()
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// Runs a command on a terminal of so many columns. Returns the bars of a task, which are gone in the end.
#[track_caller]
fn bars(command: &mut Command, columns: u16, task: &str) -> Vec<String> {
    let (terminal, mut child) = Terminal::start_with(command.env("TERM", "xterm"), columns);
    let shown = terminal.shown();
    assert!(child.wait().unwrap().success(), "{shown}");
    let last = shown.rfind(task).unwrap_or_else(|| panic!("no bar of {task}: {shown}"));
    assert!(shown[last..].contains("\u{1b}[2K"), "the last bar was not cleared: {shown}");
    let bars: Vec<String> = texts(&shown, columns.into()).into_iter().filter(|text| text.starts_with(task)).collect();
    for bar in &bars {
        // One that fills the line may be the beginning of a longer one.
        assert!(bar.chars().count() < columns.into(), "{} of {columns} columns: {bar}", bar.chars().count());
    }
    bars
}

#[test]
fn without_a_terminal_a_training_says_step_epoch_loss_rate_time_left_and_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0.0;
    for line in lines(&mut train(folder.path()), "train: step ") {
        let parts: Vec<&str> = line.strip_prefix("train: step ").unwrap().split(", ").collect();
        let [step, epoch, loss, accuracy, rate, left, memory] = parts[..] else { panic!("{line}") };
        let step = number(step, " of 111");
        assert!(step >= last && step <= 111.0, "step {step} after {last}");
        last = step;
        assert!(["epoch 0", "epoch 1", "epoch 2"].contains(&epoch), "{line}");
        assert!(loss.starts_with("loss ") && accuracy.starts_with("accuracy "), "{line}");
        assert!(number(rate, " examples/s") > 0.0 && left.ends_with(" s left"), "{line}");
        assert!(memory.starts_with("memory ") && memory.ends_with(" MB"), "{line}");
    }
    assert_eq!(last, 111.0, "the last line tells of the end");
}

#[test]
fn work_of_less_than_a_minute_prints_no_progress_without_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let said = stderr(&run(&mut train(folder.path()), 0));
    assert!(!said.contains("examples/s") && !said.contains(" left"), "{said}");
}

#[test]
fn on_a_terminal_the_bar_of_a_training_counts_the_whole_run_and_fits() {
    for columns in [80, 40] {
        let folder = tempfile::tempdir().unwrap();
        let bars = bars(&mut train(folder.path()), columns, "train ");
        assert!(bars.iter().all(|bar| bar.contains("/111 steps")), "{bars:?}");
        assert_eq!(bars.iter().any(|bar| bar.contains('[')), columns == 80, "{bars:?}");
    }
}

#[test]
fn a_fetch_says_bytes_rate_and_time_left_and_its_bar_fits() {
    let bytes = content(2_000_000);
    let server = Server::start();
    let url = server.put("/a", Served::new(bytes));
    let fetched = lines(&mut FetchSetup::new(&[&url], "").fetch(), "a: fetch: 2.0 MB of 2.0 MB");
    assert!(fetched[0].contains("B/s, ") && fetched[0].ends_with(" left"), "{fetched:?}");
    for columns in [80, 40] {
        // Nothing comes for two seconds: time enough for a bar.
        server.faults("/a", [Fault::Stall(1_000_000)]);
        let bars = bars(&mut FetchSetup::new(&[&url], "").fetch(), columns, "a  ");
        assert!(bars.iter().any(|bar| bar.contains("/2.0 MB")), "{bars:?}");
    }
}

#[test]
fn reading_answering_and_extracting_name_their_units() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.tsv"), file(5)).unwrap();
    let read = lines(repro(folder).args(["features", "inspect", "a.tsv"]), "reading a.tsv: ");
    assert!(read[0].contains("B of ") && read[0].contains("B/s, "), "{read:?}");

    run(&mut train(folder), 0);
    let mut predict = repro(folder);
    predict.args(["predict", "vqa", "--split", "valid", "--load", "out/LAST.safetensors", "--output", "answers.json"]);
    predict.arg("--data-root").arg(small_training::data());
    let answered = lines(&mut predict, "predict: 10 of 10 examples, ");
    assert!(answered[0].contains(" examples/s, "), "{answered:?}");

    let (drawn, images) = (folder.join("drawn"), folder.join("images/dev"));
    let recipe = "seed = 7\npicture = { side = 96, objects = [3, 4] }\nvqa = { train = 2, minival = 1, nominival = 1 }\n\
                  gqa = { train = 1, valid = 1, testdev = 1 }\nnlvr2 = { train = 1, valid = 1, test = 1, sentences = 2 }\n\
                  [training]\nvqa = { epochs = 1, batch_size = 8, lr = 1e-3 }\n\
                  gqa = { epochs = 1, batch_size = 8, lr = 1e-3 }\nnlvr2 = { epochs = 1, batch_size = 8, lr = 1e-3 }\n";
    let manifest =
        demo::generate(&folder.join("data"), &drawn, &DemoRecipe::parse(recipe).unwrap(), &|_, _| {}).unwrap();
    fs::create_dir_all(&images).unwrap();
    let pictures = manifest.features[0].images(&drawn);
    fs::copy(&pictures[0].path, images.join("a.png")).unwrap();
    let mut extract = repro(folder);
    extract.args([
        "extract",
        "nlvr2",
        "--split",
        "valid",
        "--images",
        "images",
        "--out",
        "features",
        "--backend",
        "demo",
    ]);
    let extracted = lines(&mut extract, "extracting ");
    assert!(extracted[0].contains(": 1 of 1 images, ") && extracted[0].contains(" images/s, "), "{extracted:?}");
}
