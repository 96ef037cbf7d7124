//! A measurement of training steps, and the conditions that it holds for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use base::clock;
use base::host::HostFacts;
use data::dataset::tokenizer::MAX_WORDS;
use data::features::{RELEASED_BOXES, RELEASED_WIDTH};
use lxmert_spec::Config;

/// Plausible speeds, in examples per second: from a step of a day to far more than any machine does.
const PLAUSIBLE_SPEEDS: std::ops::RangeInclusive<f64> = 1e-4..=1e6;
/// Plausible numbers of threads and of examples in a step.
const PLAUSIBLE_COUNTS: std::ops::RangeInclusive<usize> = 1..=1 << 16;
/// Longest plausible name of a device, a processor or a version.
const LONGEST_NAME: usize = 200;

/// What a step was measured on and with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepConditions {
    /// `cpu`, or `cuda` with the GPU's name.
    pub device: String,
    /// Name of the processor.
    pub processor: String,
    /// CPU threads.
    pub threads: usize,
    /// Version of libtorch.
    pub libtorch: String,
    /// Examples in a step.
    pub batch_size: usize,
}

impl StepConditions {
    /// Returns the conditions of a training on this machine.
    pub fn here(device: &str, threads: usize, versions: &BTreeMap<String, String>, batch_size: usize) -> Self {
        Self {
            device: device.to_owned(),
            processor: HostFacts::here().cpu,
            threads,
            libtorch: versions.get("libtorch").cloned().unwrap_or_default(),
            batch_size,
        }
    }
}

/// The speed of training steps at the paper's sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// What it was measured on and with.
    #[serde(flatten)]
    pub conditions: StepConditions,
    /// Examples per second: the median over the measured steps.
    pub examples_per_second: f64,
    /// Versions of the program and of the libraries that compute.
    pub versions: BTreeMap<String, String>,
    /// When it was measured, UTC.
    pub measured: String,
}

impl StepTime {
    /// Reads the report of `repro bench train` on `device`; `None` if other sizes than the paper's were measured.
    pub fn of_report(report: &Value, device: &str) -> Option<Self> {
        let sizes = &report["sizes"];
        let full = json!({ "boxes": RELEASED_BOXES, "features": RELEASED_WIDTH, "words": MAX_WORDS });
        let is_full = report["bench"] == "train"
            && serde_json::from_value::<Config>(sizes["model"].clone()).is_ok_and(|model| model == Config::lxr955())
            && full.as_object()?.iter().all(|(name, size)| sizes[name] == *size);
        let versions: BTreeMap<String, String> = serde_json::from_value(report["versions"].clone()).ok()?;
        let count = |value: &Value| usize::try_from(value.as_u64()?).ok();
        let time = Self {
            conditions: StepConditions::here(
                device,
                count(&report["threads"])?,
                &versions,
                count(&sizes["batch_size"])?,
            ),
            examples_per_second: report["examples_per_s"]["median"].as_f64()?,
            versions,
            measured: clock::now(),
        };
        (is_full && time.is_plausible()).then_some(time)
    }

    /// Returns the day of the measurement.
    pub fn day(&self) -> String {
        clock::day(&self.measured)
    }

    /// Whether every value can be that of a measurement.
    pub(super) fn is_plausible(&self) -> bool {
        let StepConditions { device, processor, threads, libtorch, batch_size } = &self.conditions;
        let is_name = |text: &String| !text.is_empty() && text.len() <= LONGEST_NAME;
        let day = self.day();
        let is_day = day.len() == 10
            && day
                .bytes()
                .enumerate()
                .all(|(at, byte)| if [4, 7].contains(&at) { byte == b'-' } else { byte.is_ascii_digit() });
        [device, processor, libtorch].into_iter().all(is_name)
            && [threads, batch_size].into_iter().all(|count| PLAUSIBLE_COUNTS.contains(count))
            && PLAUSIBLE_SPEEDS.contains(&self.examples_per_second)
            && is_day
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A measurement on a CPU.
    pub(crate) fn measured(examples_per_second: f64) -> StepTime {
        let versions = BTreeMap::from([("libtorch".to_owned(), "2.11.0".to_owned())]);
        StepTime {
            conditions: StepConditions::here("cpu", 2, &versions, 32),
            examples_per_second,
            versions,
            measured: "2026-11-30T12:00:00Z".to_owned(),
        }
    }

    fn report(change: impl Fn(&mut Value)) -> Value {
        let mut report = json!({
            "bench": "train",
            "sizes": {
                "model": Config::lxr955(), "batch_size": 32, "boxes": 36, "features": 2048, "words": 20, "answers": 3129,
            },
            "threads": 2,
            "versions": { "libtorch": "2.11.0", "tch": "0.24.0", "repro": "0.1.0" },
            "examples_per_s": { "median": 5.1, "best": 5.4 },
        });
        change(&mut report);
        report
    }

    #[test]
    fn a_measurement_at_the_papers_sizes_is_kept_with_its_conditions() {
        let time = StepTime::of_report(&report(|_| {}), "cuda (NVIDIA H200)").unwrap();
        let same = StepConditions { device: "cuda (NVIDIA H200)".into(), ..measured(5.1).conditions };
        assert_eq!((time.examples_per_second, &time.conditions), (5.1, &same));
        assert_eq!((time.versions["tch"].as_str(), time.day()), ("0.24.0", clock::today()));
    }

    #[test]
    fn other_sizes_and_impossible_numbers_are_not_kept() {
        let mut tiny = Config::lxr955();
        tiny.l_layers = 1;
        for (path, value) in [
            ("/bench", json!("predict")),
            ("/sizes/model", json!(tiny)),
            ("/sizes/boxes", json!(3)),
            ("/sizes/words", json!(11)),
            ("/sizes/batch_size", json!(0)),
            ("/threads", json!("two")),
            ("/examples_per_s/median", json!(0.0)),
            ("/examples_per_s/median", json!(1e9)),
            ("/examples_per_s/median", Value::Null),
            ("/versions", json!({})),
        ] {
            let other = report(|report| *report.pointer_mut(path).unwrap() = value.clone());
            assert_eq!(StepTime::of_report(&other, "cpu"), None, "{path}");
        }
    }
}
