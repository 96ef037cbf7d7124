//! Machines and folders unlike the usual: file systems without locks, pipes and devices where files are wanted, links where the program
//! writes, a stdout that is full, and container engines that fail to pull.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use base::exit;
use base::files::sha256_bytes;

use crate::common::mini;
use crate::common::{repro, run, stderr, stdout};

/// Far more than any of these commands needs; one that waits for a pipe takes for ever.
const PATIENCE: Duration = Duration::from_secs(60);
const TRAIN: &str = "train vqa --data-root data --model tiny --from-scratch --batch-size 4 --eval-batch-size 4 --threads 1 --epochs 1 \
                     --train train --valid valid --output out";

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

/// Runs a command that must end by itself.
#[track_caller]
fn ends(command: &mut Command, code: u8) -> Output {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} waits");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(code.into()), "{command:?}\n{}", stderr(&output));
    output
}

#[track_caller]
fn says(output: &Output, texts: &[&str]) {
    let told = stderr(output);
    for text in texts {
        assert!(told.contains(text), "{text:?} is not in: {told}");
    }
}

fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).unwrap();
}

/// A picture without anything on it.
fn picture(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut picture = png::Encoder::new(fs::File::create(path).unwrap(), 64, 48);
    picture.set_color(png::ColorType::Rgb);
    picture.write_header().unwrap().write_image_data(&[200; 64 * 48 * 3]).unwrap();
}

/// A data root, an image, and a manifest with one asset of this machine.
fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    mini::data_root(&folder.path().join("data"), 9, 4);
    picture(&folder.path().join("images/val2014/a.png"));
    fs::write(folder.path().join("source"), "content").unwrap();
    let manifest = format!(
        "schema = 1\n[[asset]]\nname = \"a\"\ntitle = \"a\"\ngroups = []\npath = \"data/a\"\nurls = [\"file://{}/source\"]\nsize = 7\n\
         sha256 = \"{}\"\n",
        folder.path().display(),
        sha256_bytes(b"content")
    );
    fs::write(folder.path().join("assets.toml"), manifest).unwrap();
    folder
}

/// A library that makes every lock fail so.
fn without_locks(folder: &Path, errno: &str) -> Option<PathBuf> {
    let source = fs::read_to_string(fixtures::beside("cases/no_flock.c")?).unwrap();
    let (file, library) = (folder.join("no_flock.c"), folder.join("no_flock.so"));
    fs::write(&file, source.replace("ENOSYS", errno)).unwrap();
    let mut compiler = Command::new("cc");
    match compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &file]).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            eprintln!("skipped: no C compiler: {error}");
            return None;
        }
    }
    Some(library)
}

/// filelock#67, cargo#3666: `flock` is not implemented, not supported, or has no lock daemon.
#[test]
fn a_file_system_without_locks_keeps_nothing_from_running() {
    for (errno, text) in
        [("ENOSYS", "Function not implemented"), ("EOPNOTSUPP", "not supported"), ("ENOLCK", "No locks available")]
    {
        let world = world();
        let folder = world.path();
        let Some(library) = without_locks(folder, errno) else { return };
        let command = |line: &str| {
            let mut command = repro(folder);
            command.env("LD_PRELOAD", &library).args(words(line));
            command
        };
        let once = |told: &str, folder: &str| {
            assert_eq!(told.matches("has no locks").count(), 1, "{told}");
            assert!(
                told.contains(&format!("warning: the file system of {folder} has no locks")) && told.contains(text),
                "{told}"
            );
            assert!(told.contains("nothing keeps a second run out of it"), "{told}");
        };
        once(&stderr(&run(&mut command(TRAIN), exit::PASS)), "out");
        assert!(folder.join("out/outcome.json").exists());

        let doctor = run(&mut command("doctor --for demo --format json"), exit::PASS);
        let report: serde_json::Value = serde_json::from_str(&stdout(&doctor)).unwrap();
        let row = report["checks"].as_array().unwrap().iter().find(|row| row["name"] == "locks").unwrap();
        assert_eq!(row["state"], "advice");
        assert!(row["found"].as_str().unwrap().contains(text), "{row}");
        assert!(row["advice"].as_str().unwrap().contains("start one at a time"), "{row}");
        if errno != "ENOSYS" {
            continue;
        }

        let line = "extract coco --split valid --order id --images images --out features --backend demo";
        once(&stderr(&command(line).output().unwrap()), "features/.extract-val2014_obj36");

        // The whole demo takes minutes: what it says of the lock comes first.
        let mut all = command("all --profile demo").stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let first = BufReader::new(all.stderr.take().unwrap()).lines().next().unwrap().unwrap();
        all.kill().unwrap();
        all.wait().unwrap();
        once(&first, "workspace/cache");
    }
}

