//! Every environment variable that the programs, their build and their tests read. A test compares the sources with this table.

/// An environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a sentence without a full stop.
    pub meaning: &'static str,
}

const fn variable(name: &'static str, meaning: &'static str) -> Variable {
    Variable { name, meaning }
}

/// Variables that a person may set for `repro`; `repro --help` lists them.
pub const PROGRAM: [Variable; 13] = [
    variable("REPRO_WORKSPACE", "the workspace, in place of ./workspace"),
    variable("REPRO_WORKER", "the program that computes, in place of the repro-worker beside repro"),
    variable("REPRO_CACHE", "where libtorch and measured speeds are kept, in place of ~/.cache/lxmert-repro"),
    variable("REPRO_PROGRESS_SECONDS", "without a terminal, how often progress is printed, in place of 60"),
    variable("NO_COLOR", "any value but an empty one: no colours"),
    variable("RUST_BACKTRACE", "any value: a stack trace after an error of the program itself"),
    variable("CUDA_VISIBLE_DEVICES", "the numbers of the GPUs that may be used, in place of all"),
    variable("DOCKER_HOST", "the container engine's address"),
    variable("HTTPS_PROXY", "a proxy for downloads; also HTTP_PROXY, ALL_PROXY, NO_PROXY"),
    variable("GOMP_SPINCOUNT", "how threads wait for each other; also OMP_WAIT_POLICY"),
    variable("CUBLAS_WORKSPACE_CONFIG", "how cuBLAS uses its workspace on a GPU, in place of :4096:8"),
    variable("XDG_CACHE_HOME", "the folder of lxmert-repro's cache, in place of ~/.cache"),
    variable("XDG_RUNTIME_DIR", "where Podman's socket is looked for"),
];

/// Variables of the scripts in ci/ and of the build.
pub const BUILD: [Variable; 9] = [
    variable("REPRO_WHEELS", "ci/libtorch: keeps the wheels of libtorch in this folder"),
    variable("REPRO_PYTHON", "tests: a Python with what ci/python-packages.txt names"),
    variable("REPRO_CHROMIUM", "ci/web-check: the browser"),
    variable("REPRO_GIT_COMMIT", "build: the commit that --version names, where git is not there to ask"),
    variable("REPRO_COMMIT_TIME", "build: the time of that commit"),
    variable("REPRO_WORKER_SOURCE", "build, set by itself: SHA-256 over the worker's source"),
    variable("REPRO_TCH_VERSION", "build, set by itself: the version of tch"),
    variable("REPRO_ENGINE_STARTED", "ci/test: the container engine was started for the tests"),
    variable("REPRO_ACCEPT_SCHEMA", "tests: writes the schema of report.json instead of comparing it"),
];

/// Variables of the tests. Those that begin with `REPRO_TEST_` pass something on from a test to the program or script that it starts.
pub const TESTS: [Variable; 6] = [
    variable("REPRO_FIXTURES", "the folder of test data, in place of the one beside the checkout"),
    variable("REPRO_PARITY_DEVICE", "the device of the parity tests, in place of cpu: cuda or cuda:N"),
    variable("REPRO_FUZZ_SECONDS", "seconds that tests of hostile files spend on mutations; default: a fixed sample"),
    variable("REPRO_TEST_REQUIRE", "what must be there, or its tests fail in place of being skipped"),
    variable("REPRO_TEST_KILLS", "how often tests of killed programs kill"),
    variable("REPRO_TEST_TRAIN_IMAGE", "the training image that tests use"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Text files of the sources.
    fn texts(folder: &Path, texts: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "fixtures", "snapshots"].contains(&name.as_str()) {
                self::texts(&path, texts);
            } else if path.is_file() && name != "env.rs" {
                texts.extend(fs::read_to_string(&path));
            }
        }
    }

    /// The names in a text that begin with `REPRO_`.
    fn names(text: &str) -> impl Iterator<Item = String> {
        let is_in_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let words = text.split(move |c: char| !is_in_name(c)).map(str::to_owned);
        words.filter(|word| word.starts_with("REPRO_") && !word.ends_with('_'))
    }

    #[test]
    fn every_variable_of_the_sources_is_listed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut texts = Vec::new();
        ["src", "crates", "ci", "docker", "tests"]
            .iter()
            .for_each(|folder| self::texts(&root.join(folder), &mut texts));
        texts.push(fs::read_to_string(root.join("build.rs")).unwrap());
        let found: BTreeSet<String> = texts.iter().flat_map(|text| names(text)).collect();
        let listed: BTreeSet<&str> = PROGRAM.iter().chain(&BUILD).chain(&TESTS).map(|variable| variable.name).collect();
        let is_passed_on = |name: &String| name.starts_with("REPRO_TEST_");
        let unlisted: Vec<&String> =
            found.iter().filter(|name| !listed.contains(name.as_str()) && !is_passed_on(name)).collect();
        assert!(unlisted.is_empty() && found.len() > 15, "crates/base/src/env.rs does not list {unlisted:?}");
        let unread: Vec<&&str> =
            listed.iter().filter(|name| name.starts_with("REPRO_") && !found.contains(**name)).collect();
        assert!(unread.is_empty(), "nothing reads {unread:?}");
    }
}
