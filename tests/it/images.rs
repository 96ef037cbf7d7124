//! `repro images` against a real engine and a real registry.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use base::cause::PullReason;
use base::error::Kind;
use base::progress::{Event, Silent};
use engines::private;
use engines::shared;
use lxmert_repro::images::{self, Role};
use rustix::process::{Pid, Signal, kill_process};
use sandbox::build::BuildNetwork;
use sandbox::failure::TimeLimit;
use sandbox::{Build, Cause, Engine};
use serde_json::Value;

use crate::common::fetching::{content, until};
use crate::common::registry::{CuttableProxy, Images, Registry, built};
use crate::common::{run, stderr, stdout};

/// `repro images …` in a folder, with the engine of the tests.
fn repro(folder: &Path, words: &[&str]) -> Command {
    let mut command = crate::common::repro(folder);
    command.arg("images").args(words);
    if let Some(host) = std::env::var_os("DOCKER_HOST") {
        command.env("DOCKER_HOST", host);
    }
    command
}

fn lock(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("workspace/data/images.lock")).unwrap()
}

/// What `list` says of an image.
fn listed(folder: &Path, name: &str) -> Value {
    let output = run(&mut repro(folder, &["list", "--format", "json"]), 0);
    let list: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let found = list["images"].as_array().unwrap().iter().find(|image| image["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {list}")).clone()
}

#[track_caller]
fn says(output: &Output, texts: &[&str]) {
    let all = stdout(output) + &stderr(output);
    assert!(texts.iter().all(|text| all.contains(text)), "{texts:?} in {all}");
}

#[test]
fn a_tag_that_moved_is_refused_until_it_is_accepted() {
    let Some((engine, _)) = shared::engine("test-images") else { return };
    let Some(registry) = Registry::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let name = &registry.name("test/moving:1");
    let mut here = Images::new(&engine, &[name]);
    let old = registry.publish(&engine, name, &content(3_000_000));
    let by_digest = format!("{}@{old}", registry.name("test/moving"));

    let pulled = run(&mut repro(folder, &["pull", name]), 0);
    says(&pulled, &["1 of 1 layers, 3.0 MB fetched", &by_digest, "pinned in workspace/data/images.lock"]);
    let first = engine.image(name).unwrap();
    here.names.push(first.id.clone());
    let pinned = lock(folder);
    assert!(pinned.contains(&format!("digest = \"{old}\"")) && pinned.contains(&first.id), "{pinned}");
    says(&run(&mut repro(folder, &["pull", name]), 0), &["matches its pin"]);
    let resolved = images::resolve(&engine, Role::Extractor, Some(name), &folder.join("workspace")).unwrap();
    assert_eq!((resolved.image.id.as_str(), resolved.warning()), (first.id.as_str(), None));

    // The tag moves; first where nothing is here, then where the old content is.
    let new = registry.publish(&engine, name, &content(2_000_000));
    let refused = run(&mut repro(folder, &["pull", name]), 7);
    says(&refused, &["not the pinned one", &old, &new, &format!("repro images pull {by_digest}"), "--accept"]);
    assert!(matches!(*engine.image(name).unwrap_err().cause, Cause::ImageMissing { .. }));
    says(&run(&mut repro(folder, &["pull", &by_digest]), 0), &["matches its pin"]);
    assert_eq!(engine.image(name).unwrap().id, first.id, "it has its name again");
    says(&run(&mut repro(folder, &["pull", name]), 7), &["nothing was changed"]);
    assert_eq!((engine.image(name).unwrap().id, lock(folder)), (first.id.clone(), pinned));
    assert_eq!(listed(folder, name)["state"], "pinned");

    let accepted = run(&mut repro(folder, &["pull", name, "--accept"]), 0);
    says(&accepted, &[&new, "replacing", &old]);
    assert_ne!(engine.image(name).unwrap().id, first.id);

    // Somebody names the old content so: whatever runs refuses it.
    engine.tag_image(&first.id, name).unwrap();
    let changed = listed(folder, name);
    assert_eq!(
        (&changed["state"], &changed["next"]),
        (&"changed".into(), &format!("repro images pull {}@{new}", registry.name("test/moving")).into())
    );
    let error = images::resolve(&engine, Role::Extractor, Some(name), &folder.join("workspace")).unwrap_err();
    assert_eq!(error.kind(), Kind::Checksum);
    assert!(error.to_string().contains(&old) && error.to_string().contains("get the pinned one with"), "{error}");
    let next = changed["next"].as_str().unwrap().strip_prefix("repro images ").unwrap();
    run(&mut repro(folder, &next.split(' ').collect::<Vec<_>>()), 0);
    assert_eq!(listed(folder, name)["state"], "pinned");
}

