//! Dates and times as text, always in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the current time in UTC as RFC 3339, to the second.
pub fn now() -> String {
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()))
}

/// Returns the day in UTC, such as `2026-11-23`.
pub fn today() -> String {
    day(&now())
}

/// Returns the day of a time that [`rfc3339`] formatted.
pub fn day(moment: &str) -> String {
    moment.chars().take(10).collect()
}

/// Formats seconds since 1970 in UTC as RFC 3339. The civil date follows Howard Hinnant, *chrono-compatible low-level date
/// algorithms* (`civil_from_days`).
pub fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::{day, rfc3339};

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
        assert_eq!(day("2000-02-29T00:00:00Z"), "2000-02-29");
    }
}
