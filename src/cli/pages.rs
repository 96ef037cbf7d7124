//! Lays out the text after the options of a help page for a terminal of 80 columns.
//!
//! Paragraphs are wrapped. Examples and tables that fit stay unchanged. A description that does not fit beside its command moves
//! below it, and a long command is continued with a backslash, so that it can still be copied.

use base::table::{WIDTH, wrapped};
use clap::Command;

/// Indentation of the continuation of an example.
const BELOW: &str = "      ";

/// Lays out the text after the options of a command and of all commands below it.
pub(super) fn lay_out(command: Command) -> Command {
    let text = command.get_after_help().map(|text| page(&text.to_string()));
    let command = match text {
        Some(text) => command.after_help(text),
        None => command,
    };
    command.mut_subcommands(lay_out)
}

fn page(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut paragraph = String::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with(' ') {
            end(&mut paragraph, &mut out);
            out.extend(example(line));
        } else {
            // The heading of a table is a line of its own.
            paragraph = [paragraph.as_str(), line].join(" ");
            if line.ends_with(':') {
                end(&mut paragraph, &mut out);
            }
        }
    }
    end(&mut paragraph, &mut out);
    out.join("\n")
}

fn end(paragraph: &mut String, out: &mut Vec<String>) {
    if !paragraph.is_empty() {
        out.extend(wrapped(&std::mem::take(paragraph), WIDTH));
    }
}

/// Lays out an indented line: a command, or two columns.
fn example(line: &str) -> Vec<String> {
    if line.chars().count() <= WIDTH {
        return vec![line.to_owned()];
    }
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    if let Some((left, right)) = text.split_once("  ") {
        let below = wrapped(right, WIDTH - BELOW.len()).into_iter().map(|line| format!("{BELOW}{line}"));
        return example(&format!("{indent}{left}")).into_iter().chain(below).collect();
    }
    let is_continued = text.ends_with('\\');
    let command = packed(&shell_words(text.trim_end_matches('\\')), WIDTH - BELOW.len() - 2);
    let last = command.len() - 1;
    let lines = command.into_iter().enumerate().map(|(at, part)| {
        let indent = if at == 0 { indent } else { BELOW };
        let mark = if at < last || is_continued { " \\" } else { "" };
        format!("{indent}{part}{mark}")
    });
    lines.collect()
}

/// Splits a command into words. A quoted text is one word, because a line break with a backslash would change it.
fn shell_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in text.split_whitespace() {
        match words.last_mut() {
            Some(word) if ['\'', '"'].iter().any(|quote| word.matches(*quote).count() % 2 == 1) => {
                *word = format!("{word} {part}");
            }
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// Packs words into lines of at most `width` characters.
fn packed(words: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => *line = format!("{line} {word}"),
            _ => lines.push(word.clone()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::Cli;
    use super::*;

    #[test]
    fn lines_that_do_not_fit_are_laid_out() {
        let long = "repro train vqa --load-lxmert-qa model --output snap/vqa --batch-size 32 --epochs 4 --seed 1";
        let text = format!("Examples:\n  repro runs   all\n  {long}    what it does\n\nOne sentence\nof two lines.");
        let expected = "Examples:\n  repro runs   all\n  repro train vqa --load-lxmert-qa model --output snap/vqa --batch-size 32 \\\n      \
                        --epochs 4 --seed 1\n      what it does\n\nOne sentence of two lines.";
        assert_eq!(page(&text), expected);
    }

    #[test]
    fn every_help_page_fits_a_terminal() {
        fn each(command: &Command, found: &mut Vec<String>) {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let is_wide = |line: &&str| line.chars().count() > WIDTH && line.trim().contains(' ');
            found.extend(text.lines().filter(is_wide).map(|line| format!("{}: {line}", command.get_name())));
            command.get_subcommands().for_each(|below| each(below, found));
        }
        let mut wide = Vec::new();
        each(&lay_out(Cli::command()), &mut wide);
        assert!(wide.is_empty(), "{wide:#?}");
    }
}
