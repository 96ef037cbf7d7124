//! Building images from Dockerfiles, with the engine's own builder: no session, so that Docker and Podman do the same.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptions, BuildImageOptionsBuilder};
use futures_util::StreamExt;

use super::context::{Context, Ignored};
use super::engine::Engine;
use super::failure::{Cause, Failure, Patience};
use super::hindrance::{reason_in, says_full};
use super::image_name::Image;
use super::reference::Reference;
use base::signals::ShutdownGuard;

/// Lines of output that a failure remembers.
const REMEMBERED: usize = 50;
/// Arguments are part of a request's address, of which 64 KiB can be sent.
const LONGEST_ARGUMENTS: usize = 60_000;
/// How often it is looked whether anything happened.
const LOOK: Duration = Duration::from_millis(500);

/// Network of the steps of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BuildNetwork {
    /// The engine's usual one.
    #[default]
    Default,
    /// This machine's own: for machines whose containers do not get out otherwise.
    Host,
    /// None.
    None,
}

/// An image to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// What the build may copy from.
    pub folder: PathBuf,
    /// The Dockerfile, below the folder.
    pub dockerfile: String,
    /// Name that the image gets.
    pub tag: String,
    /// Build arguments. They can be read in the image's history: no place for secrets.
    pub args: Vec<(String, String)>,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// What of the folder is left out, as in a `.dockerignore`; the folder's own file comes after and decides.
    pub ignore: Vec<String>,
    /// Network of its steps.
    pub network: BuildNetwork,
    /// How long it may be without a line of output while nothing is being sent.
    pub silence: Duration,
}

impl Build {
    /// A build without arguments and labels that may be silent for half an hour: compilers are.
    pub fn new(folder: &Path, dockerfile: &str, tag: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            dockerfile: dockerfile.to_owned(),
            tag: tag.to_owned(),
            args: Vec::new(),
            labels: Vec::new(),
            ignore: Vec::new(),
            network: BuildNetwork::default(),
            silence: Duration::from_secs(30 * 60),
        }
    }

    fn options(&self, name: &Reference) -> BuildImageOptions {
        let map = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<HashMap<_, _>>();
        let options = BuildImageOptionsBuilder::default()
            .dockerfile(&self.dockerfile)
            .t(&name.to_string())
            .buildargs(&map(&self.args))
            .labels(&map(&self.labels))
            .rm(true)
            .forcerm(true);
        match self.network {
            BuildNetwork::Default => options.build(),
            BuildNetwork::Host => options.networkmode("host").build(),
            BuildNetwork::None => options.networkmode("none").build(),
        }
    }
}

impl Engine {
    /// Builds an image; `told` hears every line of output. Where this process ends or the call fails, the engine ends the build
    /// and removes its containers; an earlier image of this name stays then.
    ///
    /// # Errors
    /// [`Cause::BuildFailed`] with the step that failed, [`Cause::MountMissing`] for a folder or Dockerfile that is not there,
    /// [`Cause::TimedOut`], [`Cause::DiskFull`], [`Cause::ImagePull`], [`Cause::Interrupted`].
    pub fn build(&self, build: &Build, told: &mut dyn FnMut(&str)) -> Result<Image, Failure> {
        let name = Reference::parse(&build.tag)?;
        let dockerfile = build.folder.join(&build.dockerfile);
        if !dockerfile.is_file() {
            return Err(Cause::MountMissing { source: dockerfile }.into());
        }
        let length = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&build.args).finish().len();
        if length > LONGEST_ARGUMENTS {
            let why =
                format!("its arguments have {length} bytes as an address has them; {LONGEST_ARGUMENTS} can be sent");
            return Err(Cause::BuildFailed { image: build.tag.clone(), why }.into());
        }
        let ignored = Ignored::read(&build.folder, &build.ignore)
            .map_err(|why| Failure::from(Cause::BuildFailed { image: build.tag.clone(), why }))?;
        let mut output = Output { told, partial: String::new(), step: String::new(), last: VecDeque::new(), id: None };
        let mut at_work = ShutdownGuard::begin()?;
        let built = self.block_on(async {
            tokio::select! {
                built = self.build_steps(build, &name, ignored, &mut output) => built,
                signal = at_work.wait_for_stop() => Err(Cause::Interrupted { signal }.into()),
            }
        });
        built.map_err(|failure| Failure {
            task: format!("build of {}", build.tag),
            last_lines: output.last.iter().cloned().collect(),
            ..failure
        })?;
        // By its id: the name may have gone to another build meanwhile.
        let id = output.id.unwrap_or_else(|| name.to_string());
        Ok(Image { name: build.tag.clone(), ..self.image(&id)? })
    }

    async fn build_steps(
        &self,
        build: &Build,
        name: &Reference,
        ignored: Ignored,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let (context, stream) = Context::send(&build.folder, Path::new(&build.dockerfile), ignored);
        let body = bollard::body_try_stream(stream);
        // The engine answers when it has the whole folder: patience is counted here, not there.
        let docker = self.docker().clone().with_timeout(Duration::from_secs(365 * 24 * 3600));
        let result = {
            let mut answers = std::pin::pin!(docker.build_image(build.options(name), None, Some(body)));
            let (mut moved, mut sent) = (Instant::now(), 0);
            loop {
                match tokio::time::timeout(LOOK, answers.next()).await {
                    Ok(Some(Ok(info))) => {
                        moved = Instant::now();
                        output.take(info);
                    }
                    Ok(Some(Err(error))) => break Err(self.failed("build an image", error)),
                    Ok(None) => break Ok(()),
                    Err(_) => {
                        let now = context.sent.load(Ordering::Relaxed);
                        if now != sent {
                            (sent, moved) = (now, Instant::now());
                        } else if moved.elapsed() >= build.silence {
                            let (patience, after) = (Patience::Silence, build.silence);
                            break Err(Cause::TimedOut { patience, after }.into());
                        }
                    }
                }
            }
        };
        output.finish();
        let fault = match (&result, &output.id) {
            (Ok(()), Some(_)) => return Ok(()),
            (Err(failure), _) if matches!(*failure.cause, Cause::TimedOut { .. }) => return result,
            _ => tokio::task::block_in_place(|| context.fault(&build.tag)),
        };
        Err(fault.unwrap_or_else(|| output.named(&build.tag, result.err())))
    }
}

