//! Checks that the words of the command line and the environment variables are UTF-8, before any command starts. Paths among them
//! are written into JSON and TOML files, which hold UTF-8 only.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use clap::Command;

use base::error::{Error, Result};

/// Checks that every word of a command line is UTF-8.
///
/// # Errors
/// Usage that names the option to which the word belongs.
pub(super) fn check_args(words: &[OsString]) -> Result<()> {
    let Some(at) = words.iter().position(|word| word.to_str().is_none()) else { return Ok(()) };
    let word = &words[at];
    let bytes = word.as_encoded_bytes();
    let own = bytes.iter().position(|byte| *byte == b'=').filter(|_| bytes.starts_with(b"--"));
    let before = at.checked_sub(1).and_then(|at| words[at].to_str());
    let what = match (own, before) {
        (Some(end), _) => format!("the value of {}, {word:?},", String::from_utf8_lossy(&bytes[..end])),
        (None, Some(option)) if option.starts_with("--") && !option.contains('=') => {
            format!("the value of {option}, {word:?},")
        }
        _ => format!("the argument {word:?}"),
    };
    Err(not_utf8(&what))
}

/// Checks that every variable that an option of `command` or its subcommands reads is UTF-8 and, if `empties` is set, not empty.
///
/// # Errors
/// Usage that names the variable.
pub(super) fn check_variables(
    command: &Command,
    empties: bool,
    value: impl Fn(&OsStr) -> Option<OsString>,
) -> Result<()> {
    let mut names = BTreeSet::new();
    variables(command, &mut names);
    for name in names {
        let shown = name.display();
        match value(&name) {
            Some(value) if value.to_str().is_none() => {
                return Err(not_utf8(&format!("the environment variable {shown}, {value:?},")));
            }
            Some(value) if empties && value.is_empty() => {
                return Err(Error::usage(format!("{shown} is set but empty"))
                    .next(format!("set {shown} to a folder, or unset it: unset {shown}")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn variables(command: &Command, names: &mut BTreeSet<OsString>) {
    names.extend(command.get_arguments().filter_map(|argument| argument.get_env()).map(OsStr::to_owned));
    command.get_subcommands().for_each(|below| variables(below, names));
}

fn not_utf8(what: &str) -> Error {
    Error::usage(format!("{what} is not UTF-8"))
        .because("names are written into JSON and TOML files, which hold Unicode text only")
        .next("rename the file or folder, or give it a second name: ln -s OLD NEW")
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use clap::CommandFactory;

    use super::super::Cli;
    use super::*;
    use base::error::Kind;

    fn bad() -> OsString {
        OsString::from_vec(b"caf\xe9".to_vec())
    }

    /// Adds each command below `command`, and itself, with its name after those of its parents.
    fn all<'c>(command: &'c Command, before: &[OsString], found: &mut Vec<(Vec<OsString>, &'c Command)>) {
        let mut words = before.to_vec();
        words.push(command.get_name().into());
        command.get_subcommands().for_each(|below| all(below, &words, found));
        found.push((words, command));
    }

    /// Covers every argument that takes a value, so that a new argument cannot go unchecked.
    #[test]
    fn every_argument_of_every_command_refuses_what_is_not_utf8_and_is_named() {
        let (cli, mut commands, mut count) = (Cli::command(), Vec::new(), 0);
        all(&cli, &[], &mut commands);
        for (words, command) in &commands {
            for argument in command.get_arguments().filter(|argument| argument.get_action().takes_values()) {
                let forms = match argument.get_long() {
                    Some(long) => {
                        let (apart, mut joined) = (OsString::from(format!("--{long}")), format!("--{long}=").into());
                        OsString::push(&mut joined, bad());
                        vec![vec![apart, bad()], vec![joined]]
                    }
                    None => vec![vec![bad()]],
                };
                for form in forms {
                    let line: Vec<OsString> = words.iter().cloned().chain(form).collect();
                    let error = Cli::parse(&line).expect_err("taken");
                    let named = argument.get_long().map_or("the argument".to_owned(), |long| format!("of --{long}, "));
                    assert_eq!(error.kind(), Kind::Usage, "{line:?}");
                    let text = error.to_string();
                    assert!(text.contains(&named) && text.contains("caf\\xE9"), "{line:?}: {text}");
                    assert!(text.contains("is not UTF-8\n") && text.contains("next: rename"), "{text}");
                    count += 1;
                }
            }
        }
        assert!(count > 100, "only {count} arguments");
    }

    #[test]
    fn every_variable_that_an_option_is_read_from_is_checked() {
        let command = Cli::command();
        let mut names = BTreeSet::new();
        variables(&command, &mut names);
        assert!(names.contains(OsStr::new("REPRO_WORKSPACE")));
        for name in &names {
            let refused = |set: OsString| check_variables(&command, true, |asked| (asked == name).then(|| set.clone()));
            let [odd, empty] = [bad(), OsString::new()].map(|set| refused(set).unwrap_err().to_string());
            assert!(odd.contains(&format!("variable {}, \"caf\\xE9\", is not UTF-8", name.display())), "{odd}");
            assert!(empty.contains(&format!("{} is set but empty", name.display())), "{empty}");
            refused("workspace".into()).unwrap();
        }
    }
}