#[test]
fn doctor_tries_the_locks_of_the_workspace_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let report = stdout(&run(repro(folder.path()).args(["doctor", "--for", "demo"]), exit::PASS));
    let row = report.lines().find(|line| line.contains(" locks ")).unwrap();
    assert!(row.contains("fine") && row.contains("runs keep each other out of workspace"), "{row}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_pipe_or_a_device_is_refused_wherever_a_file_is_read() {
    let world = world();
    let folder = world.path();
    pipe(&folder.join("pipe"));
    for name in ["report/report.json", "run/result.json", "hf/config.json", "weights.pth"] {
        pipe(&folder.join(name));
    }
    symlink("pipe", folder.join("link")).unwrap();
    for line in [
        &format!("{TRAIN} --vocab pipe"),
        &format!("{TRAIN} --vocab link"),
        &format!("{TRAIN} --config pipe").replace("--model tiny", ""),
        &format!("{TRAIN} --load weights").replace("--from-scratch", ""),
        "evaluate vqa --data-root data --split valid --predictions pipe",
        "features inspect pipe",
        "features inspect /dev/zero",
        "features inspect .",
        "features compare pipe data/mscoco_imgfeat/val2014_obj36.tsv",
        "convert --from pipe --to out.pth",
        "fetch --list --manifest pipe",
        "fetch --list --lock pipe",
        "verify --manifest assets.toml --lock /dev/zero",
        "report report",
        "check run",
        "regrade run",
        "extract coco --split valid --images images --out features --backend demo --minival pipe",
        "all --profile demo --recipe pipe",
        "all --profile demo --golden pipe",
    ] {
        let told = stderr(&ends(repro(folder).args(words(line)), exit::DATA));
        let is = ["named pipe", "device", "folder"]
            .iter()
            .any(|kind| told.contains(&format!("it is a {kind}, not a regular file")));
        assert!(is && told.contains("next: "), "{line}: {told}");
    }
    for file in ["vqa/train.json", "vqa/trainval_ans2label.json", "mscoco_imgfeat/train2014_obj36.tsv", "vocab.txt"] {
        let path = folder.join("data").join(file);
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        pipe(&path);
        let output = ends(repro(folder).args(words(TRAIN)), exit::DATA);
        says(&output, &[file, "it is a named pipe, not a regular file", "next: "]);
        fs::remove_file(&path).unwrap();
        fs::write(&path, content).unwrap();
    }
}

#[test]
fn a_pipe_where_the_program_writes_is_refused() {
    for (file, line) in [
        ("out/log.log", TRAIN),
        ("out/metrics.jsonl", TRAIN),
        ("workspace/cache/lock", "all --profile demo"),
        (
            "features/.extract-val2014_obj36/lock",
            "extract coco --split valid --order id --images images --out features --backend demo",
        ),
        ("workspace/data/a.part", "fetch a --manifest assets.toml"),
        ("workspace/data/a.claim", "fetch a --manifest assets.toml"),
    ] {
        let world = world();
        let path = world.path().join(file);
        pipe(&path);
        let output = ends(repro(world.path()).args(words(line)), exit::DATA);
        says(&output, &[file, "it is a named pipe, not a regular file", "next: "]);
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo(), "it is still there");
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    for (file, line, code) in [
        ("out/log.log", TRAIN, exit::DATA),
        ("out/metrics.jsonl", TRAIN, exit::DATA),
        ("workspace/cache/lock", "all --profile demo", exit::DATA),
        (
            "features/.extract-val2014_obj36/lock",
            "extract coco --split valid --order id --images images --out features --backend demo",
            exit::DATA,
        ),
        ("workspace/data/a.part", "fetch a --manifest assets.toml", exit::DATA),
        // These are replaced by their own kind, the link itself is.
        ("workspace/data/a.part.json.new", "fetch a --manifest assets.toml", exit::PASS),
        ("out/BEST.safetensors", &format!("{TRAIN} --resume"), exit::PASS),
    ] {
        let world = world();
        let (link, target) = (world.path().join(file), world.path().join("precious"));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        fs::write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        let output = ends(repro(world.path()).args(words(line)), code);
        if code == exit::DATA {
            says(
                &output,
                &[file, "it is a symbolic link, not a regular file", "next: remove it, or name another folder"],
            );
        }
        assert_eq!(fs::read(&target).unwrap(), b"precious", "{file}");
    }
}

