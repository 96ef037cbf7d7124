//! Runs the workers of the native detector, all at the same time, and checks their rows as they appear.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::super::backend::{ExtractionJob, WorkerRun};
use super::super::image_list::ListedImage;
use super::super::rows::{FileTail, take_new};
use super::super::work_dir::Part;
use super::setup::Native;
use crate::placement::{FileAccess, Placement, WorkerJob};
use base::cause::Cause;
use base::error::{Error, Result};
use base::progress;
use protocol::{Event, Extract, ExtractImage, ExtractOutcome, Job};
use sandbox::StopToken;

/// How often files are checked for new rows.
const LOOK: Duration = Duration::from_millis(250);

/// How a worker ended.
pub(super) struct LaneEnd {
    /// Its images.
    pub images: Vec<ListedImage>,
    /// Its result.
    pub result: Result<ExtractOutcome>,
    /// What it did, for the record.
    pub run: WorkerRun,
}

/// Runs a worker for each group of images. All are stopped by the first failure that may not pass, and by the first invalid row.
///
/// # Errors
/// That failure; data for an invalid row, with its place.
pub(super) fn run(native: &Native, job: &mut ExtractionJob, groups: Vec<Vec<ListedImage>>) -> Result<Vec<LaneEnd>> {
    let stop = StopToken::new();
    let (mut tails, mut asked) = (Vec::new(), Vec::new());
    for (lane, images) in groups.into_iter().enumerate() {
        let part = job.work.new_part()?;
        let output = part.features.join(job.source.written);
        tails.push(FileTail::new(&output));
        asked.push((worker_job(native, job, &part, lane, &images, &stop)?, images));
    }
    let (send, receive) = mpsc::channel();
    let (mut ended, mut wrong) = (Vec::new(), None);
    std::thread::scope(|scope| {
        for (worker_job, images) in asked {
            let (send, placement, observer) = (send.clone(), &native.placement, job.observer);
            scope.spawn(move || {
                let end = work(placement, &worker_job, images, observer);
                // It fails only if nothing receives any more.
                let _ = send.send(end);
            });
        }
        drop(send);
        loop {
            let news = receive.recv_timeout(LOOK);
            let is_over = matches!(news, Err(RecvTimeoutError::Disconnected));
            let invalid = take_new(&mut tails, job.rows).err();
            job.tell_rows();
            let failed = match news {
                Ok(LaneEnd { result: Err(error), .. }) if !may_pass(&error) => Some(error),
                Ok(end) => {
                    ended.push(end);
                    None
                }
                Err(_) => None,
            };
            if let Some(error) = invalid.or(failed) {
                wrong.get_or_insert(error);
                stop.request();
            }
            if is_over {
                break;
            }
        }
    });
    wrong.map_or(Ok(ended), Err)
}

fn worker_job(
    native: &Native,
    job: &ExtractionJob,
    part: &Part,
    lane: usize,
    images: &[ListedImage],
    stop: &StopToken,
) -> Result<WorkerJob> {
    let absolute = std::path::absolute(&part.features);
    let features = absolute.map_err(|error| Error::io("find", &part.features, &error))?;
    let image = |image: &ListedImage| ExtractImage { id: image.id.clone(), path: image.location.clone() };
    let devices = &native.settings.devices;
    Ok(WorkerJob {
        name: format!("extract {}, part {}", job.source.stem(), part.number),
        job: Job::Extract(Box::new(Extract {
            weights: native.weights.path.clone(),
            root: job.root.to_owned(),
            images: images.iter().map(image).collect(),
            boxes: native.settings.boxes,
            output: features.join(job.source.written),
        })),
        device: devices[lane % devices.len()].clone(),
        threads: native.settings.threads,
        record: None,
        files: FileAccess {
            reads: vec![job.root.to_owned(), native.weights.path.clone()],
            folder: Some(features),
            file: None,
        },
        stop: Some(stop.clone()),
    })
}

fn work(
    placement: &Placement,
    asked: &WorkerJob,
    images: Vec<ListedImage>,
    observer: &dyn progress::Observer,
) -> LaneEnd {
    let began = Instant::now();
    let (result, used) = placement.run_and_measure(asked, &mut |event| match event {
        Event::Message { text } | Event::Note { text } => {
            observer.event(&progress::Event::Note { name: String::new(), text });
        }
        _ => {}
    });
    let result = result.and_then(|value| asked.read::<ExtractOutcome>(value));
    let run = WorkerRun {
        task: asked.name.clone(),
        device: asked.device.clone(),
        images: images.len(),
        seconds: began.elapsed().as_secs_f64(),
        peak_memory: used.and_then(|used| used.peak_memory),
        failure: result.as_ref().err().map(ToString::to_string),
    };
    LaneEnd { images, result, run }
}

/// Whether the same work may succeed when it is tried again.
pub(super) fn may_pass(error: &Error) -> bool {
    matches!(error.cause(), Cause::WorkerSignal { .. } | Cause::WorkerExit { .. })
}
