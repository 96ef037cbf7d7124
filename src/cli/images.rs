//! `repro images`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::assets::Format;
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

/// List, fetch, build and pin the container images that the program runs in
///
/// A pin records what is in an image: the registry's digest, or the id of one that was built here. Whatever runs in an
/// image refuses another one than the pinned.
#[derive(Debug, ClapArgs)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  repro images list                      what there is, what is here of it, and what to do next
  repro images pull extractor            the original's feature extraction; what comes is pinned
  repro images build train               the training image, from this repository
  repro images build train --build-arg LIBTORCH=cuda
  repro images pin train                 pin what is here, such as an image that docker load brought
  repro images pull extractor --accept   take what the tag has now, and pin it

Names: extractor, train, or any image's name. DOCKER_HOST says which engine (Docker, Podman).
Pins are kept in <workspace>/data/images.lock.

Exit codes: 0 done; 2 usage; 4 no engine, or not built; 6 no registry has it; 7 another image
than the pinned one (nothing is changed); 8 disk full.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the images: what is here, what is pinned, and the command that comes next
    List(List),
    /// Fetch an image from its registry and pin it
    Pull(Pull),
    /// Build an image from its Dockerfile and pin it
    Build(Build),
    /// Pin an image that is here
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

States in JSON: pinned, unpinned, changed (another image than the pinned one), missing.")]
struct List {
    #[command(flatten)]
    place: Place,
    /// What to print: a page for people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  repro images pull extractor
  repro images pull registry.example.org/lxmert/train:1
  repro images pull docker.io/airsplay/bottom-up-attention@sha256:DIGEST   exactly this content

A registry that wants a login: docker login, docker pull, then repro images pin.")]
struct Pull {
    /// extractor, or an image's name: NAME, NAME:TAG or NAME@DIGEST
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Take what the tag has now, in place of what is pinned
    #[arg(long)]
    accept: bool,
    /// Give up when nothing came for so long
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

The Dockerfile says which arguments it takes. Whatever .dockerignore names, .git, target/ and the workspace stay outside.
Building again pins the new image in place of the old one.")]
struct Build {
    /// train or extractor
    #[arg(value_name = "IMAGE", value_parser = ["train", "extractor"])]
    image: String,
    /// Folder with the Dockerfile [default for train: the repository that the current folder is in]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Argument for the Dockerfile. Can be repeated; can be read in the image's history
    #[arg(long, value_name = "NAME=VALUE", value_parser = argument)]
    build_arg: Vec<(String, String)>,
    /// Name for the image, in place of its usual one
    #[arg(long, value_name = "NAME:TAG")]
    tag: Option<String>,
    /// Network of the build's steps; host where containers do not get out otherwise
    #[arg(long, value_enum, default_value = "default")]
    network: Network,
    /// Give up after so long without a line of output
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..))]
    stall_timeout: u64,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  repro images pin extractor
  repro images pin train --accept        another one than before, on purpose")]
struct Pin {
    /// extractor, train, or an image's name
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Pin what is here, in place of what is pinned
    #[arg(long)]
    accept: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Network {
    /// The engine's usual one
    Default,
    /// This machine's own
    Host,
    /// None
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
/// Usage, infra, network, checksum, disk, as [`base::exit`] has them.
pub(crate) fn run(args: Args) -> Result<u8> {
    match args.command {
        Command::List(args) => list(&args)?,
        Command::Pull(args) => pull(&args)?,
        Command::Build(args) => build(args)?,
        Command::Pin(args) => {
            let brought = images::pin(&connect()?, &args.image, args.accept, &args.place.workspace)?;
            tell("here", &brought, &args.place.workspace);
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
        Format::Text => stdout::line(&sanitize::lines(&images::list::page(&rows))),
        Format::Json => stdout::line(&pretty(&images::list::json(&rows))?),
    }
    Ok(())
}

fn pull(args: &Pull) -> Result<()> {
    if Role::named(&args.image).is_some_and(|role| role == Role::Train) {
        return Err(Error::usage("no registry has the training image of this program")
            .next("`repro images build train` builds it; to use one of your own registry, pull it by its full name"));
    }
    let engine = connect()?;
    let name = images::name_of(&args.image)?;
    let display = PullDisplay::new(&Reference::parse(&name)?.to_string());
    let silence = Duration::from_secs(args.stall_timeout);
    let workspace = &args.place.workspace;
    let brought = images::pull(&engine, &args.image, args.accept, silence, workspace, &display)?;
    display.finish();
    tell("pulled", &brought, workspace);
    Ok(())
}

fn build(args: Build) -> Result<()> {
    let role = Role::named(&args.image).ok_or_else(|| Error::usage(format!("there is no image `{}`", args.image)))?;
    let workspace = &args.place.workspace;
    let mut build = images::build_of(&known::of(role)?, args.source.as_deref(), workspace)?;
    // A later one of the same name counts.
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
        None => status!("building {} from {}, which git does not know", build.tag, build.folder.display()),
    }
    let start = Instant::now();
    let brought = images::build(&connect()?, &build, workspace, &mut |line| status!("{line}"))?;
    status!("built in {}", human_seconds(start.elapsed().as_secs_f64()));
    tell("built", &brought, workspace);
    Ok(())
}

/// One line for the image, one for its pin.
fn tell(how: &str, brought: &ObtainedImage, workspace: &Path) {
    let Image { name, id, .. } = &brought.image;
    stdout::line(&format!("{name}: {how}, {}", brought.image.digests.first().unwrap_or(id)));
    let place = images::lock::path(workspace).display().to_string();
    match &brought.pin {
        PinChange::New => stdout::line(&format!("pinned in {place}")),
        PinChange::Same => stdout::line(&format!("the pinned one of {place}")),
        PinChange::Replaced(before) => {
            stdout::line(&format!("pinned in {place}, in place of {} of {}", before.content(), before.date));
        }
        PinChange::NotNeeded => stdout::line("not pinned: its digest says what is in it"),
    }
}
