//! Requests for GPUs: the exact errors of engines without NVIDIA's toolkit, and the results of engines with a fake toolkit. A
//! fake proves that the request is right, not that a real GPU would be found.

use base::error::Error;
use engines::private::{PrivateEngine, write_script};
use sandbox::gpu::supports_gpu_requests;
use sandbox::{Cause, Engine, Failure, GpuPath, Gpus, Image};

/// Returns the kind of request, the engine's error, and the text that the user sees.
#[track_caller]
fn no_gpu(failure: Failure) -> (GpuPath, String, String) {
    match (*failure.cause).clone() {
        Cause::NoGpu { path, why, .. } => (path, why, Error::from(failure).to_string()),
        other => panic!("{other}"),
    }
}

/// Returns the result of a probe as text.
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
fn without_the_toolkit_every_request_is_refused_with_advice() {
    let Some(own) = PrivateEngine::docker(None, &[]) else { return };
    let (engine, image) = (own.connect("test-gpu"), own.image_with_script("localhost/gpu-any", "nvidia-smi", "exit 0"));
    let probe = |path| no_gpu(engine.probe_gpus(&image, &Gpus::All, path).unwrap_err());
    let (path, why, text) = probe(GpuPath::Auto);
    assert_eq!(
        (path, why.as_str()),
        (GpuPath::DeviceRequests, r#"could not select device driver "" with capabilities: [[gpu]]"#)
    );
    insta::assert_snapshot!(text, @r#"
    look for a GPU: the container gets no GPU (requested by device requests (--gpus)): could not select device driver "" with capabilities: [[gpu]]
      next: install nvidia-container-toolkit, then `sudo nvidia-ctk runtime configure --runtime=docker` and `sudo systemctl restart docker`; `repro doctor` checks each step
    "#);
    let (path, why, text) = probe(GpuPath::NvidiaRuntime);
    assert_eq!((path, why.as_str()), (GpuPath::NvidiaRuntime, "Unknown runtime specified nvidia"));
    assert!(text.contains("nvidia-ctk runtime configure --runtime=docker"), "{text}");
    let (path, why, text) = probe(GpuPath::Cdi);
    assert_eq!((path, why.as_str()), (GpuPath::Cdi, r#"could not select device driver "cdi" with capabilities: []"#));
    assert!(text.contains("Docker 28.2 or newer") && text.contains("nvidia-ctk cdi generate"), "{text}");
}

#[test]
fn with_a_fake_toolkit_both_of_dockers_ways_work_and_bad_output_is_an_error() {
    let tools = tempfile::tempdir().unwrap();
    write_script(&tools.path().join("nvidia-container-runtime-hook"), "cat >/dev/null; exit 0");
    let runtime = ["--add-runtime", "nvidia=/usr/sbin/runc"];
    let Some(own) = PrivateEngine::docker(Some(tools.path()), &runtime) else { return };
    let engine = own.connect("test-gpu");
    assert!(engine.facts().runtimes.iter().any(|runtime| runtime == "nvidia"));

    // This fake lists as many GPUs as the container was given.
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
    // The number of GPUs differs if the request was ignored.
    let pair = Gpus::Some(vec!["0".into(), "1".into()]);
    assert_eq!(seen(&engine, &new, &pair, GpuPath::Auto), "2 were requested (0,1), nvidia-smi lists 1");

    let old = own.image_with_script(
        "localhost/gpu-old",
        "nvidia-smi",
        r#"case "$*" in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2 ;; esac
echo 0, Tesla P100-PCIE-16GB, 418.226.00, 16280"#,
    );
    assert_eq!(seen(&engine, &old, &Gpus::All, GpuPath::Auto), "Tesla P100-PCIE-16GB Some((6, 0)) 418.226.00");

    for (name, script, why) in [
        ("empty", "exit 0", "nvidia-smi lists no GPU"),
        ("none", "echo No devices were found", "nvidia-smi lists no GPU"),
        (
            "broken",
            "echo NVIDIA-SMI has failed; exit 9",
            "nvidia-smi ended with exit code 9; its last line: NVIDIA-SMI has failed",
        ),
        ("odd", "echo something else", "the output of nvidia-smi cannot be parsed: something else"),
    ] {
        let image = own.image_with_script(&format!("localhost/gpu-{name}"), "nvidia-smi", script);
        assert_eq!(seen(&engine, &image, &Gpus::All, GpuPath::Auto), why);
    }
    let bare = own.image_with_script("localhost/gpu-bare", "something", "exit 0");
    assert_eq!(
        seen(&engine, &bare, &Gpus::All, GpuPath::Auto),
        "nvidia-smi is missing, which NVIDIA's toolkit adds to containers"
    );
}

#[test]
fn a_podman_that_silently_ignores_the_request_is_detected() {
    let Some(own) = PrivateEngine::podman() else { return };
    let engine = own.connect("test-gpu");
    assert!(engine.facts().podman);
    let image = own.image_with_script("localhost/gpu-bare", "something", "exit 0");
    let (path, why, text) = no_gpu(engine.probe_gpus(&image, &Gpus::All, GpuPath::Auto).unwrap_err());
    assert_eq!(path, GpuPath::Cdi);
    if supports_gpu_requests(engine.facts()) {
        assert!(why.contains("nvidia.com/gpu=all"), "{why}");
    } else {
        assert!(why.ends_with("ignored the request, and nvidia-smi is missing"), "{why}");
        assert!(text.contains("to 5.4 or newer ("), "{text}");
    }
    assert!(text.contains("nvidia-ctk cdi generate"), "{text}");
}
