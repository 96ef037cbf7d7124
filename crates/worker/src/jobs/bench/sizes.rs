//! Checks and reports the sizes of generated input.

use base::error::{Error, Result};
use lxmert_spec::Config;
use protocol::GeneratedSizes;
use serde_json::{Value, json};

/// Checks that sizes are in range and fit the model.
///
/// # Errors
/// Usage that names the option.
pub(crate) fn check(sizes: &GeneratedSizes, config: &Config) -> Result<()> {
    config.check()?;
    const MOST: usize = 1 << 16;
    for (name, size) in [
        ("--batch-size", sizes.batch_size),
        ("--boxes", sizes.boxes),
        ("--features", sizes.features),
        ("--words", sizes.words),
        ("--answers", sizes.answers),
    ] {
        if !(1..=MOST).contains(&size) {
            return Err(Error::usage(format!("{name} must be in 1..={MOST}")));
        }
    }
    if sizes.words > config.max_position_embeddings {
        return Err(Error::usage(format!(
            "--words {} is more than the {} positions of the model",
            sizes.words, config.max_position_embeddings
        )));
    }
    // A batch of more f32 values, 8 GiB, is beyond any machine that this is meant for.
    let values = sizes.batch_size as u128 * sizes.boxes as u128 * sizes.features as u128;
    if values > 1 << 31 {
        return Err(Error::usage("--batch-size times --boxes times --features is too large: more than 2^31 numbers")
            .next("reduce one of them"));
    }
    Ok(())
}

/// Returns the sizes for the report of a measurement.
pub(crate) fn reported(sizes: &GeneratedSizes, config: &Config, parameters: usize) -> Value {
    json!({
        "model": config,
        "parameters": parameters,
        "batch_size": sizes.batch_size,
        "boxes": sizes.boxes,
        "features": sizes.features,
        "words": sizes.words,
        "answers": sizes.answers,
    })
}