/// A build's output, cut into lines.
struct Output<'a> {
    told: &'a mut dyn FnMut(&str),
    partial: String,
    /// The last line that began a step.
    step: String,
    last: VecDeque<String>,
    /// The image, once the engine says that it is built.
    id: Option<String>,
}

impl Output<'_> {
    fn take(&mut self, info: BuildInfo) {
        if let Some(id) = info.aux.and_then(|aux| aux.id) {
            self.id = Some(id);
        }
        // A base image's layers.
        if let Some(status) = info.status.filter(|_| info.progress_detail.is_none()) {
            self.line(&status);
        }
        self.partial.push_str(&info.stream.unwrap_or_default());
        while let Some(end) = self.partial.find(['\n', '\r']) {
            let line: String = self.partial.drain(..=end).collect();
            self.line(line.trim_end());
        }
    }

    fn finish(&mut self) {
        let rest = std::mem::take(&mut self.partial);
        self.line(&rest);
    }

    fn line(&mut self, line: &str) {
        let plain = console::strip_ansi_codes(line);
        let line = plain.trim_end();
        // Where a step begins from nothing, the arrow points to no image.
        if matches!(line.trim(), "" | "--->") {
            return;
        }
        if let Some(id) = line.strip_prefix("Successfully built ") {
            self.id.get_or_insert_with(|| id.trim().to_owned());
        }
        // Docker's and Podman's.
        if line.starts_with("Step ") || line.starts_with("STEP ") {
            line.clone_into(&mut self.step);
        }
        (self.told)(line);
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    /// What failed, with the step in which it did.
    fn named(&self, image: &str, failure: Option<Failure>) -> Failure {
        let why = match failure.map(|failure| *failure.cause) {
            Some(Cause::Engine { why, .. }) => why,
            Some(other) => return other.into(),
            None => self.last.back().cloned().unwrap_or_else(|| "the engine ended it without a reason".to_owned()),
        };
        let full = self.last.iter().chain([&why]).find(|line| says_full(line));
        if let Some(line) = full {
            return Cause::DiskFull { why: line.clone() }.into();
        }
        // The image that a step begins with is pulled.
        let base = self.step.split_once(" FROM ").and_then(|(_, rest)| rest.split_whitespace().next());
        if let Some((base, reason)) = base.zip(reason_in(&why)) {
            return Cause::ImagePull { image: base.to_owned(), reason, why }.into();
        }
        let step = if self.step.is_empty() { String::new() } else { format!("{}: ", self.step) };
        Cause::BuildFailed { image: image.to_owned(), why: format!("{step}{why}") }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_failures_name_their_step() {
        let mut lines = Vec::new();
        let mut told = |line: &str| lines.push(line.to_owned());
        let mut output =
            Output { told: &mut told, partial: String::new(), step: String::new(), last: VecDeque::new(), id: None };
        for text in ["Step 2/3 : RUN make", "\n", "\u{1b}[91mcc1: err", "or\u{1b}[0m\n\n", "end"] {
            output.take(BuildInfo { stream: Some(text.to_owned()), ..BuildInfo::default() });
        }
        output.finish();
        let failed = |why: &str| Cause::Engine { doing: "build an image".into(), why: why.into() }.into();
        let failure = output.named("x", Some(failed("it returned 2")));
        assert_eq!(failure.to_string(), "image x could not be built: Step 2/3 : RUN make: it returned 2");
        output.line("write a: No space left on device");
        assert!(matches!(*output.named("x", Some(failed("it returned 2"))).cause, Cause::DiskFull { .. }));
        assert_eq!(lines, ["Step 2/3 : RUN make", "cc1: error", "end", "write a: No space left on device"]);
    }
}