#[test]
fn an_output_folder_and_a_workspace_may_be_links_to_folders() {
    let world = world();
    let folder = world.path();
    for (link, target) in [("out", "elsewhere"), ("workspace", "disk")] {
        fs::create_dir(folder.join(target)).unwrap();
        symlink(target, folder.join(link)).unwrap();
    }
    run(repro(folder).args(words(TRAIN)), exit::PASS);
    run(repro(folder).args(words("fetch a --manifest assets.toml")), exit::PASS);
    assert!(folder.join("elsewhere/log.log").is_file() && folder.join("disk/data/a").is_file());
}

#[test]
fn a_result_that_cannot_be_printed_is_an_error_in_every_command() {
    let world = world();
    let folder = world.path();
    let tsv = "data/mscoco_imgfeat/val2014_obj36.tsv";
    run(repro(folder).args(words(TRAIN)), exit::PASS);
    for line in [
        "--help",
        "--version",
        "help fetch",
        "pretrain --help",
        "fetch --list",
        "fetch --list --format json",
        "fetch --task vqa --dry-run",
        "fetch --task vqa --dry-run --format json",
        "fetch a --manifest assets.toml",
        "fetch a --manifest assets.toml --format json",
        "verify --manifest assets.toml",
        "verify --manifest assets.toml --format json",
        "prepare a --manifest assets.toml",
        "prepare a --manifest assets.toml --format json",
        "doctor --for demo",
        "doctor --for demo --format json",
        &format!("features inspect {tsv}"),
        &format!("features inspect {tsv} --format json"),
        &format!("features compare {tsv} {tsv}"),
        "all --profile demo --dry-run",
        "all --profile paper --dry-run",
        "extract coco --split valid --order id --images images --out features --dry-run",
        "convert --from out/BEST --to converted.pth",
        "evaluate vqa --data-root data --load out/BEST --model tiny --split valid --device cpu",
        "predict vqa --data-root data --load out/BEST --model tiny --split valid --device cpu --output p.json",
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = repro(folder).args(words(line)).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(exit::INFRA.into()), "{line}: {}", stderr(&output));
        says(&output, &["error: cannot write to standard output", "No space left on device", "next: "]);
    }
    // A reader that has gone away is no error.
    for line in ["--version", "fetch --list", "verify --manifest assets.toml --format json", "doctor --for demo"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        run(repro(folder).args(words(line)).stdout(writer), exit::PASS);
    }
}

#[test]
fn an_empty_variable_is_named() {
    let world = world();
    for line in [
        "fetch --list",
        "doctor",
        "verify",
        TRAIN,
        "all --profile demo",
        "images list",
        "bash run/vqa_finetune.bash 0 NAME",
    ] {
        let output = ends(repro(world.path()).env("REPRO_WORKSPACE", "").args(words(line)), exit::USAGE);
        says(
            &output,
            &["error: REPRO_WORKSPACE is set but empty", "next: set REPRO_WORKSPACE to a folder, or unset it"],
        );
    }
    // What is given counts, and what needs no workspace needs no variable.
    for line in
        ["verify --manifest assets.toml --workspace w", "features inspect data/mscoco_imgfeat/val2014_obj36.tsv"]
    {
        let output = repro(world.path()).env("REPRO_WORKSPACE", "").args(words(line)).output().unwrap();
        assert!(!stderr(&output).contains("REPRO_WORKSPACE"), "{}", stderr(&output));
    }
}

/// An engine that fails each pull as its mode says, which is read for each request.
struct Engine {
    python: std::process::Child,
    socket: PathBuf,
}

