//! Starts the threads of an extraction and connects them.

use std::sync::mpsc::sync_channel;
use std::thread;

use base::error::{Error, Result};
use lxmert::model::butd::input::TestScale;
use lxmert::model::butd::{BoxChoice, Detector};
use protocol::{BoxNumbers, Extract, ExtractOutcome, RefusedImage};

use super::super::job_context::{JobContext, JobOutcome, result};
use super::{decode, network, rows};
use crate::devices;

/// Number of pictures that wait between two threads.
const WAITING: usize = 2;

/// Writes the rows of a job's images. Images that give none are named in the outcome.
///
/// # Errors
/// Data if the weights cannot be used or give numbers that are not finite; those of writing the file.
pub(crate) fn run(job: &Extract, context: &JobContext) -> Result<JobOutcome> {
    let BoxNumbers { least, most, threshold } = job.boxes;
    let detector = Detector::load(&checkpoint::read_checkpoint(&job.weights)?, TestScale::RELEASED, context.device)?
        .choosing(BoxChoice { least, most, confidence: threshold });
    let outcome = ExtractOutcome {
        refused: extract(job, &detector)?,
        device: devices::described_device(context.device).described,
        threads: u64::try_from(tch::get_num_threads()).unwrap_or(0),
        versions: lxmert::libtorch::versions(),
    };
    Ok(result(&outcome)?.into())
}

/// Returns the images without a row.
fn extract(job: &Extract, detector: &Detector) -> Result<Vec<RefusedImage>> {
    let writer = rows::RowWriter::create(&job.output)?;
    let (scale, choice) = (detector.test_scale(), detector.choice());
    thread::scope(|scope| {
        let (to_network, decoded) = sync_channel(WAITING);
        let (to_proposals, outputs) = sync_channel(WAITING);
        let (from_proposals, regions) = sync_channel(WAITING);
        let (to_rows, heads) = sync_channel(WAITING);
        let start = |name: &str| thread::Builder::new().name(name.to_owned());
        let failed = |error: std::io::Error| Error::infra("cannot start a thread").because(error);
        let decoding =
            start("decode").spawn_scoped(scope, move || decode::decode_all(job, scale, &to_network)).map_err(failed)?;
        start("proposals")
            .spawn_scoped(scope, move || network::propose_all(outputs, &from_proposals))
            .map_err(failed)?;
        let writing = start("rows").spawn_scoped(scope, move || writer.write_all(heads, choice)).map_err(failed)?;
        let computed = network::compute_all(detector, decoded, &to_proposals, &regions, &to_rows);
        // The other threads end when their channels close.
        drop((to_proposals, regions, to_rows));
        let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let mut refused = decoding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written?;
        refused.extend(computed?);
        Ok(refused)
    })
}
