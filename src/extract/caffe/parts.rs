//! Parts in containers, several at a time, their rows judged while they grow.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::backend::{Container, Job};
use super::super::list::Listed;
use super::super::rows::{Rows, Tail};
use super::super::work::Part;
use super::setup::Caffe;
use super::shard;
use base::error::{Error, Result};
use sandbox::{Access, Cause, Ended, Failure, Gpus, Mount, Sandbox, Stop, Stream};

/// How often files are looked at for new rows.
const LOOK: Duration = Duration::from_millis(250);
/// What the script prints before its first image; messages about images come after it.
const BEGINS: &str = "missing ";
/// Messages that are kept of a part.
const MESSAGES: usize = 1000;

/// What became of a part.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Its images.
    pub images: Vec<Listed>,
    /// What the script printed about images, whose names it does not print.
    pub said: Vec<String>,
    /// How it failed, if it did.
    pub failure: Option<Failure>,
}

/// A part that waits for its turn.
struct Waiting {
    part: Part,
    images: Vec<Listed>,
    sandbox: Sandbox,
}

/// Runs each group of images as a part of its own, as many at a time as there are lanes. The first failure for which trying
/// again is of no use, and the first wrong row, end all.
///
/// # Errors
/// That failure; data for a wrong row, with its place.
pub(crate) fn run(caffe: &mut Caffe, job: &mut Job, groups: Vec<Vec<Listed>>) -> Result<Vec<Ending>> {
    let stop = Stop::new();
    let (mut waiting, mut tails) = (VecDeque::new(), Vec::new());
    for images in groups {
        let part = job.work.new_part()?;
        shard::link(&part.images, &images)?;
        tails.push(Tail::new(part.features.join(job.source.written)));
        let sandbox = sandbox(caffe, job, &part, &stop)?;
        waiting.push_back(Waiting { part, images, sandbox });
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
            if let Err(error) = look(&mut tails, job.rows).and_then(|()| fatal(&ended)) {
                if wrong.is_none() {
                    wrong = Some(error);
                }
                stop.ask();
            }
            job.tell_rows();
            match ended {
                Ok(ending) => endings.push(ending),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    let (endings, used): (Vec<Ending>, Vec<Container>) = endings.into_iter().unzip();
    caffe.details.containers.extend(used);
    wrong.map_or(Ok(endings), Err)
}

/// Runs parts one after the other until none waits.
fn work(caffe: &Caffe, lane: usize, queue: &Mutex<VecDeque<Waiting>>, stop: &Stop, send: &Sender<(Ending, Container)>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(Waiting { part, images, mut sandbox }) = next.filter(|_| !stop.is_asked()) else { return };
        if let Some(gpu) = caffe.details.gpus.get(lane % caffe.details.gpus.len().max(1)) {
            // All GPUs are given and one is chosen here: requests for single ones fail on some drivers.
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
        let Ended { seconds, peak_memory } = used.unwrap_or(Ended { seconds: 0.0, peak_memory: None });
        let failure = result.err();
        let failed = failure.as_ref().map(ToString::to_string);
        let task = format!("part {}", part.number);
        let used = Container { task, images: images.len(), seconds, peak_memory, failure: failed };
        if send.send((Ending { images, said, failure }, used)).is_err() {
            return;
        }
    }
}

/// Judges the rows that have been finished since the last look.
fn look(tails: &mut [Tail], rows: &mut Rows) -> Result<()> {
    for tail in tails {
        tail.poll(&mut |file, offset, line, text| {
            rows.take(file, offset, text).map_err(|why| {
                Error::data(format!("the extractor wrote a wrong row: {}, line {line}", file.display()))
                    .because(why)
                    .because("it was stopped; rows before this one are kept")
                    .next("look at the log beside it; the same command goes on, and extracts this image again")
            })
        })?;
    }
    Ok(())
}

/// A failure that others share, or that a second attempt cannot mend.
fn fatal(ended: &Result<(Ending, Container), RecvTimeoutError>) -> Result<()> {
    let Ok((Ending { failure: Some(failure), .. }, _)) = ended else { return Ok(()) };
    match *failure.cause {
        Cause::Exit { .. } | Cause::Killed { .. } | Cause::TimedOut { .. } | Cause::Stopped => Ok(()),
        Cause::OutOfMemory { .. } => Err(Error::from(failure.clone()).next(
            "give each container more with --memory, or use fewer at a time with --shards; the same command goes on",
        )),
        _ => Err(failure.clone().into()),
    }
}

/// The original's script on one part.
fn sandbox(caffe: &Caffe, job: &Job, part: &Part, stop: &Stop) -> Result<Sandbox> {
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
        // Python keeps what goes into a pipe until it has 4096 bytes.
        ("PYTHONUNBUFFERED", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        // nvidia-smi's numbers.
        ("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    sandbox.gpus = if caffe.details.gpus.is_empty() { Gpus::None } else { Gpus::All };
    sandbox.gpu_path = caffe.settings.gpu_path;
    sandbox.limits.memory = caffe.settings.memory;
    sandbox.timeouts.silence = Some(caffe.settings.silence);
    sandbox.log = Some(part.log.clone());
    sandbox.stop = Some(stop.clone());
    Ok(sandbox)
}
