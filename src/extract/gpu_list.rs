//! The GPUs that an extraction uses.

/// The value of `--gpus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpuChoice {
    /// All GPUs.
    All,
    /// GPUs with these numbers.
    Some(Vec<u32>),
    /// No GPU.
    None,
}

impl std::str::FromStr for GpuChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(Self::All),
            "none" => return Ok(Self::None),
            _ => {}
        }
        let number =
            |part: &str| part.trim().parse::<u32>().map_err(|_| format!("{part:?} is not the number of a GPU"));
        let numbers = text.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|two| two[0] == two[1]) {
            Some(two) => Err(format!("GPU {} is named twice", two[0])),
            None => Ok(Self::Some(numbers)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_gpus_are_parsed() {
        let choice = |text: &str| text.parse::<GpuChoice>();
        assert_eq!(choice("1, 0"), Ok(GpuChoice::Some(vec![1, 0])));
        assert_eq!((choice("all"), choice("none")), (Ok(GpuChoice::All), Ok(GpuChoice::None)));
        assert!(["0,0", "gpu", "", "-1"].iter().all(|text| choice(text).is_err()));
    }
}