#[test]
fn what_a_registry_does_not_give_is_named() {
    let Some((engine, _)) = shared::engine("test-images") else { return };
    let Some(registry) = Registry::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let (name, unknown) = (&registry.name("test/broken:1"), &registry.name("test/unknown:1"));
    let _images = Images::new(&engine, &[name]);
    let failure =
        |name: &str, silence: u64| *engine.pull(name, Duration::from_secs(silence), &Silent).unwrap_err().cause;
    let refused = failure(unknown, 60);
    assert!(
        matches!(&refused, Cause::ImagePull { reason: PullReason::Refused, .. }) && !refused.may_be_spurious(),
        "{refused}"
    );
    let output = run(&mut repro(place.path(), &["pull", unknown]), 6);
    says(&output, &["the registry refuses image", "manifest unknown", "next: check the name"]);
    assert!(!place.path().join("workspace").exists(), "nothing was pinned");
    says(&run(&mut repro(place.path(), &["pull", "No/Name"]), 2), &["is not the name of an image"]);
    says(&run(&mut repro(place.path(), &["pull", "train"]), 2), &["repro images build train"]);

    let digest = registry.publish(&engine, name, &content(4_000_000));
    let spurious = |cause: Cause| {
        assert!(
            matches!(&cause, Cause::ImagePull { reason: PullReason::Failed, .. }) && cause.may_be_spurious(),
            "{cause}"
        );
        assert!(engine.image(name).is_err(), "nothing of it is here");
        cause.to_string()
    };
    // The way is cut within the layer; the engine itself tries again for a minute.
    let proxy = CuttableProxy::to(&registry.address, 1_000_000);
    let cut = spurious(failure(&format!("{}/test/broken:1", proxy.address), 3));
    assert!(proxy.is_cut() && cut.contains("no progress for 3.0 s"), "{cut}");
    // A registry that takes calls and never answers.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = spurious(failure(&format!("{}/test/broken:1", mute.local_addr().unwrap()), 1));
    assert!(silent.contains("no progress for 1.0 s"), "{silent}");
    // A layer that is cut short, or another one.
    let layer = &registry.blobs()[0];
    let bytes = std::fs::read(layer).unwrap();
    let mut wrong = bytes.clone();
    wrong[1_000_000] ^= 1;
    std::fs::write(layer, &wrong).unwrap();
    spurious(failure(&format!("{}@{digest}", registry.name("test/broken")), 60));
    std::fs::write(layer, &bytes).unwrap();
    let told = Mutex::new(Vec::new());
    let observer = |event: &Event| {
        if let Event::Progress { done, total, detail, .. } = event {
            told.lock().unwrap().push((*done, *total, detail.clone()));
        }
    };
    let image = engine.pull(name, Duration::from_secs(60), &observer).unwrap();
    let told = told.into_inner().unwrap();
    assert!(image.has_digest(&digest));
    let (done, total, layers) = told.last().unwrap();
    assert!(Some(*done) == *total && *done >= 4_000_000 && layers == "1 of 1 layers", "{done} of {total:?}, {layers}");
    assert!(told.windows(2).all(|two| two[0].0 <= two[1].0));
    let gone = registry.address.clone();
    drop(registry);
    assert!(failure(&format!("{gone}/test/broken:1"), 60).to_string().contains("connection refused"));
}

