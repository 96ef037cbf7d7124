//! The frame of every page that the program writes: one file without scripts, which fetches nothing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use base::sanitize;

const STYLE: &str = include_str!("style.css");

/// Renders a whole page. Its style is that of the report, then `style`. Control characters become visible escapes, since texts from
/// files may hold anything; what is markup in them must be escaped already, as maud does.
pub fn document(title: &str, style: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body { (body) }
        }
    };
    sanitize::page(&page.into_string())
}
