//! What input may be generated.

use base::error::{Error, Result};
use lxmert_spec::Config;
use protocol::GeneratedSizes;
use serde_json::{Value, json};

/// Refuses sizes that cannot be.
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
    // f32 values; a single batch of this size would be beyond any machine that this is meant for.
    let values = sizes.batch_size as u128 * sizes.boxes as u128 * sizes.features as u128;
    if values > 1 << 31 {
        return Err(Error::usage("--batch-size times --boxes times --features is too large: above 2^31 numbers"));
    }
    Ok(())
}

/// The sizes of a measurement's report.
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