#[test]
fn an_image_of_this_machine_is_pinned_by_its_id() {
    let Some((engine, _)) = shared::engine("test-images") else { return };
    let place = tempfile::tempdir().unwrap();
    let (folder, workspace) = (place.path(), &place.path().join("workspace"));
    let name = &format!("docker.io/lxmert-repro-test/local:{}", std::process::id());
    let mut here = Images::new(&engine, &[name]);
    let resolve = |engine: &Engine, asked: &str| images::resolve(engine, Role::Train, Some(asked), workspace);
    let missing = resolve(&engine, name).unwrap_err();
    assert!(missing.to_string().contains(&format!("repro images pull {name} --workspace")), "{missing}");
    assert_eq!(missing.kind(), Kind::Infra);

    let first = built(&engine, name, b"one");
    here.names.push(first.id.clone());
    let unpinned = resolve(&engine, name).unwrap();
    assert!(unpinned.warning().is_some_and(|text| text.contains("is not pinned")) && unpinned.image.digests.is_empty());
    says(&run(&mut repro(folder, &["pin", name]), 0), &["present, sha256:", &first.id, "pinned in"]);
    says(&run(&mut repro(folder, &["pin", name]), 0), &["matches its pin"]);
    assert!(lock(folder).contains(&first.id) && !lock(folder).contains("digest"), "{}", lock(folder));
    assert!(resolve(&engine, name).unwrap().pinned);
    let short = name.trim_start_matches("docker.io/");
    assert!(resolve(&engine, short).unwrap().pinned, "the same in short");

    let second = built(&engine, name, b"two");
    assert_ne!(second.id, first.id);
    let changed = resolve(&engine, name).unwrap_err();
    assert_eq!(changed.kind(), Kind::Checksum);
    assert!(changed.to_string().contains(&format!("docker tag {} {name}", first.id)), "{changed}");
    for id in [second.id.as_str(), &second.id["sha256:".len()..][..12]] {
        assert!(resolve(&engine, id).unwrap().pinned, "an id names the content itself");
        says(&run(&mut repro(folder, &["pin", id]), 2), &["nothing to pin"]);
    }
    says(&run(&mut repro(folder, &["pin", name]), 7), &["not the pinned one", "nothing was changed"]);
    says(&run(&mut repro(folder, &["pin", name, "--accept"]), 0), &["replacing", &first.id]);
    assert!(resolve(&engine, name).unwrap().pinned);
    std::fs::write(images::lock::path(workspace), "schema = 1\npin = 7\n").unwrap();
    says(&run(&mut repro(folder, &["list"]), 5), &["images.lock is invalid"]);
}

#[test]
fn the_same_with_podman() {
    let Some((shared, _)) = shared::engine("test-images") else { return };
    let Some(registry) = Registry::start() else { return };
    let Some(own) = private::PrivateEngine::podman_with_registry(&registry.address) else { return };
    let engine = own.connect("test-images");
    let place = tempfile::tempdir().unwrap();
    let (name, host) = (&registry.name("test/podman:1"), own.host());
    let _images = Images::new(&shared, &[name]);
    let repro = |words: &[&str], code: i32| run(repro(place.path(), words).env("DOCKER_HOST", &host), code);
    let old = registry.publish(&shared, name, &content(300_000));
    says(&repro(&["pull", name], 0), &["layers", &format!("@{old}"), "pinned in"]);
    let first = engine.image(name).unwrap();
    assert!(first.id.starts_with("sha256:") && first.has_digest(&old), "{first:?}");
    // It cannot say what a tag has before it has pulled it: what is here must come back.
    let new = registry.publish(&shared, name, &content(200_000));
    says(&repro(&["pull", name], 7), &["not the pinned one", &new, "nothing was changed"]);
    assert_eq!(engine.image(name).unwrap().id, first.id);
    engine.untag_image(name).unwrap();
    says(&repro(&["pull", name], 7), &["not the pinned one"]);
    assert!(engine.image(name).is_err(), "nothing has the name");
    says(&repro(&["pull", &format!("{}@{old}", registry.name("test/podman"))], 0), &["matches its pin"]);
    assert_eq!(engine.image(name).unwrap().id, first.id);
    says(&repro(&["pull", &registry.name("test/unknown:1")], 6), &["the registry refuses image"]);
    says(&repro(&["pull", "127.0.0.1:1/test/unreachable:1"], 6), &["cannot reach the registry"]);

    let local = "lxmert-repro-test/local";
    let one = built(&engine, local, b"one");
    assert_eq!(engine.image(local).unwrap().id, one.id);
    says(&repro(&["pin", local], 0), &["pinned in"]);
    built(&engine, local, b"two");
    says(&repro(&["pin", local], 7), &["not the pinned one", &one.id]);
    for wrong in ["WHAT is this\n", "FROM scratch\nCOPY nothing /\n"] {
        let folder = source(wrong);
        let failure = engine.build(&Build::new(folder.path(), "Dockerfile", local), &mut |_| ()).unwrap_err();
        // Without a network the registry is not reached; with one it has no such image.
        let hindered = wrong.contains("nowhere") && matches!(*failure.cause, Cause::ImagePull { .. });
        assert!(hindered || matches!(*failure.cause, Cause::BuildFailed { .. }), "{wrong}: {failure}");
    }
}

