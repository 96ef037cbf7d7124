//! Renders `report.md`, for the summary of a step in continuous integration, which holds at most 1 MiB.

use std::fmt::Write;

use super::{AssetRecord, Report, caption, human_bytes, human_seconds, numbers, points, words};
use crate::verdict::row::JudgedRow;
use base::sanitize;

/// Maximum size in bytes. It leaves room below 1 MiB for what a step adds itself.
const LIMIT: usize = 1_000_000;
/// Maximum number of changed answers shown per row.
const FLIPS: usize = 10;

/// Renders the whole text. A sentence replaces what does not fit.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}: {}\n\n{}\n", escape(&report.title), report.verdict, escape(&report.summary));
    let head = [judged(report), about(report), before(report), results(report), failure(report)];
    let rows = report.rows.iter().map(details);
    let tail = [stages(report), environment(report), provenance(report)];
    for part in head.into_iter().chain(rows).chain(tail) {
        if out.len() + part.len() > LIMIT {
            out += "\nThe rest is longer than a summary may be; it is in `report.json` and `report.html`.\n";
            break;
        }
        out += &part;
    }
    out
}

fn judged(report: &Report) -> String {
    caption::full_caption(report).map_or_else(String::new, |caption| format!("{}\n\n", escape(&caption)))
}

fn about(report: &Report) -> String {
    report.about.as_ref().map_or_else(String::new, |about| format!("{}\n\n", escape(about)))
}

fn before(report: &Report) -> String {
    let Some((sentence, before)) = words::before(report).zip(report.before.as_ref()) else { return String::new() };
    let changes: String = before.changes.iter().map(|c| format!("- {}\n", escape(c))).collect();
    format!("It {}.\n\n{changes}\n", escape(&sentence))
}

fn results(report: &Report) -> String {
    let mut out = String::new();
    if report.rows.is_empty() {
        return out;
    }
    // Columns that only some reports have stand last.
    let cells = |cell: numbers::Cell| -> Vec<Option<String>> { report.rows.iter().map(cell).collect() };
    let more: Vec<(&str, Vec<Option<String>>)> = [("interval", numbers::interval as numbers::Cell)]
        .into_iter()
        .chain(numbers::COUNTS)
        .map(|(head, cell)| (head, cells(cell)))
        .filter(|(_, cells)| cells.iter().any(Option::is_some))
        .collect();
    let heads: String = more.iter().map(|(head, _)| format!(" {head} |")).collect();
    let _ = writeln!(
        out,
        "| task | verdict | metric | items | observed | band | recorded mean | published | baselines |{heads}"
    );
    let _ = writeln!(out, "|---|---|---|---:|---:|---:|---:|---:|---|{}", "---:|".repeat(more.len()));
    for (i, row) in report.rows.iter().enumerate() {
        let baselines: Vec<String> =
            row.baselines.iter().map(|b| format!("{} {}", escape(&b.name), points(b.observed))).collect();
        let more: String = more.iter().map(|(_, cells)| format!(" {} |", cells[i].as_deref().unwrap_or("–"))).collect();
        let _ = writeln!(
            out,
            "| {} | **{}** | {} | {} | {} | {} | {} | {} | {} |{more}",
            escape(&row.title()),
            row.verdict,
            escape(&row.metric),
            row.n.map_or_else(|| "–".to_owned(), |n| n.to_string()),
            points(row.observed),
            row.band.as_ref().map_or_else(|| "–".to_owned(), |b| format!("{}–{}", b.low, b.high)),
            points(row.expected),
            points(row.headline),
            baselines.join(", ")
        );
    }
    let _ = writeln!(out, "\n## Evidence\n");
    for row in &report.rows {
        let _ = writeln!(out, "- **{}** {}", escape(&row.title()), row.verdict);
        let happened = words::happened(row);
        let others = row.evidence.iter().map(String::as_str).filter(|sentence| *sentence != happened);
        for sentence in std::iter::once(happened).chain(others) {
            let _ = writeln!(out, "  - {}", escape(sentence));
        }
        if let Some(advice) = words::next(row) {
            let _ = writeln!(out, "  - Next: {}", escape(advice));
        }
    }
    out
}

