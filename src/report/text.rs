//! Numbers for people.

/// `80.53`, or a dash.
pub fn points(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"))
}