#[test]
fn without_an_engine() {
    let place = tempfile::tempdir().unwrap();
    let mut command = repro(place.path(), &["list"]);
    let output = run(command.env("DOCKER_HOST", "unix:///nowhere/docker.sock"), 4);
    says(&output, &["no container engine answers at unix:///nowhere/docker.sock", "start Docker"]);
}

/// A folder to build from, with its Dockerfile.
fn source(dockerfile: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    folder
}

/// Commands of all containers of the engine.
fn commands(engine: &Engine) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let docker = bollard::Docker::connect_with_host(engine.host()).unwrap();
    let all = bollard::query_parameters::ListContainersOptionsBuilder::default().all(true).build();
    let list = runtime.block_on(async { docker.list_containers(Some(all)).await }).unwrap();
    list.into_iter().filter_map(|container| container.command).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_build_tells_its_lines_and_its_failing_step() {
    let Some((engine, _)) = shared::engine("test-images") else { return };
    let name = format!("lxmert-repro-test/build:{}", std::process::id());
    let mut here = Images::new(&engine, &[&name]);
    let folder =
        source(&format!("FROM {}\nARG WORD\nCOPY . /here\nRUN echo $WORD; ls /here; echo wrong >&2\n", shared::BASE));
    std::fs::write(folder.path().join("seen"), "").unwrap();
    std::fs::write(folder.path().join("unseen"), "").unwrap();
    let mut build = Build::new(folder.path(), "Dockerfile", &name);
    build.args = vec![("WORD".into(), "said & done".into())];
    build.labels = vec![("a.b".into(), "c = d".into())];
    build.ignore = vec!["unseen".into()];
    build.network = BuildNetwork::None;
    let mut lines = Vec::new();
    let image = engine.build(&build, &mut |line| lines.push(line.to_owned())).unwrap();
    here.names.push(image.id.clone());
    assert!(["said & done", "seen", "wrong"].iter().all(|text| lines.iter().any(|line| line == text)), "{lines:?}");
    assert!(!lines.iter().any(|line| line == "unseen"), "{lines:?}");
    let details = engine.details(&name).unwrap();
    assert_eq!((&details.image.id, details.labels["a.b"].as_str()), (&image.id, "c = d"));
    assert!(image.id.starts_with("sha256:") && image.digests.is_empty() && details.size.unwrap() > 1_000_000);

    let fails = |dockerfile: &str, change: &dyn Fn(&mut Build)| {
        std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let mut build = build.clone();
        change(&mut build);
        let failure = engine.build(&build, &mut |_| ()).unwrap_err();
        assert_eq!(engine.image(&name).unwrap().id, image.id, "the earlier image stays: {failure}");
        failure
    };
    let step = format!("FROM {}\nRUN echo so it is; exit 3\n", shared::BASE);
    let failure = fails(&step, &|_| ());
    assert!(
        matches!(&*failure.cause, Cause::BuildFailed { why, .. } if why.starts_with("Step 2/") && why.ends_with("code: 3")),
        "{failure}"
    );
    assert!(failure.last_lines.contains(&"so it is".to_owned()), "{failure:?}");
    let text = base::error::Error::from(failure).to_string();
    assert!(text.starts_with(&format!("build of {name}: image {name} could not be built")), "{text}");
    for wrong in ["WHAT is this\n", "FROM lxmert-repro-test/nowhere:1\n", "FROM scratch\nCOPY nothing /\n", ""] {
        let failure = fails(wrong, &|_| ());
        // Without a network the registry is not reached; with one it has no such image.
        let hindered = wrong.contains("nowhere") && matches!(*failure.cause, Cause::ImagePull { .. });
        assert!(hindered || matches!(*failure.cause, Cause::BuildFailed { .. }), "{wrong}: {failure}");
    }
    let full = format!("FROM {}\nRUN echo 'cp: error writing a: No space left on device' >&2; exit 1\n", shared::BASE);
    assert!(matches!(*fails(&full, &|_| ()).cause, Cause::DiskFull { .. }));
    let missing = fails("", &|build| build.dockerfile = "other/Dockerfile".into());
    assert!(matches!(*missing.cause, Cause::MountMissing { .. }), "{missing}");
    let long = fails(&step, &|build| build.args = vec![("A".into(), "x".repeat(70_000))]);
    assert!(long.to_string().contains("70002 bytes"), "{long}");

    // Silence ends a build, and its container goes with it.
    let number = 900_000 + std::process::id();
    let silent = format!("FROM {}\nRUN echo before; sleep {number}\n", shared::BASE);
    let failure = fails(&silent, &|build| build.silence = Duration::from_secs(3));
    assert!(matches!(*failure.cause, Cause::TimedOut { limit: TimeLimit::Silence, .. }), "{failure}");
    assert!(failure.last_lines.contains(&"before".to_owned()));
    until("the end of the step", || !commands(&engine).contains(&number.to_string()));
}

