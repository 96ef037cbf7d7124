//! `repro images`: lists, pulls, builds and pins container images.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::assets::OutputFormat;
use super::output::pretty;
use super::progress::pull::PullDisplay;
use crate::images::{self, ObtainedImage, PinChange, Role, known};
use base::error::{Error, Result};
use base::exit;
use base::format::human_seconds;
use base::status;
use base::{sanitize, stdout};
use sandbox::build::BuildNetwork;
use sandbox::reference::Reference;
use sandbox::{Engine, Image};

/// List, pull, build and pin the container images that the program uses
///
/// A pin records the content of an image: the registry's digest, or the id of an image that was built here. Commands that run in an
/// image refuse one that does not match its pin.
#[derive(Debug, ClapArgs)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  repro images list                      list the images and the next command for each
  repro images pull extractor            pull and pin the original's extractor
  repro images build train               build the training image from this repository
  repro images build train --build-arg LIBTORCH=cuda
  repro images pin train                 pin a local image, such as one from docker load
  repro images pull extractor --accept   pull and pin the tag's current image

Names: extractor, train, or any image's name. DOCKER_HOST chooses the engine (Docker, Podman). Pins are in
<workspace>/data/images.lock.

Exit codes: 0 done; 2 usage; 4 no engine, or the build failed; 6 no registry has the image; 7 the image does not match its pin
(nothing is changed); 8 disk full.";

#[derive(Debug, Subcommand)]
enum Command {
    /// List the images: which are present, which are pinned, and the next command for each
    List(List),
    /// Pull an image from its registry and pin it
    Pull(Pull),
    /// Build an image from its Dockerfile and pin it
    Build(Build),
    /// Pin a local image
    Pin(Pin),
}

