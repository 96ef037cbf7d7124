//! Makes text from files and other programs safe to show on a terminal and in the log of GitHub Actions.
//!
//! Characters that control a terminal become visible escapes: control characters, and those that change the direction of
//! writing. A line that GitHub Actions would run as a workflow command is escaped. GitHub's runner accepts lines that begin
//! with `::` after any white space, and lines with `##[` anywhere (actions/runner, `src/Runner.Common/ActionCommand.cs`).
//!
//! Sanitizing text twice changes nothing.

/// Sanitizes text that must stay on one line: line ends become a visible `\n`.
pub fn line(raw: &str) -> String {
    harmless(visible(raw, is_steering))
}

/// Sanitizes each line of a text; line ends and tabs are kept.
pub fn lines(raw: &str) -> String {
    let plain = raw.split('\n').map(|line| harmless(visible(line, |c| c != '\t' && is_steering(c))));
    plain.collect::<Vec<_>>().join("\n")
}

/// Escapes control and direction characters only; line ends and tabs are kept. For HTML, which holds no workflow commands.
pub fn page(raw: &str) -> String {
    visible(raw, |c| !matches!(c, '\n' | '\t') && is_steering(c))
}

/// Sanitizes like [`lines`] and shortens: a long line keeps its first 600 and last 300 characters, a long text its first 60
/// lines.
pub fn excerpt(raw: &str) -> String {
    /// Enough for a path and a sentence.
    const LINE: [usize; 2] = [600, 300];
    const LINES: usize = 60;
    let mut kept: Vec<String> = raw.split('\n').take(LINES).map(|line| shortened(line, LINE)).collect();
    if raw.split('\n').nth(LINES).is_some() {
        kept.push("…".to_owned());
    }
    lines(&kept.join("\n"))
}

/// Keeps the first and the last characters of a line that is longer than both together.
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

/// Returns whether a character is a control, a line or paragraph separator, or changes the direction of writing.
fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes a line that GitHub Actions would run as a command.
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