#[test]
fn a_build_that_is_interrupted_leaves_no_container() {
    let Some((engine, _)) = shared::engine("test-images") else { return };
    for (signal, number) in [(Signal::INT, 910_000), (Signal::KILL, 920_000)] {
        let number = (number + std::process::id()).to_string();
        let folder = source(&format!("FROM {}\nRUN echo before; sleep {number}\n", shared::BASE));
        let name = format!("lxmert-repro-test/interrupted:{number}");
        let source = folder.path().display().to_string();
        let words = ["build", "extractor", "--source", &source, "--tag", &name];
        let mut child = repro(folder.path(), &words).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        until("the step", || commands(&engine).contains(&number));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let status = child.wait().unwrap();
        if signal == Signal::INT {
            assert_eq!(status.code(), Some(130));
            let text = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
            assert!(text.contains("stopped on request (signal 2)"), "{text}");
        }
        until("the end of the step", || !commands(&engine).contains(&number));
        assert!(engine.image(&name).is_err() && !folder.path().join("workspace").exists());
    }
}

#[test]
fn building_again_pins_the_new_image() {
    let Some((engine, _)) = shared::engine("test-images") else { return };
    let folder = source("");
    let (root, place) = (folder.path(), tempfile::tempdir().unwrap());
    let dockerfile = root.join("docker/train/Dockerfile");
    std::fs::create_dir_all(root.join("docker/train")).unwrap();
    std::fs::write(
        &dockerfile,
        "FROM scratch\nARG A\nARG SOURCE_COMMIT\nLABEL a=$A commit=$SOURCE_COMMIT\nCOPY . /all\n",
    )
    .unwrap();
    let git = |words: &[&str]| {
        let settings = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        run(Command::new("git").arg("-C").arg(root).args(settings).args(words), 0)
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "first"]);
    let commit = stdout(&git(&["rev-parse", "HEAD"])).trim().to_owned();
    let name = &format!("docker.io/lxmert-repro-test/source:{}", std::process::id());
    let mut here = Images::new(&engine, &[name]);
    let source = root.display().to_string();
    let build = |more: &[&str]| {
        let words = ["build", "train", "--tag", name, "--network", "none", "--source", &source];
        run(&mut repro(place.path(), &[&words[..], more].concat()), 0)
    };
    says(&build(&["--build-arg", "A=one"]), &[&format!("at {commit}\n"), "Step 1/", "built in", "pinned in"]);
    let first = engine.details(name).unwrap();
    here.names.push(first.image.id.clone());
    assert_eq!((first.labels["a"].as_str(), &first.labels["commit"]), ("one", &commit));
    let row = listed(place.path(), name);
    assert_eq!((&row["state"], &row["source_commit"]), (&"pinned".into(), &Value::from(commit.as_str())));
    assert_eq!(row["pin"]["how"], "built");
    says(&build(&["--build-arg", "A=one"]), &["matches its pin"]);
    std::fs::write(root.join("changed"), "").unwrap();
    says(&build(&["--build-arg", "A=two"]), &[&format!("{commit}-dirty"), "replacing", &first.image.id]);
    assert_eq!(engine.details(name).unwrap().labels["a"], "two");
    assert_eq!(listed(place.path(), name)["state"], "pinned");

    let refused = run(&mut repro(place.path(), &["build", "train"]), 2);
    says(&refused, &["docker/train/Dockerfile", "--source"]);
    says(&run(&mut repro(place.path(), &["build", "extractor"]), 2), &["comes from a registry", "repro images pull"]);
    run(&mut repro(place.path(), &["build", "train", "--build-arg", "A"]), 2);
}