/// Renders everything that a row holds beyond its evidence.
fn details(row: &JudgedRow) -> String {
    let mut out = String::new();
    let alone = JudgedRow { targets: Vec::new(), runs: Vec::new(), measures: Vec::new(), ..row.clone() };
    let mut lines = words::details(&JudgedRow { paired: None, ..alone.clone() }, 0);
    lines.extend(row.paired.iter().flat_map(words::paired));
    for line in lines {
        let _ = writeln!(out, "- {}", escape(&line));
    }
    let targets = row.targets.iter().map(|t| {
        let decides = if t.decides { "yes" } else { "no" };
        vec![words::claim(t), words::answer(t).into(), decides.into(), t.sentence.clone()]
    });
    out += &table(&["claim", "holds", "decides the verdict", "what was found"], targets);
    let runs = row.runs.iter().map(|r| {
        let seed = r.seed.map_or_else(|| "–".to_owned(), |s| s.to_string());
        vec![r.run.clone(), seed, points(r.accuracy), r.state.as_str().into(), r.why.clone()]
    });
    out += &table(&["run", "seed", "accuracy", "state", "why"], runs);
    let measures = row.measures.iter().map(|m| {
        let [observed, limit] = words::measured(m);
        let source = m.source.clone().unwrap_or_default();
        vec![m.measure.clone(), observed, limit, words::measure_verdict(m).into(), m.reason.clone(), source]
    });
    out += &table(&["measure", "observed", "limit", "verdict", "reason", "source"], measures);
    let flips = row.paired.iter().flat_map(|p| p.examples.iter().take(FLIPS)).map(|f| {
        let told = |(answer, score): &(String, f64)| format!("{answer} ({score:.2})");
        vec![f.id.clone(), told(&f.reference), told(&f.candidate)]
    });
    out += &table(&["item", "reference", "candidate"], flips);
    if out.is_empty() { out } else { format!("\n### {}: {}\n\n{out}", escape(&row.title()), escape(&row.metric)) }
}

/// Renders a table; nothing without rows.
fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = String::new();
    for row in rows {
        if out.is_empty() {
            let _ = writeln!(out, "\n| {} |\n|{}", heads.join(" | "), "---|".repeat(heads.len()));
        }
        let cells: Vec<String> = row.iter().map(|c| escape(c)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}

fn failure(report: &Report) -> String {
    let Some(failure) = &report.failure else { return String::new() };
    let place = failure.stage.as_ref().map_or_else(|| "judging".to_owned(), |s| format!("stage {}", escape(s)));
    let message: Vec<String> = failure.message.lines().map(|line| format!("> {}  ", escape(line.trim()))).collect();
    format!("\n## Stopped at {place} ({})\n\n{}\n", escape(&failure.class), message.join("\n"))
}

fn stages(report: &Report) -> String {
    if report.stages.is_empty() {
        return String::new();
    }
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

/// Returns the files and their checksums, folded: they are long, and few readers want them.
fn provenance(report: &Report) -> String {
    let mut out = String::new();
    let golden = report.golden.iter().map(|g| vec![g.name.clone(), g.edition.to_string(), g.sha256.clone()]);
    out += &table(&["golden file", "edition", "SHA-256"], golden);
    if !report.provenance.assets.is_empty() {
        out += "\n| published file | size | SHA-256 | checksum | used by |\n|---|---:|---|---|---|\n";
    }
    for file in &report.provenance.assets {
        let AssetRecord { name, bytes, sha256, trust, used_by } = file;
        let (size, used_by) = (human_bytes(*bytes), escape(&used_by.join(", ")));
        let _ = writeln!(out, "| {} | {size} | {} | {} | {used_by} |", escape(name), code(sha256), escape(trust));
    }
    if !report.provenance.inputs.is_empty() || !report.provenance.outputs.is_empty() {
        out += "\n| file | size | SHA-256 |\n|---|---:|---|\n";
    }
    for file in &report.provenance.inputs {
        let size = file.bytes.map(human_bytes).unwrap_or_default();
        let sha256 = file.sha256.as_deref().map_or_else(|| "–".to_owned(), code);
        let _ = writeln!(out, "| input {} | {size} | {sha256} |", escape(&file.name));
    }
    for stage in &report.provenance.outputs {
        let size = human_bytes(stage.bytes);
        let _ = writeln!(out, "| {}: {} files | {size} | {} |", escape(&stage.stage), stage.files, code(&stage.sha256));
    }
    if out.is_empty() {
        return out;
    }
    format!("\n## Provenance\n\n<details>\n<summary>Files and their SHA-256</summary>\n{out}\n</details>\n")
}

/// Renders a checksum as code. A report may hold anything, so other text is escaped.
fn code(sha256: &str) -> String {
    if sha256.chars().all(|c| c.is_ascii_alphanumeric()) { format!("`{sha256}`") } else { escape(sha256) }
}

/// Escapes text of a run, so that it becomes no markup, table column or mention.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in sanitize::line(&text.replace(['\n', '\r'], " ")).chars() {
        match c {
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
        insta::assert_snapshot!("markdown-checked", render(&sample::checked()));
        insta::assert_snapshot!("markdown-demo", render(&sample::demo()));
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
        let mut report = sample::mixed();
        for sha256 in [&mut report.provenance.assets[0].sha256, &mut report.provenance.outputs[0].sha256] {
            *sha256 = "`<img src=x>|\n\n# forged".into();
        }
        let text = render(&report);
        assert!(!text.contains("<img") && !text.contains("\n# forged"), "{text}");
    }
}
