//! Builds images from Dockerfiles with the engine's classic builder, which Docker and Podman both have.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptions, BuildImageOptionsBuilder};
use futures_util::StreamExt;

use super::context::{BuildContext, IgnorePatterns};
use super::engine::Engine;
use super::failure::{Cause, Failure, TimeLimit};
use super::image_name::Image;
use super::pull_reason::{find_reason, says_full};
use super::reference::Reference;
use base::signals::ShutdownGuard;

/// Number of last lines that a failure keeps.
const REMEMBERED: usize = 50;
/// Maximum length of the build arguments: they are part of the request's URL, which may have 64 KiB.
const LONGEST_ARGUMENTS: usize = 60_000;
/// Interval at which progress is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Network of the steps of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BuildNetwork {
    /// The engine's default network.
    #[default]
    Default,
    /// The network of this machine, for machines whose containers have no other way to the internet.
    Host,
    /// No network.
    None,
}

/// The build of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Folder with the build context.
    pub folder: PathBuf,
    /// Path of the Dockerfile below the folder.
    pub dockerfile: String,
    /// Name of the new image.
    pub tag: String,
    /// Build arguments. They are visible in the image's history: no place for secrets.
    pub args: Vec<(String, String)>,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Patterns of excluded paths, as in a `.dockerignore`; the folder's own file overrides them.
    pub ignore: Vec<String>,
    /// Network of its steps.
    pub network: BuildNetwork,
    /// Time limit without a line of output once the folder has been sent.
    pub silence: Duration,
}

impl Build {
    /// Creates a build without arguments and labels. It may be silent for half an hour, as compilers are.
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
    /// Builds an image; `on_line` receives every line of output. If this process ends or the call fails, the engine cancels
    /// the build and removes its containers, and an earlier image of this name stays.
    ///
    /// # Errors
    /// [`Cause::BuildFailed`] with the failed step; [`Cause::MountMissing`] if the folder or Dockerfile does not exist;
    /// [`Cause::TimedOut`], [`Cause::DiskFull`], [`Cause::ImagePull`], [`Cause::Interrupted`].
    pub fn build(&self, build: &Build, on_line: &mut dyn FnMut(&str)) -> Result<Image, Failure> {
        let name = Reference::parse(&build.tag)?;
        let dockerfile = build.folder.join(&build.dockerfile);
        if !dockerfile.is_file() {
            return Err(Cause::MountMissing { source: dockerfile }.into());
        }
        let length = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&build.args).finish().len();
        if length > LONGEST_ARGUMENTS {
            let why =
                format!("its arguments are too long: {length} bytes, URL-encoded, of at most {LONGEST_ARGUMENTS}");
            return Err(Cause::BuildFailed { image: build.tag.clone(), why }.into());
        }
        let ignored = IgnorePatterns::read(&build.folder, &build.ignore)
            .map_err(|why| Failure::from(Cause::BuildFailed { image: build.tag.clone(), why }))?;
        let mut output =
            Output { on_line, partial: String::new(), step: String::new(), last: VecDeque::new(), id: None };
        let mut shutdown = ShutdownGuard::begin()?;
        let built = self.block_on(async {
            tokio::select! {
                built = self.build_steps(build, &name, ignored, &mut output) => built,
                signal = shutdown.wait_for_stop() => Err(Cause::Interrupted { signal }.into()),
            }
        });
        built.map_err(|failure| Failure {
            task: format!("build of {}", build.tag),
            last_lines: output.last.iter().cloned().collect(),
            ..failure
        })?;
        // By its id: another build may have taken the name meanwhile.
        let id = output.id.unwrap_or_else(|| name.to_string());
        Ok(Image { name: build.tag.clone(), ..self.image(&id)? })
    }

    async fn build_steps(
        &self,
        build: &Build,
        name: &Reference,
        ignored: IgnorePatterns,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let (context, stream) = BuildContext::send(&build.folder, Path::new(&build.dockerfile), ignored);
        let body = bollard::body_try_stream(stream);
        // The engine answers only when it has the whole folder, so the time limit is checked here.
        let docker = self.docker().clone().with_timeout(Duration::from_secs(365 * 24 * 3600));
        let result = {
            let mut answers = std::pin::pin!(docker.build_image(build.options(name), None, Some(body)));
            let (mut moved, mut sent) = (Instant::now(), 0);
            loop {
                match tokio::time::timeout(CHECK_INTERVAL, answers.next()).await {
                    Ok(Some(Ok(info))) => {
                        moved = Instant::now();
                        output.take(info);
                    }
                    Ok(Some(Err(error))) => break Err(self.engine_failure("build an image", error)),
                    Ok(None) => break Ok(()),
                    Err(_) => {
                        let now = context.sent.load(Ordering::Relaxed);
                        if now != sent {
                            (sent, moved) = (now, Instant::now());
                        } else if moved.elapsed() >= build.silence {
                            let (limit, after) = (TimeLimit::Silence, build.silence);
                            break Err(Cause::TimedOut { limit, after }.into());
                        }
                    }
                }
            }
        };
        output.finish();
        let unreadable = match (&result, &output.id) {
            (Ok(()), Some(_)) => return Ok(()),
            (Err(failure), _) if matches!(*failure.cause, Cause::TimedOut { .. }) => return result,
            _ => tokio::task::block_in_place(|| context.read_error(&build.tag)),
        };
        Err(unreadable.unwrap_or_else(|| output.classify(&build.tag, result.err())))
    }
}