#[derive(Debug, ClapArgs)]
struct Place {
    /// Folder that holds data/images.lock
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  repro images list
  repro images list --format json --workspace /data/lxmert

States in JSON: pinned, unpinned, changed (it does not match its pin), missing.")]
struct List {
    #[command(flatten)]
    place: Place,
    /// What to print: text, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  repro images pull extractor
  repro images pull registry.example.org/lxmert/train:1
  repro images pull docker.io/airsplay/bottom-up-attention@sha256:DIGEST   exactly this content

If the registry requires a login: docker login, docker pull, then repro images pin.")]
struct Pull {
    /// extractor, or an image's name: NAME, NAME:TAG or NAME@DIGEST
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Accept the tag's current image and replace the pin
    #[arg(long)]
    accept: bool,
    /// Fail if nothing arrives for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    stall_timeout: u64,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  repro images build train
  repro images build train --build-arg LIBTORCH=cuda --build-arg BASE=nvidia/cuda:13.0.0-base-ubuntu24.04
  repro images build train --source ~/lxmert-repro --network host
  repro images build extractor --source workspace/data/extract   from the published Dockerfile

The Dockerfile documents its arguments. The build context excludes .git, target/, the workspace, and everything that .dockerignore
names. Building again pins the new image and replaces the old pin.")]
struct Build {
    /// train or extractor
    #[arg(value_name = "IMAGE", value_parser = ["train", "extractor"])]
    image: String,
    /// Folder with the Dockerfile [default for train: the repository that the current folder is in]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Argument for the Dockerfile. Can be repeated; the image's history shows it
    #[arg(long, value_name = "NAME=VALUE", value_parser = argument)]
    build_arg: Vec<(String, String)>,
    /// Name for the image, instead of its default name
    #[arg(long, value_name = "NAME:TAG")]
    tag: Option<String>,
    /// Network of the build's steps; use host if containers cannot reach the network otherwise
    #[arg(long, value_enum, default_value = "default")]
    network: Network,
    /// Fail after this long without a line of output
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..))]
    stall_timeout: u64,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  repro images pin extractor
  repro images pin train --accept        replace the pin by the current image")]
struct Pin {
    /// extractor, train, or an image's name
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Accept the local image and replace the pin
    #[arg(long)]
    accept: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Network {
    /// The engine's default network
    Default,
    /// This machine's network
    Host,
    /// No network
    None,
}

fn argument(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it must be NAME=VALUE".into()),
    }
}

/// Runs the command.
///
/// # Errors
/// Usage, infra, network, checksum or disk, as documented in [`base::exit`].
pub(crate) fn run(args: Args) -> Result<u8> {
    match args.command {
        Command::List(args) => list(&args)?,
        Command::Pull(args) => pull(&args)?,
        Command::Build(args) => build(args)?,
        Command::Pin(args) => {
            let image = images::pin(&connect()?, &args.image, args.accept, &args.place.workspace)?;
            print_image("present", &image, &args.place.workspace);
        }
    }
    Ok(exit::PASS)
}

fn connect() -> Result<Engine> {
    Ok(Engine::connect("images")?)
}

fn list(args: &List) -> Result<()> {
    let rows = images::list::rows(&connect()?, &args.place.workspace)?;
    match args.format {
        OutputFormat::Text => stdout::line(&sanitize::lines(&images::list::page(&rows))),
        OutputFormat::Json => stdout::line(&pretty(&images::list::json(&rows))?),
    }
    Ok(())
}

fn pull(args: &Pull) -> Result<()> {
    if Role::named(&args.image).is_some_and(|role| role == Role::Train) {
        return Err(Error::usage("no registry has the training image of this program").next(
            "build it with `repro images build train`, or pull it by its full name if your own registry has it",
        ));
    }
    let engine = connect()?;
    let name = images::name_of(&args.image)?;
    let display = PullDisplay::new(&Reference::parse(&name)?.to_string());
    let silence = Duration::from_secs(args.stall_timeout);
    let workspace = &args.place.workspace;
    let image = images::pull(&engine, &args.image, args.accept, silence, workspace, &display)?;
    display.finish();
    print_image("pulled", &image, workspace);
    Ok(())
}

fn build(args: Build) -> Result<()> {
    let role = Role::named(&args.image).ok_or_else(|| Error::usage(format!("there is no image `{}`", args.image)))?;
    let workspace = &args.place.workspace;
    let mut build = images::build_of(&known::of(role)?, args.source.as_deref(), workspace)?;
    // The last argument of a name counts.
    build.args.extend(args.build_arg);
    build.silence = Duration::from_secs(args.stall_timeout);
    build.network = match args.network {
        Network::Default => BuildNetwork::Default,
        Network::Host => BuildNetwork::Host,
        Network::None => BuildNetwork::None,
    };
    if let Some(tag) = args.tag {
        build.tag = tag;
    }
    match build.labels.iter().find(|(name, _)| name == images::REVISION) {
        Some((_, commit)) => status!("building {} from {} at {commit}", build.tag, build.folder.display()),
        None => status!("building {} from {}, which is not in a git repository", build.tag, build.folder.display()),
    }
    let start = Instant::now();
    let image = images::build(&connect()?, &build, workspace, &mut |line| status!("{line}"))?;
    status!("built in {}", human_seconds(start.elapsed().as_secs_f64()));
    print_image("built", &image, workspace);
    Ok(())
}

/// Prints one line about the image and one about its pin.
fn print_image(how: &str, obtained: &ObtainedImage, workspace: &Path) {
    let Image { name, id, .. } = &obtained.image;
    stdout::line(&format!("{name}: {how}, {}", obtained.image.digests.first().unwrap_or(id)));
    let lock = images::lock::path(workspace).display().to_string();
    match &obtained.pin {
        PinChange::New => stdout::line(&format!("pinned in {lock}")),
        PinChange::Same => stdout::line(&format!("matches its pin in {lock}")),
        PinChange::Replaced(before) => {
            stdout::line(&format!("pinned in {lock}, replacing {} of {}", before.content(), before.date));
        }
        PinChange::NotNeeded => stdout::line("not pinned: its digest identifies its content"),
    }
}
