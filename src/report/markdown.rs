//! `report.md`: for the summary of a continuous-integration step, which holds at most 1 MiB.

use std::fmt::Write;

use super::{AssetRecord, Report, human_bytes, human_seconds, points};

/// Below 1 MiB with room for what a step adds of its own.
const LIMIT: usize = 1_000_000;

/// The whole text. What does not fit is left out with a sentence saying so.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}: {}\n\n{}\n", escape(&report.title), report.verdict, escape(&report.summary));
    for part in [results(report), failure(report), stages(report), environment(report), provenance(report)] {
        if out.len() + part.len() > LIMIT {
            out += "\nThe rest is longer than a summary may be; it is in `report.json` and `report.html`.\n";
            break;
        }
        out += &part;
    }
    out
}

fn results(report: &Report) -> String {
    let mut out = String::new();
    if report.rows.is_empty() {
        return out;
    }
    let _ = writeln!(out, "| task | metric | n | observed | band | recorded mean | published | weaker | verdict |");
    let _ = writeln!(out, "|---|---|---:|---:|---:|---:|---:|---|---|");
    for row in &report.rows {
        let weaker: Vec<String> =
            row.baselines.iter().map(|b| format!("{} {}", escape(&b.name), points(b.observed))).collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | **{}** |",
            escape(&row.name),
            escape(&row.metric),
            row.n.map_or_else(|| "–".to_owned(), |n| n.to_string()),
            points(row.observed),
            row.band.as_ref().map_or_else(|| "–".to_owned(), |b| format!("{}–{}", b.low, b.high)),
            points(row.expected),
            points(row.headline),
            weaker.join(", "),
            row.verdict
        );
    }
    let _ = writeln!(out, "\n## Evidence\n");
    for row in &report.rows {
        let _ = writeln!(out, "- **{}** {}", escape(&row.name), row.verdict);
        for sentence in &row.evidence {
            let _ = writeln!(out, "  - {}", escape(sentence));
        }
        if let Some(advice) = &row.what_to_do {
            let _ = writeln!(out, "  - Next: {}", escape(advice));
        }
    }
    out
}

fn failure(report: &Report) -> String {
    let Some(failure) = &report.failure else { return String::new() };
    let place = failure.stage.as_ref().map_or_else(|| "judging".to_owned(), |s| format!("stage {}", escape(s)));
    let message: Vec<String> = failure.message.lines().map(|line| format!("> {}  ", escape(line.trim()))).collect();
    format!("\n## Stopped at {place} ({})\n\n{}\n", failure.class, message.join("\n"))
}

fn stages(report: &Report) -> String {
    let mut out = "\n## Stages\n\n| stage | what | status | time | why |\n|---|---|---|---:|---|\n".to_owned();
    for stage in &report.stages {
        let (time, why) =
            stage.this_time.as_ref().map_or_else(Default::default, |t| (human_seconds(t.seconds), escape(&t.why)));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {time} | {why} |",
            escape(&stage.name),
            escape(&stage.title),
            stage.status()
        );
    }
    out
}

fn environment(report: &Report) -> String {
    let mut out = "\n## Environment\n\n| | |\n|---|---|\n".to_owned();
    for (name, value) in report.environment.lines() {
        let _ = writeln!(out, "| {} | {} |", escape(&name), escape(&value));
    }
    out
}

fn provenance(report: &Report) -> String {
    let mut out = "\n## Provenance\n".to_owned();
    if !report.provenance.assets.is_empty() {
        out += "\n| published file | size | SHA-256 | checksum | used by |\n|---|---:|---|---|---|\n";
    }
    for file in &report.provenance.assets {
        let AssetRecord { name, bytes, sha256, trust, used_by } = file;
        let (size, used_by) = (human_bytes(*bytes), escape(&used_by.join(", ")));
        let _ = writeln!(out, "| {} | {size} | `{sha256}` | {} | {used_by} |", escape(name), escape(trust));
    }
    out += "\n| file | size | SHA-256 |\n|---|---:|---|\n";
    for file in &report.provenance.inputs {
        let size = file.bytes.map(human_bytes).unwrap_or_default();
        let _ =
            writeln!(out, "| input {} | {size} | `{}` |", escape(&file.name), file.sha256.as_deref().unwrap_or("–"));
    }
    for stage in &report.provenance.outputs {
        let size = human_bytes(stage.bytes);
        let _ = writeln!(out, "| {}: {} files | {size} | `{}` |", escape(&stage.stage), stage.files, stage.sha256);
    }
    out
}

/// So that no text of a run becomes markup, a table column or a mention.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '@' => out += "&#64;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn markdown_snapshots() {
        insta::assert_snapshot!("markdown-mixed", render(&sample::mixed()));
        insta::assert_snapshot!("markdown-stopped", render(&sample::stopped()));
    }

    #[test]
    fn stays_below_the_limit_and_says_so() {
        let mut report = sample::passed();
        report.stages = vec![report.stages[0].clone(); 20_000];
        let text = render(&report);
        assert!(text.len() < 1 << 20);
        assert!(text.ends_with("`report.json` and `report.html`.\n"));
        assert!(text.contains("## Evidence"));
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(escape("a|b <script>\n@x `y`"), "a\\|b &lt;script&gt; &#64;x \\`y\\`");
    }
}
