//! Tests of the documents: their links have targets, their paths exist, and the parser accepts their commands.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;

use super::Cli;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every Markdown file of the project.
fn documents() -> Vec<PathBuf> {
    let mut found = vec!["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "golden/README.md"]
        .into_iter()
        .map(|file| root().join(file))
        .collect();
    for folder in ["docs", "docker"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 12, "{found:?}");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, found),
            false if path.extension().is_some_and(|suffix| suffix == "md") => found.push(path),
            false => {}
        }
    }
}

/// Returns the lines outside of fenced code, or those inside of fences of `sh`.
fn lines(text: &str, code: bool) -> Vec<&str> {
    let mut fence = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("```"), fence) {
            (Some(_), Some(_)) => fence = None,
            (Some(language), None) => fence = Some(language),
            (None, None) if !code => lines.push(line),
            (None, Some("sh")) if code => lines.push(line),
            (None, _) => {}
        }
    }
    lines
}

/// Returns GitHub's anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = lines(text, false).into_iter().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// Returns every text between `open` and `close`.
fn between<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split_once(close)).map(|(inner, _)| inner)
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in lines(&text, false).into_iter().flat_map(|line| between(line, "](", ')')) {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            let known = || anchors(&fs::read_to_string(&target).unwrap());
            if !target.exists() || !heading.is_empty() && !known().contains(heading) {
                wrong.push(format!("{}: {link}", document.display()));
            }
            seen += 1;
        }
    }
    assert!(wrong.is_empty() && seen > 40, "{seen} links, of which these are broken: {wrong:#?}");
}

#[test]
fn every_path_of_the_source_that_a_document_names_is_there() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for document in documents() {
        let text = lines(&fs::read_to_string(&document).unwrap(), false).join("\n");
        for span in text.split('`').skip(1).step_by(2) {
            let ours = ["crates/", "src/", "tests/", "ci/", "golden/", "docs/", "docker/"]
                .iter()
                .any(|start| span.starts_with(start));
            if !ours || span.contains(|c: char| c.is_whitespace() || "*{<…".contains(c) || c.is_ascii_uppercase()) {
                continue;
            }
            seen += 1;
            if !root().join(span).exists() {
                wrong.push(format!("{}: {span}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty() && seen > 30, "{seen} paths, of which these are not there: {wrong:#?}");
}

/// Splits a line into words like a shell, up to a comment or an operator.
fn words(line: &str) -> Vec<OsString> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            '#' | '|' | '&' | ';' if !quoted && words.last().unwrap().is_empty() => break,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).map(OsString::from).collect()
}

/// Returns the command lines of a document: lines of fenced `sh`, which are complete, and code spans, which may be parts.
fn commands(text: &str) -> Vec<(Vec<OsString>, bool)> {
    let fenced = lines(text, true).join("\n").replace("\\\n", " ");
    let text = lines(text, false).join("\n");
    let spans = text.split('`').skip(1).step_by(2).map(|span| (words(&span.replace('\n', " ")), false));
    let lines = fenced.lines().map(|line| (words(line), true)).chain(spans);
    lines.filter(|(words, _)| words.len() > 1).collect()
}

/// Returns why the parser refuses a line; `None` if it accepts it.
fn refused(line: &[OsString], whole: bool) -> Option<String> {
    match Cli::parse(line).unwrap() {
        Ok(cli) => cli.is_unknown().then(|| "there is no such command".to_owned()),
        Err(error) => {
            let part = matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument
                    | ErrorKind::MissingSubcommand
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            ) || error.kind() == ErrorKind::InvalidValue && error.to_string().contains("none was supplied");
            (error.use_stderr() && (whole || !part)).then(|| error.to_string())
        }
    }
}

#[test]
fn every_command_that_a_document_shows_is_one() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for document in documents() {
        for (mut line, whole) in commands(&fs::read_to_string(&document).unwrap()) {
            let shown = format!("{}: {line:?}", document.display());
            let program = line[0].to_str().unwrap().to_owned();
            if program == "ci/repro" || program == "repro" {
                // Words in capitals are placeholders.
                let placeholder = |word: &OsString| {
                    word.to_str().is_some_and(|word| word.chars().all(|c| c.is_ascii_uppercase() || c == '…'))
                };
                if line[1..].first().is_some_and(placeholder) {
                    continue;
                }
                line[0] = "repro".into();
                if let Some(error) = refused(&line, whole) {
                    wrong.push(format!("{shown}: {error}"));
                }
                seen += 1;
            } else if program.starts_with("ci/") {
                let script = fs::read_to_string(root().join(&program)).unwrap_or_else(|e| panic!("{shown}: {e}"));
                for option in line[1..].iter().filter_map(|word| word.to_str()).filter(|word| word.starts_with("--")) {
                    if !script.contains(option) {
                        wrong.push(format!("{shown}: {option} is not in {program}"));
                    }
                }
                seen += 1;
            }
        }
    }
    assert!(wrong.is_empty() && seen > 60, "{seen} commands, of which these are refused: {wrong:#?}");
}
