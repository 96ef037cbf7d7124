//! Text of files and other programs made fit for a terminal and for the log of GitHub Actions.
//!
//! Characters that steer a terminal come out as visible escapes: controls, and those that turn the direction of writing. A line
//! that GitHub would take for a command loses the look of one. GitHub's runner takes those that begin with `::` behind any
//! white space, and those with `##[` anywhere (actions/runner, `src/Runner.Common/ActionCommand.cs`).
//!
//! What is plain already stays as it is, so that text may pass twice.

/// One line: line ends come out as `\n`.
pub fn line(raw: &str) -> String {
    harmless(visible(raw, is_steering))
}

/// As many lines as there are; tabs stay too.
pub fn lines(raw: &str) -> String {
    let plain = raw.split('\n').map(|line| harmless(visible(line, |c| c != '\t' && is_steering(c))));
    plain.collect::<Vec<_>>().join("\n")
}

/// Controls and turned writing made visible, line ends and tabs kept: for a page, where nothing else steers.
pub fn page(raw: &str) -> String {
    visible(raw, |c| !matches!(c, '\n' | '\t') && is_steering(c))
}

/// As [`lines`], shortened: of a line that is too long both ends are kept, of too many lines the first.
pub fn excerpt(raw: &str) -> String {
    /// Room for a path and a sentence.
    const LINE: [usize; 2] = [600, 300];
    const LINES: usize = 60;
    let mut kept: Vec<String> = raw.split('\n').take(LINES).map(|line| shortened(line, LINE)).collect();
    if raw.split('\n').nth(LINES).is_some() {
        kept.push("…".to_owned());
    }
    lines(&kept.join("\n"))
}

/// The first and the last characters of what has more than both together.
fn shortened(line: &str, [first, last]: [usize; 2]) -> String {
    let Some((end, _)) = line.char_indices().nth(first) else { return line.to_owned() };
    let (start, _) = line.char_indices().rev().nth(last - 1).unwrap_or_default();
    if start <= end { line.to_owned() } else { format!("{} … {}", &line[..end], &line[start..]) }
}

fn visible(raw: &str, is_hidden: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match is_hidden(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// Controls, line and paragraph separators, and what turns the direction of writing.
fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line that GitHub takes for no command.
fn harmless(line: String) -> String {
    let line = if line.contains("##[") { line.replace("##[", "#\\#[") } else { line };
    match line.trim_start().starts_with("::") {
        true => line.replacen("::", "\\::", 1),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal_or_a_workflow() {
        let hostile = "x\r\n\u{2003}::error::forged\t\u{1b}[2J\u{9b}1m\u{7f}\u{202e}gnp.\u{2069} ##[error]é";
        let told = "\\u{1b}[2J\\u{9b}1m\\u{7f}\\u{202e}gnp.\\u{2069} #\\#[error]é";
        assert_eq!(line(hostile), format!("x\\r\\n\u{2003}::error::forged\\t{told}"));
        assert_eq!(lines(hostile), format!("x\\r\n\u{2003}\\::error::forged\t{told}"));
        assert_eq!(
            (line(" ::stop-commands::x"), line("a::b: #5")),
            (" \\::stop-commands::x".into(), "a::b: #5".into())
        );
        for plain in [line(hostile), lines(hostile), excerpt(hostile)] {
            assert_eq!((lines(&plain), excerpt(&plain)), (plain.clone(), plain));
        }
    }

    #[test]
    fn long_text_keeps_both_ends() {
        let long = format!("a{}z\nnext", "é".repeat(3_000_000));
        let short = excerpt(&long);
        assert!(short.starts_with("aé") && short.contains("é … é") && short.ends_with("éz\nnext"), "{short}");
        assert_eq!(short.chars().count(), 600 + 3 + 300 + 5);
        let fits = "é".repeat(900);
        assert_eq!(excerpt(&fits), fits);
        assert_eq!(excerpt(&"b\n".repeat(100)).lines().count(), 61);
    }
}