/// The output of a build, split into lines.
struct Output<'a> {
    on_line: &'a mut dyn FnMut(&str),
    partial: String,
    /// The last line that started a step.
    step: String,
    last: VecDeque<String>,
    /// Id of the image, once the engine reports it.
    id: Option<String>,
}

impl Output<'_> {
    fn take(&mut self, info: BuildInfo) {
        if let Some(id) = info.aux.and_then(|aux| aux.id) {
            self.id = Some(id);
        }
        // Messages about the layers of a base image.
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
        // A step of a build from scratch has an arrow without an image.
        if matches!(line.trim(), "" | "--->") {
            return;
        }
        if let Some(id) = line.strip_prefix("Successfully built ") {
            self.id.get_or_insert_with(|| id.trim().to_owned());
        }
        // The forms of Docker and Podman.
        if line.starts_with("Step ") || line.starts_with("STEP ") {
            line.clone_into(&mut self.step);
        }
        (self.on_line)(line);
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    /// Classifies the failure of the last step.
    fn classify(&self, image: &str, failure: Option<Failure>) -> Failure {
        let why = match failure.map(|failure| *failure.cause) {
            Some(Cause::Engine { why, .. }) => why,
            Some(other) => return other.into(),
            None => self.last.back().cloned().unwrap_or_else(|| "the engine gave no reason".to_owned()),
        };
        let full = self.last.iter().chain([&why]).find(|line| says_full(line));
        if let Some(line) = full {
            return Cause::DiskFull { why: line.clone() }.into();
        }
        // A FROM step pulls its base image.
        let base = self.step.split_once(" FROM ").and_then(|(_, rest)| rest.split_whitespace().next());
        if let Some((base, reason)) = base.zip(find_reason(&why)) {
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
    fn partial_lines_are_joined_and_failures_name_their_step() {
        let mut lines = Vec::new();
        let mut on_line = |line: &str| lines.push(line.to_owned());
        let mut output = Output {
            on_line: &mut on_line,
            partial: String::new(),
            step: String::new(),
            last: VecDeque::new(),
            id: None,
        };
        for text in ["Step 2/3 : RUN make", "\n", "\u{1b}[91mcc1: err", "or\u{1b}[0m\n\n", "end"] {
            output.take(BuildInfo { stream: Some(text.to_owned()), ..BuildInfo::default() });
        }
        output.finish();
        let failed = |why: &str| Cause::Engine { doing: "build an image".into(), why: why.into() }.into();
        let failure = output.classify("x", Some(failed("it returned 2")));
        assert_eq!(failure.to_string(), "image x could not be built: Step 2/3 : RUN make: it returned 2");
        output.line("write a: No space left on device");
        assert!(matches!(*output.classify("x", Some(failed("it returned 2"))).cause, Cause::DiskFull { .. }));
        assert_eq!(lines, ["Step 2/3 : RUN make", "cc1: error", "end", "write a: No space left on device"]);
    }
}
