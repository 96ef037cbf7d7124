use super::super::deviation::Deviation;
use super::edition::*;
use data::dataset::Task as Dataset;
use lxmert_spec::paper::{OPTIM, fine_tuning};
use lxmert_spec::recipe::TrainingRecipe;

#[test]
fn the_published_numbers() {
    let published = PublishedResults::embedded().unwrap();
    let numbers: Vec<_> =
        published.tasks.iter().map(|t| (&*t.name, t.n, t.headline.accuracy, t.range.low, t.range.high)).collect();
    assert_eq!(
        numbers,
        [("vqa", 25_994, 69.9, 69.7, 70.2), ("gqa", 12_578, 59.8, 59.8, 60.1), ("nlvr2", 6_982, 74.95, 74.0, 74.5)]
    );
    let tests: Vec<_> = published.tests.iter().map(|t| t.accuracy).collect();
    assert_eq!(tests, [72.42, 72.54, 60.0, 60.33, 74.45, 76.18]);
    let local: Vec<_> = published.tests.iter().filter(|t| t.scored == TestScorer::Local).map(|t| t.n).collect();
    assert_eq!(local, [Some(6_967), Some(6_970)]);
}

/// sqrt(0.1 / (2 n)), in points to three decimals.
#[test]
fn assumed_spreads_follow_from_their_source() {
    for task in PublishedResults::embedded().unwrap().tasks {
        let assumed = 100.0 * (0.1 / (2.0 * task.n as f64)).sqrt();
        assert!((assumed - task.sigma.points).abs() <= 5.1e-4, "{}: {assumed}", task.name);
        assert!(task.sigma.source.starts_with("assumed: ") && task.recorded.is_empty());
        assert!(task.range.low <= task.faithful.mean && task.faithful.mean <= task.range.high);
    }
}

/// The file is what judges, the recipe what trains: a run by default must depart in nothing.
#[test]
fn the_settings_are_the_papers_recipe() {
    let published = PublishedResults::embedded().unwrap();
    assert_eq!(published.tasks.len(), Dataset::ALL.len());
    for task in Dataset::ALL {
        let paper = fine_tuning(task);
        let of = published.task(task.name()).unwrap();
        let TrainingRecipe { epochs, batch_size, lr } = paper.training;
        let mut settings = serde_json::json!({
            "--train": paper.train, "--epochs": epochs, "--batch-size": batch_size, "--lr": lr, "--optim": OPTIM,
        });
        if task == Dataset::Gqa {
            settings["--mce-loss"] = false.into();
        }
        assert_eq!(serde_json::to_value(&of.settings).unwrap(), settings, "{task}");
        assert_eq!((&*of.splits, &*of.start), (paper.valid, paper.start_option()), "{task}");
    }
}

#[test]
fn other_settings_are_named() {
    let published = PublishedResults::embedded().unwrap();
    let mut run = serde_json::json!({
        "--train": "train", "--epochs": 4, "--batch-size": 32, "--lr": 5e-5, "--optim": "bert", "--seed": 7,
        "start": { "--load-lxmert": "model" },
    });
    let task = published.task("nlvr2").unwrap();
    assert!(task.deviations(run.as_object().unwrap()).is_empty());
    run["--lr"] = 1e-5.into();
    run["--optim"] = "adam".into();
    run["start"] = serde_json::json!({ "--from-scratch": true });
    assert_eq!(
        task.deviations(run.as_object().unwrap()),
        ["--lr 1e-5, published 5e-5", "--optim adam, published bert", "--from-scratch, published --load-lxmert"]
            .map(Deviation::from)
    );
}

#[test]
fn mistakes_are_named() {
    for (from, to, message) in [
        ("schema = 2", "schema = 3", "schema 3 edition 2 is not"),
        ("edition = 2", "edition = 1", "schema 2 edition 1 is not"),
        ("n = 25994", "n = 0", "n is 0"),
        ("n = 25994", "items = 25994", "unknown field `items`"),
        ("accuracy = 69.90", "accuracy = 169.90", "169.9 is not within"),
        ("low = 69.7", "low = 70.7", "begins at 70.7"),
        ("points = 0.139", "points = 0.0", "a sigma of 0"),
        ("alpha = 0.05", "alpha = 0.5", "alpha must be"),
        ("margin = 0.5", "margin = nan", "margin must be"),
        ("equivalence-to-range", "by-eye", "unknown variant `by-eye`"),
        ("name = \"gqa\"", "name = \"vqa\"", "empty or there twice"),
    ] {
        assert!(EMBEDDED.contains(from), "{from}");
        let error = PublishedResults::parse(&EMBEDDED.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(message), "{to}: {error}");
    }
}
