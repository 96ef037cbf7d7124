//! What a person reads of it.

use std::fmt::Write;
use std::path::Path;

use super::class::{Class, Item};
use super::remove::Freed;
use base::format::{human_bytes, number_of};
use base::sanitize;
use base::table::{Side, Table, paragraph};

fn of_class(items: &[Item], class: Class) -> Vec<&Item> {
    items.iter().filter(|item| item.class == class).collect()
}

fn bytes<'i>(items: impl IntoIterator<Item = &'i Item>) -> u64 {
    items.into_iter().map(|item| item.bytes).fold(0, u64::saturating_add)
}

/// Returns the table of all classes: how much each takes, and how its files come back.
pub fn overview(items: &[Item], workspace: &Path) -> String {
    let heads = ["CLASS", "SIZE", "WHAT"].map(str::to_owned).to_vec();
    let row = |class: &Class| {
        vec![class.name().to_owned(), human_bytes(bytes(of_class(items, *class))), class.title().to_owned()]
    };
    let rows: Vec<Vec<String>> = Class::ALL.iter().map(row).collect();
    let table = Table::new(0, &[Side::Left, Side::Right], rows.iter().chain([&heads]));
    let mut out = format!("What can be removed in {}\n\n", sanitize::line(&workspace.display().to_string()));
    table.row(&mut out, &heads);
    rows.iter().for_each(|row| table.row(&mut out, row));
    out.push_str("\nHow to have it again\n");
    let present: Vec<&Class> = Class::ALL.iter().filter(|class| !of_class(items, **class).is_empty()).collect();
    for class in &present {
        paragraph(&mut out, &format!("  {:<11}", class.name()), class.again());
    }
    if present.is_empty() {
        out.push_str("  nothing is here that can be removed\n");
    }
    out.push('\n');
    paragraph(
        &mut out,
        "",
        "Weights, results, predictions and reports are never removed, nor what this program did not make or fetch.",
    );
    if let Some(class) = present.first() {
        let _ = writeln!(out, "next: repro clean {} --dry-run", class.name());
    }
    out
}

/// Returns every path that would be removed, with its size.
pub fn listing(items: &[Item]) -> String {
    let mut out = String::new();
    for item in items {
        let paths = item.paths.iter().map(|path| sanitize::line(&path.display().to_string()));
        let size = human_bytes(item.bytes);
        for (at, path) in paths.enumerate() {
            let size = if at == 0 { size.as_str() } else { "" };
            let _ = writeln!(out, "{:<10}  {size:>8}  {path}", item.class.name());
        }
    }
    let _ = writeln!(
        out,
        "{} in {}",
        human_bytes(bytes(items)),
        number_of(items.iter().map(|item| item.paths.len() as u64).sum(), "path")
    );
    out
}

/// Returns what was freed, what stays because it is in use, and how each class comes back.
pub fn freed(freed: &Freed) -> String {
    let mut out = format!("freed {}\n", human_bytes(bytes(&freed.removed)));
    for class in Class::ALL {
        let items = of_class(&freed.removed, class);
        if !items.is_empty() {
            let size = human_bytes(bytes(items));
            paragraph(&mut out, &format!("  {:<11}", class.name()), &format!("{size}; {}", class.again()));
        }
    }
    for (item, by) in &freed.in_use {
        let path = item.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        paragraph(&mut out, "  in use     ", &sanitize::line(&format!("{path} stays: {by}")));
    }
    out
}
