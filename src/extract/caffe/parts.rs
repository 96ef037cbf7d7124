//! Runs parts in containers, several in parallel, and validates their rows as they appear.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::backend::{ContainerRun, ExtractionJob};
use super::super::image_list::ListedImage;
use super::super::rows::{FileTail, take_new};
use super::super::work_dir::Part;
use super::setup::{Caffe, CaffeDevice};
use super::{cpu, shard};
use base::error::{Error, Result};
use sandbox::{Access, Cause, Failure, Gpus, Mount, ResourceUsage, Sandbox, StopToken, Stream};

/// How often files are checked for new rows.
const LOOK: Duration = Duration::from_millis(250);
/// Beginning of the line that the script prints before its first image; later lines are messages about images.
const BEGINS: &str = "missing ";
/// Maximum number of messages kept per part.
const MESSAGES: usize = 1000;

/// The result of a part.
#[derive(Debug)]
pub(crate) struct PartResult {
    /// Its images.
    pub images: Vec<ListedImage>,
    /// Messages of the script about images, which it does not name.
    pub said: Vec<String>,
    /// The failure, if it failed.
    pub failure: Option<Failure>,
}

/// A part that has not been started yet.
struct QueuedPart {
    part: Part,
    images: Vec<ListedImage>,
    sandbox: Sandbox,
}

/// Runs each group of images as a part, as many in parallel as there are lanes. All parts are stopped by the first failure that a
/// retry cannot fix, and by the first invalid row.
///
/// # Errors
/// That failure; data for an invalid row, with its place.
pub(crate) fn run(
    caffe: &mut Caffe,
    job: &mut ExtractionJob,
    groups: Vec<Vec<ListedImage>>,
) -> Result<Vec<PartResult>> {
    let stop = StopToken::new();
    let (mut waiting, mut tails) = (VecDeque::new(), Vec::new());
    for images in groups {
        let part = job.work.new_part()?;
        shard::link(&part.images, &images, job.source.layout)?;
        tails.push(FileTail::new(part.features.join(job.source.written)));
        let sandbox = sandbox(caffe, job, &part, &stop)?;
        waiting.push_back(QueuedPart { part, images, sandbox });
    }
    let lanes = caffe.lanes.min(waiting.len());
    let queue = Mutex::new(waiting);
    let (send, receive) = mpsc::channel();
    let mut endings = Vec::new();
    let mut wrong = None;
    std::thread::scope(|scope| {
        for lane in 0..lanes {
            let (send, queue, stop, caffe) = (send.clone(), &queue, &stop, &*caffe);
            scope.spawn(move || work(caffe, lane, queue, stop, &send));
        }
        drop(send);
        loop {
            let ended = receive.recv_timeout(LOOK);
            if let Err(error) = take_new(&mut tails, job.rows).and_then(|()| fatal(&ended)) {
                if wrong.is_none() {
                    wrong = Some(error);
                }
                stop.request();
            }
            job.tell_rows();
            match ended {
                Ok(ending) => endings.push(ending),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    let (endings, used): (Vec<PartResult>, Vec<ContainerRun>) = endings.into_iter().unzip();
    caffe.details.containers.extend(used);
    wrong.map_or(Ok(endings), Err)
}

/// Runs queued parts one after the other until none is left.
fn work(
    caffe: &Caffe,
    lane: usize,
    queue: &Mutex<VecDeque<QueuedPart>>,
    stop: &StopToken,
    send: &Sender<(PartResult, ContainerRun)>,
) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(QueuedPart { part, images, mut sandbox }) = next.filter(|_| !stop.is_requested()) else { return };
        if let Some(gpu) = caffe.details.gpus.get(lane % caffe.details.gpus.len().max(1)) {
            // The container gets all GPUs and the variable selects one: requesting a single GPU fails with some drivers.
            sandbox.environment.push(("CUDA_VISIBLE_DEVICES".into(), gpu.index.to_string()));
        }
        let (mut said, mut began) = (Vec::new(), false);
        let result = caffe.engine.run(&sandbox, &mut |line| {
            if line.stream == Stream::Out {
                if began && said.len() < MESSAGES && !line.text.trim().is_empty() {
                    said.push(line.text.clone());
                }
                began |= line.text.starts_with(BEGINS);
            }
        });
        let used = match &result {
            Ok(ended) => Some(*ended),
            Err(failure) => failure.used.as_deref().copied(),
        };
        let ResourceUsage { seconds, peak_memory } = used.unwrap_or(ResourceUsage { seconds: 0.0, peak_memory: None });
        let failure = result.err();
        let failed = failure.as_ref().map(ToString::to_string);
        let task = format!("part {}", part.number);
        let used = ContainerRun { task, images: images.len(), seconds, peak_memory, failure: failed };
        if send.send((PartResult { images, said, failure }, used)).is_err() {
            return;
        }
    }
}

/// Returns a failure that other parts share, or that a retry cannot fix, as an error.
fn fatal(ended: &Result<(PartResult, ContainerRun), RecvTimeoutError>) -> Result<()> {
    let Ok((PartResult { failure: Some(failure), .. }, _)) = ended else { return Ok(()) };
    match *failure.cause {
        Cause::Exit { .. } | Cause::Killed { .. } | Cause::TimedOut { .. } | Cause::Stopped => Ok(()),
        Cause::OutOfMemory { .. } => Err(Error::from(failure.clone()).next(
            "give each container more with --memory, or run fewer in parallel with --shards; the same command resumes",
        )),
        _ => Err(failure.clone().into()),
    }
}

/// Returns the container that runs the original's script on a part.
fn sandbox(caffe: &Caffe, job: &ExtractionJob, part: &Part, stop: &StopToken) -> Result<Sandbox> {
    let script = caffe.script.path.file_name().unwrap_or_default().to_string_lossy();
    let script = format!("/workspace/script/{script}");
    let weights = "/workspace/weights.caffemodel";
    let command =
        ["python", &script, "--imgroot", "/workspace/images/", "--split", job.source.split, "--caffemodel", weights];
    let task = format!("extract {}, part {}", job.source.stem(), part.number);
    let mut sandbox = Sandbox::new(&task, &caffe.image, command);
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Error::io("find", path, &error));
    sandbox.mounts = vec![
        Mount::read(job.root, shard::ORIGINALS),
        Mount::read(&absolute(&part.images)?, "/workspace/images"),
        Mount { source: absolute(&part.features)?, target: "/workspace/features".into(), access: Access::Write },
        Mount::read(&caffe.script.path, &script),
        Mount::read(&caffe.weights.path, weights),
    ];
    sandbox.workdir = Some("/workspace/features".into());
    sandbox.environment = [
        // Without this, Python buffers output to a pipe.
        ("PYTHONUNBUFFERED", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        // The numbering of nvidia-smi.
        ("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    match &caffe.settings.device {
        CaffeDevice::Gpus(_, path) => {
            sandbox.gpus = if caffe.details.gpus.is_empty() { Gpus::None } else { Gpus::All };
            sandbox.gpu_path = *path;
        }
        CaffeDevice::Cpu => cpu::adapt(&mut sandbox, &absolute(&part.folder)?)?,
    }
    sandbox.limits.memory = caffe.settings.memory;
    sandbox.timeouts.silence = Some(caffe.settings.silence);
    sandbox.log = Some(part.log.clone());
    sandbox.stop = Some(stop.clone());
    Ok(sandbox)
}