impl Engine {
    fn start(folder: &Path) -> Option<Self> {
        let original = fs::read_to_string(fixtures::beside("cases/docker/engine_that_fails_to_pull.py")?).unwrap();
        let (script, socket) = (folder.join("engine.py"), folder.join("engine.sock"));
        let request = "    def any(self):\n";
        assert!(original.contains(request));
        let modes = "        global MODE; MODE=open(SOCK+'.mode').read(); ERR['more']=open(SOCK+'.more').read()\n";
        fs::write(&script, original.replacen(request, &format!("{request}{modes}"), 1)).unwrap();
        let mut python = Command::new("python3");
        python.args([&script, &socket]).arg("more").stdout(Stdio::null()).stderr(Stdio::null());
        let mut python = match python.spawn() {
            Ok(python) => python,
            Err(error) => {
                eprintln!("skipped: no Python: {error}");
                return None;
            }
        };
        let start = Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(python.try_wait().unwrap().is_none() && start.elapsed() < PATIENCE, "the stand-in does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { python, socket })
    }

    /// From now on it fails so; `text` is that of the mode `more`.
    fn fail(&self, mode: &str, text: &str) {
        for (ending, content) in [("mode", mode), ("more", text)] {
            fs::write(self.socket.with_extension(format!("sock.{ending}")), content).unwrap();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}

/// moby#44521 and others: each kind of failure has its own cause, advice and exit code.
#[test]
fn what_keeps_an_image_from_coming_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(engine) = Engine::start(folder.path()) else { return };
    let old = "this container engine is too new for image docker.io/airsplay/bottom-up-attention:latest";
    let certificate = "does not accept the certificate of the registry";
    let unreachable = "the container engine does not reach the registry";
    let ids = "its user namespace has too few user and group ids";
    let storage = "the container engine cannot store image";
    let rows = [
        ("schema1", "", exit::INFRA, old, "Docker before 26, or Podman"),
        ("schema1ctd", "", exit::INFRA, old, "skopeo copy docker://docker.io/airsplay/bottom-up-attention:latest"),
        ("more", "unsupported manifest: schema1 is gone", exit::INFRA, old, "repro images pin"),
        ("rate", "", exit::NETWORK, "its limit of pulls is reached", "log in (docker login) or wait"),
        (
            "more",
            "unexpected status: 429 Too Many Requests",
            exit::NETWORK,
            "its limit of pulls is reached",
            "docker login",
        ),
        ("tls", "", exit::NETWORK, certificate, "authority (CA)"),
        (
            "more",
            "x509: certificate signed by unknown authority",
            exit::NETWORK,
            certificate,
            "certs.d/docker.io/ca.crt",
        ),
        ("more", "x509: certificate has expired or is not yet valid", exit::NETWORK, certificate, "set the clock"),
        ("proxy", "", exit::NETWORK, unreachable, "set HTTPS_PROXY for the engine"),
        ("more", "proxyconnect tcp: dial tcp 10.0.0.1:3128: i/o timeout", exit::NETWORK, unreachable, "HTTPS_PROXY"),
        (
            "more",
            "dial tcp: lookup registry.example.org: no such host",
            exit::NETWORK,
            unreachable,
            "check the network",
        ),
        ("quota", "", exit::DISK, "no room left on the disk", "raise the quota"),
        ("more", "write /x: no space left on device", exit::DISK, "no room left on the disk", "free some space"),
        ("lchown", "", exit::INFRA, ids, "--add-subuids"),
        ("more", "newuidmap: uid range [0-1) -> [0-1) not allowed", exit::INFRA, ids, "podman system migrate"),
        ("overlay", "", exit::INFRA, storage, "run this again; if it stays so, see the engine's log"),
        (
            "more",
            "error creating overlay mount to /x: invalid argument",
            exit::INFRA,
            storage,
            "not a network file system",
        ),
        ("more", "manifest unknown", exit::NETWORK, "the registry does not give image", "check the name"),
    ];
    for (mode, text, code, cause, advice) in rows {
        engine.fail(mode, text);
        let mut pull = repro(folder.path());
        pull.args(["images", "pull", "extractor"]).env("DOCKER_HOST", format!("unix://{}", engine.socket.display()));
        says(&ends(&mut pull, code), &["error: ", cause, text, "next: ", advice]);
    }
}
