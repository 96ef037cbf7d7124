//! The ways to a GPU: the exact refusals of engines without NVIDIA's toolkit, and the answers of engines with stand-ins for
//! it. A stand-in proves that the request is right, not that a real GPU would be found.

use base::error::Error;
use engines::own::{OwnEngine, write_script};
use sandbox::gpu::heeds_requests;
use sandbox::{Cause, Engine, Failure, GpuPath, Gpus, Image};

/// Path, what the engine said, and what the person is told.
#[track_caller]
fn no_gpu(failure: Failure) -> (GpuPath, String, String) {
    match (*failure.cause).clone() {
        Cause::NoGpu { path, why, .. } => (path, why, Error::from(failure).to_string()),
        other => panic!("{other}"),
    }
}

/// What a probe of everything finds, in words.
fn seen(engine: &Engine, image: &Image, gpus: &Gpus, path: GpuPath) -> String {
    match engine.probe_gpus(image, gpus, path) {
        Ok(found) => {
            let words = found.iter().map(|gpu| format!("{} {:?} {}", gpu.name, gpu.compute_capability, gpu.driver));
            words.collect::<Vec<_>>().join("; ")
        }
        Err(failure) => no_gpu(failure).1,
    }
}

#[test]
fn without_the_toolkit_every_way_is_refused_and_the_way_to_mend_it_named() {
    let Some(own) = OwnEngine::docker(None, &[]) else { return };
    let (engine, image) = (own.connect("test-gpu"), own.image_with_script("localhost/gpu-any", "nvidia-smi", "exit 0"));
    let probe = |path| no_gpu(engine.probe_gpus(&image, &Gpus::All, path).unwrap_err());
    let (path, why, text) = probe(GpuPath::Auto);
    assert_eq!(
        (path, why.as_str()),
        (GpuPath::DeviceRequests, r#"could not select device driver "" with capabilities: [[gpu]]"#)
    );
    insta::assert_snapshot!(text, @r#"
    look for a GPU: no GPU in the container, asked for by device requests (--gpus): could not select device driver "" with capabilities: [[gpu]]
      next: install nvidia-container-toolkit, then `sudo nvidia-ctk runtime configure --runtime=docker` and `sudo systemctl restart docker`; `repro doctor` checks each part of the way
    "#);
    let (path, why, text) = probe(GpuPath::NvidiaRuntime);
    assert_eq!((path, why.as_str()), (GpuPath::NvidiaRuntime, "Unknown runtime specified nvidia"));
    assert!(text.contains("nvidia-ctk runtime configure --runtime=docker"), "{text}");
    let (path, why, text) = probe(GpuPath::Cdi);
    assert_eq!((path, why.as_str()), (GpuPath::Cdi, r#"could not select device driver "cdi" with capabilities: []"#));
    assert!(text.contains("Docker 28.2 or newer") && text.contains("nvidia-ctk cdi generate"), "{text}");
}

#[test]
fn with_stand_ins_both_of_dockers_ways_work_and_the_answer_is_believed_only_if_it_is_one() {
    let tools = tempfile::tempdir().unwrap();
    write_script(&tools.path().join("nvidia-container-runtime-hook"), "cat >/dev/null; exit 0");
    let runtime = ["--add-runtime", "nvidia=/usr/sbin/runc"];
    let Some(own) = OwnEngine::docker(Some(tools.path()), &runtime) else { return };
    let engine = own.connect("test-gpu");
    assert!(engine.facts().runtimes.iter().any(|runtime| runtime == "nvidia"));

    // It lists as many as the container was given.
    let v100 = own.image_with_script(
        "localhost/gpu-v100",
        "nvidia-smi",
        r#"[ "$NVIDIA_DRIVER_CAPABILITIES" = compute,utility ] || exit 9
[ "$NVIDIA_VISIBLE_DEVICES" = all ] && NVIDIA_VISIBLE_DEVICES=0,1
IFS=,; n=0; for id in $NVIDIA_VISIBLE_DEVICES; do echo "$n, Tesla V100-SXM2-16GB, 7.0, 535.183.01, 16384"; n=$((n + 1)); done"#,
    );
    let two = "Tesla V100-SXM2-16GB Some((7, 0)) 535.183.01; Tesla V100-SXM2-16GB Some((7, 0)) 535.183.01";
    let second = Gpus::Some(vec!["1".into()]);
    for path in [GpuPath::Auto, GpuPath::DeviceRequests, GpuPath::NvidiaRuntime] {
        assert_eq!(seen(&engine, &v100, &Gpus::All, path), two, "{path:?}");
        let one = engine.probe_gpus(&v100, &second, path).unwrap();
        assert_eq!((one.len(), one[0].memory, one[0].is_at_most((7, 9))), (1, Some(16 << 30), Some(true)), "{path:?}");
    }

    let new = own.image_with_script(
        "localhost/gpu-h100",
        "nvidia-smi",
        "echo 0, NVIDIA H100 80GB HBM3, 9.0, 570.86.15, 81559",
    );
    let found = engine.probe_gpus(&new, &Gpus::All, GpuPath::Auto).unwrap();
    assert_eq!(found[0].is_at_most((7, 9)), Some(false));
    // A request that is not heeded gives other GPUs than asked for.
    let pair = Gpus::Some(vec!["0".into(), "1".into()]);
    assert_eq!(seen(&engine, &new, &pair, GpuPath::Auto), "2 were asked for (0,1), nvidia-smi lists 1");

    let old = own.image_with_script(
        "localhost/gpu-old",
        "nvidia-smi",
        r#"case "$*" in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2 ;; esac
echo 0, Tesla P100-PCIE-16GB, 418.226.00, 16280"#,
    );
    assert_eq!(seen(&engine, &old, &Gpus::All, GpuPath::Auto), "Tesla P100-PCIE-16GB Some((6, 0)) 418.226.00");

    for (name, script, why) in [
        ("empty", "exit 0", "nvidia-smi lists none"),
        ("none", "echo No devices were found", "nvidia-smi lists none"),
        (
            "broken",
            "echo NVIDIA-SMI has failed; exit 9",
            "nvidia-smi ended with exit code 9 and said: NVIDIA-SMI has failed",
        ),
        ("odd", "echo something else", "nvidia-smi said: something else"),
    ] {
        let image = own.image_with_script(&format!("localhost/gpu-{name}"), "nvidia-smi", script);
        assert_eq!(seen(&engine, &image, &Gpus::All, GpuPath::Auto), why);
    }
    let bare = own.image_with_script("localhost/gpu-bare", "something", "exit 0");
    assert_eq!(
        seen(&engine, &bare, &Gpus::All, GpuPath::Auto),
        "nvidia-smi is not there, which NVIDIA's toolkit puts into it"
    );
}

#[test]
fn podman_ignores_the_request_in_silence_and_is_found_out() {
    let Some(own) = OwnEngine::podman() else { return };
    let engine = own.connect("test-gpu");
    assert!(engine.facts().podman);
    let image = own.image_with_script("localhost/gpu-bare", "something", "exit 0");
    let (path, why, text) = no_gpu(engine.probe_gpus(&image, &Gpus::All, GpuPath::Auto).unwrap_err());
    assert_eq!(path, GpuPath::Cdi);
    if heeds_requests(engine.facts()) {
        assert!(why.contains("nvidia.com/gpu=all"), "{why}");
    } else {
        assert!(why.ends_with("ignored the request, and nvidia-smi is not there"), "{why}");
        assert!(text.contains("to 5.4 or newer"), "{text}");
    }
    assert!(text.contains("nvidia-ctk cdi generate"), "{text}");
}
