//! Formats sizes, durations and numbers for people.

/// Formats a size in decimal units, such as `1.5 MB`.
pub fn human_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            let decimals = usize::from(unit != "B" && value < 99.5);
            return format!("{value:.decimals$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// Formats a duration, such as `0.4 s` or `1 min 5 s`.
pub fn human_seconds(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole / 60 {
        minutes @ 0..60 => format!("{minutes} min {} s", whole % 60),
        minutes => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// Formats a long duration that is known only roughly, such as `50 min`, `3 h 10 min`, `34 h` or `5 days 12 h`.
pub fn rough_time(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    let hours = (seconds / 3600.0).round() as u64;
    match (minutes, hours) {
        (..60, _) => format!("{} min", minutes.max(1)),
        (..600, _) => format!("{} h {} min", minutes / 60, minutes % 60),
        (_, ..48) => format!("{hours} h"),
        _ => format!("{} days {} h", hours / 24, hours % 24),
    }
}

/// Formats a size that is known only roughly, such as `17 GB`: no decimal that would look exact.
pub fn rounded_bytes(bytes: u64) -> String {
    human_bytes(bytes).replace(".0 ", " ")
}

/// Formats a number with commas between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count with its noun, such as `1 image` or `2,000 images`.
pub fn number_of(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Lists the first four names and how many more there are.
pub fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_for_people() {
        assert_eq!([0, 999, 1000, 150_000_000].map(human_bytes), ["0 B", "999 B", "1.0 kB", "150 MB"]);
        assert_eq!(
            [0.04, 59.94, 59.97, 125.0, 7_300.0].map(human_seconds),
            ["0.0 s", "59.9 s", "1 min 0 s", "2 min 5 s", "2 h 1 min"]
        );
        assert_eq!(
            [9.0, 3_000.0, 11_400.0, 122_400.0, 172_799.0, 475_200.0].map(rough_time),
            ["1 min", "50 min", "3 h 10 min", "34 h", "2 days 0 h", "5 days 12 h"]
        );
        assert_eq!([0, 999, 79_012, 1_632_117].map(grouped), ["0", "999", "79,012", "1,632,117"]);
        assert_eq!([0, 1, 2000].map(|n| number_of(n, "image")), ["0 images", "1 image", "2,000 images"]);
        assert_eq!([17_000_000_000, 1_600_000_000].map(rounded_bytes), ["17 GB", "1.6 GB"]);
    }
}
