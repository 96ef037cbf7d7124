//! One renderer per file: console, JSON, JUnit, Markdown, HTML.
