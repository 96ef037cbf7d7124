//! `repro features inspect`: what is in a feature file.

use std::path::PathBuf;

use super::format::Format;
use crate::cli::output::print_line;
use crate::cli::progress::board::Board;
use base::error::Result;
use base::exit;
use data::features::inspect::inspect_with;
use data::features::tsv::BoxCounts;
use judge::verdict::comparison::golden_released;

/// Show what a feature file contains, and everything that is wrong with it
///
/// Reads an obj36 TSV, a TSV of bottom-up-attention's six columns, or a feature store from end to end. Shows images, id range,
/// sizes, statistics, and each damaged row with its line, its column and the damage. Exits with 0 if the file is sound, with 5 if it
/// is not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  repro features inspect data/mscoco_imgfeat/val2014_obj36.tsv
  repro features inspect workspace/features/val2014_obj36-1a2b3c4d.f32.safetensors
  repro features inspect --any-boxes photos_obj10-100.tsv
  repro features inspect --format json train_obj36.tsv > inspection.json")]
pub(crate) struct Args {
    /// The TSV or the store
    file: PathBuf,
    /// Accept rows with different numbers of boxes, as `repro extract --boxes MIN..MAX` writes them; training does not
    #[arg(long)]
    any_boxes: bool,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Runs the command: [`exit::PASS`] for a sound file, [`exit::DATA`] for a damaged one.
///
/// # Errors
/// The reason if the file cannot be read at all.
pub(crate) fn run(args: Args) -> Result<u8> {
    let box_counts = if args.any_boxes { BoxCounts::Any } else { BoxCounts::Equal };
    let found = inspect_with(&args.file, box_counts, &golden_released()?, &Board::new())?;
    print_line(&args.format.write(&found)?)?;
    Ok(if found.is_clean() { exit::PASS } else { exit::DATA })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use data::features::testing::{row_of, text};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn exits_by_what_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a_obj36.tsv");
        let text = text(&[row_of(1, 2, 3)]);
        let inspect = |format: &str| {
            let line = ["repro", "--format", format, path.to_str().unwrap()];
            run(Line::try_parse_from(line).unwrap().args)
        };
        std::fs::write(&path, &text).unwrap();
        assert_eq!(inspect("text").unwrap(), exit::PASS);
        assert_eq!(inspect("json").unwrap(), exit::PASS);
        std::fs::write(&path, text.repeat(2)).unwrap();
        assert_eq!(inspect("text").unwrap(), exit::DATA);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(exit::code(&inspect("json").unwrap_err()), exit::DATA);
        assert!(Line::try_parse_from(["repro"]).is_err());
    }
}
