//! Parses options like the original's programs (Python's argparse): a unique prefix is enough, and the last occurrence counts.

use super::scripts::{DEFAULTS, OPTIONS, ScriptOption};
use base::error::{Error, Result};

/// An occurrence of an option of the original.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OptionValue {
    name: &'static str,
    value: String,
    /// Whether the user typed it; otherwise the script passes it.
    typed: bool,
}

/// The options of a call of a program.
#[derive(Debug, Default)]
pub(crate) struct Options {
    given: Vec<OptionValue>,
    /// Options that the original does not have, with the words after them: options of this program, or wrong.
    pub ours: Vec<String>,
}

impl Options {
    /// Parses the options that a script passes, then those that the user typed.
    ///
    /// # Errors
    /// Usage for an ambiguous prefix, a missing value, or a word that belongs to no option.
    pub(crate) fn read(script: &[ScriptOption], typed: &[String]) -> Result<Self> {
        let passed =
            |(name, value): &ScriptOption| OptionValue { name, value: value.clone().unwrap_or_default(), typed: false };
        let mut options = Self { given: script.iter().map(passed).collect(), ours: Vec::new() };
        let mut words = typed.iter().peekable();
        while let Some(word) = words.next() {
            let (begun, inline) = match word.split_once('=') {
                Some((name, value)) if word.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            if !word.starts_with('-') {
                return Err(Error::usage(format!("the word {word:?} belongs to no option")).next(
                    "write the experiment's name directly after the number of the GPU; quote a text with blanks",
                ));
            }
            let Some((name, takes_value)) = known(begun)? else {
                options.ours.push(word.clone());
                while let Some(value) = words.next_if(|word| !word.starts_with('-')) {
                    options.ours.push(value.clone());
                }
                continue;
            };
            let value = match (takes_value, inline) {
                (true, Some(value)) => value,
                (false, None) => String::new(),
                (true, None) => words
                    .next_if(|word| !word.starts_with("--"))
                    .cloned()
                    .ok_or_else(|| Error::usage(format!("{name} needs a value")).next(format!("{name} VALUE")))?,
                (false, Some(_)) => return Err(Error::usage(format!("{name} takes no value")).next(name.to_owned())),
            };
            options.given.push(OptionValue { name, value, typed: true });
        }
        Ok(options)
    }

    /// Returns the last value of an option, or its default if it is not given.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let default = || DEFAULTS.iter().find(|(option, _)| *option == name).map(|(_, value)| *value);
        self.given(name).or_else(default)
    }

    /// Returns the last value of an option; `None` if it is not given.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.given.iter().rfind(|given| given.name == name).map(|given| given.value.as_str())
    }

    /// Returns whether a flag is given.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    /// Returns whether the user typed the option.
    pub(crate) fn typed(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.name == name && given.typed)
    }

    /// Returns the position of an option's last occurrence.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.given.iter().rposition(|given| given.name == name)
    }

    /// Returns whether an option of this program is given.
    pub(crate) fn has_ours(&self, name: &str) -> bool {
        self.ours.iter().any(|word| word.split('=').next() == Some(name))
    }
}

fn known(begun: &str) -> Result<Option<(&'static str, bool)>> {
    if let Some(exact) = OPTIONS.iter().find(|(name, _)| *name == begun) {
        return Ok(Some(*exact));
    }
    let fitting: Vec<_> = OPTIONS.iter().filter(|(name, _)| begun.len() > 2 && name.starts_with(begun)).collect();
    match fitting.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(**one)),
        several => {
            let names: Vec<_> = several.iter().map(|(name, _)| *name).collect();
            Err(Error::usage(format!("{begun} is ambiguous: {}", names.join(", "))).next("write the option in full"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options> {
        let words: Vec<String> = line.split_whitespace().map(|word| word.replace("''", "")).collect();
        Options::read(&[("--valid", Some("minival".to_owned())), ("--tiny", None)], &words)
    }

    #[test]
    fn options_are_read_as_argparse_does() {
        let options = read("--batch 7 --lr=1e-3 --valid '' --batchSize 8 --model tiny --pth --load X").unwrap();
        assert_eq!(options.value("--batchSize"), Some("8"));
        assert_eq!((options.value("--lr"), options.value("--valid")), (Some("1e-3"), Some("")));
        assert_eq!(
            (options.value("--epochs"), options.given("--epochs"), options.value("--seed")),
            (Some("10"), None, None)
        );
        assert_eq!(options.ours, ["--model", "tiny", "--pth"]);
        assert!(options.flag("--tiny") && !options.typed("--tiny") && options.typed("--valid"));
        assert!(options.has_ours("--pth") && !options.has_ours("--lr"));
        assert!(options.position("--load") > options.position("--valid"));
    }

    #[test]
    fn wrong_options_are_refused() {
        for (line, part) in [
            ("--loadL x", "--loadLXMERT, --loadLXMERTQA"),
            ("--load", "--load needs a value"),
            ("--load --tiny", "--load needs a value"),
            ("--tiny=1", "--tiny takes no value"),
            ("--tiny name", "\"name\" belongs to no option"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
