//! Parsers of numeric option values. The parser of the command line adds the option's name to their messages.

use std::fmt::Display;
use std::str::FromStr;

/// Parses a whole number of at least 1.
pub(super) fn count<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number >= T::from(1));
    number.ok_or_else(|| "it must be a whole number of at least 1".to_owned())
}

/// Parses a whole number of at least 0.
pub(super) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "it must be a whole number of at least 0".to_owned())
}

/// Parses the width and the height of a picture in pixels, such as `640x480`.
pub(super) fn picture_size(text: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (16..=10_000).contains(side));
    let sides = text.split_once(['x', 'X']).and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| "it must be a width and a height from 16 to 10000 pixels, such as 640x480".to_owned())
}

/// Parses the seed of a run.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    let what = format!("a seed is one whole number from 0 to {}, such as 9595", u64::MAX);
    match text.parse() {
        Ok(seed) => Ok(seed),
        Err(_) if text.contains([',', ' ', ';']) => Err(format!("{what}; run the command once for each of several")),
        Err(_) => Err(what),
    }
}

/// Parses a learning rate: finite and above 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    number(text, "it must be a number above 0, such as 5e-5", |rate| rate > 0.0)
}

/// Parses a dropout probability: from 0 to below 1.
pub(super) fn dropout(text: &str) -> Result<f64, String> {
    number(text, "it must be a number from 0 to below 1, such as 0.1", |p| (0.0..1.0).contains(&p))
}

/// Parses a fraction from 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    number(text, "it must be a number from 0 to 1, such as 0.15", |share| (0.0..=1.0).contains(&share))
}

fn number(text: &str, what: impl Display, may_be: impl Fn(f64) -> bool) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|number| number.is_finite() && may_be(*number)).ok_or_else(|| what.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_begin_at_one() {
        assert_eq!((count("1"), count::<u16>("65535")), (Ok(1_usize), Ok(u16::MAX)));
        for text in ["0", "-1", "", "1.5", "65536", "1e3"] {
            assert_eq!(count::<u16>(text), Err("it must be a whole number of at least 1".to_owned()), "{text}");
        }
        assert_eq!(whole("0"), Ok(0_usize));
        assert!(whole::<usize>("-1").is_err());
    }

    #[test]
    fn a_seed_is_one_number() {
        assert_eq!((seed("0"), seed("18446744073709551615")), (Ok(0), Ok(u64::MAX)));
        assert!(["-1", "", "1.0", "18446744073709551616"].iter().all(|text| seed(text).is_err()));
        assert!(seed("1,2").unwrap_err().ends_with("run the command once for each of several"));
    }

    #[test]
    fn rates_and_shares_have_bounds() {
        assert_eq!((rate("5e-5"), dropout("0"), share("1")), (Ok(5e-5), Ok(0.0), Ok(1.0)));
        assert!(["0", "-1", "nan", "inf", "1e400", ""].iter().all(|text| rate(text).is_err()));
        assert!(["1", "-0.1", "nan"].iter().all(|text| dropout(text).is_err()));
        assert!(["1.01", "-0.1", "nan"].iter().all(|text| share(text).is_err()));
    }

    #[test]
    fn sizes_of_pictures_have_two_sides() {
        assert_eq!(picture_size("640x480"), Ok((640, 480)));
        for text in ["640", "15x480", "640x", "x", "640x480x3", "10001x20", "-5x20"] {
            assert!(picture_size(text).is_err(), "{text}");
        }
    }
}
