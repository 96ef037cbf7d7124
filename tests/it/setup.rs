//! The setup scripts in `ci/`: messages for everything that can be wrong, and a stdout that scripts can use.
#![cfg(target_os = "linux")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Tools that the scripts use and that are no requirement worth a message of its own.
const TOOLS: [&str; 9] = ["bash", "dirname", "uname", "cat", "mkdir", "mktemp", "rm", "env", "sed"];

/// A copy of the scripts in an otherwise empty repository, and a folder that is all of PATH.
struct Machine {
    place: tempfile::TempDir,
}

impl Machine {
    fn with(programs: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        for folder in ["clone/ci", "bin", "home"] {
            std::fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        let ci = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci");
        for script in std::fs::read_dir(ci).unwrap() {
            let script = script.unwrap();
            if script.file_type().unwrap().is_dir() {
                continue;
            }
            std::fs::copy(script.path(), place.path().join("clone/ci").join(script.file_name())).unwrap();
        }
        for tool in TOOLS {
            symlink(found(tool), place.path().join("bin").join(tool)).unwrap();
        }
        // These only have to be there: nothing is compiled or fetched in these tests.
        for program in programs {
            symlink(found("env"), place.path().join("bin").join(program)).unwrap();
        }
        Self { place }
    }

    /// Puts a script into PATH, in place of a program of this name.
    fn stand_in(&self, name: &str, script: &str) {
        let program = self.place.path().join("bin").join(name);
        let _ = std::fs::remove_file(&program);
        std::fs::write(&program, format!("#!{}\n{script}\n", found("bash").display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script of `ci/`.
    fn script(&self, name: &str, arguments: &[&str]) -> Command {
        let mut script = Command::new(found("bash"));
        script.arg(self.place.path().join("clone/ci").join(name)).args(arguments);
        script.current_dir(self.place.path()).env_clear();
        script.env("PATH", self.place.path().join("bin")).env("HOME", self.place.path().join("home"));
        script
    }

    fn setup(&self, libtorch: Option<&Path>) -> Output {
        self.setup_with(&[], libtorch)
    }

    fn setup_with(&self, arguments: &[&str], libtorch: Option<&Path>) -> Output {
        let mut setup = self.script("setup", arguments);
        if let Some(folder) = libtorch {
            setup.env("LIBTORCH", folder);
        }
        setup.output().unwrap()
    }

    /// A folder that looks like a libtorch of a version.
    fn libtorch(&self, version: &str) -> PathBuf {
        let folder = self.place.path().join(format!("libtorch {version}"));
        let headers = folder.join("include/torch/csrc/api/include/torch");
        std::fs::create_dir_all(&headers).unwrap();
        std::fs::create_dir_all(folder.join("lib")).unwrap();
        for file in [headers.join("torch.h"), folder.join("lib/libtorch_cpu.so")] {
            std::fs::write(file, "").unwrap();
        }
        std::fs::write(folder.join("build-version"), format!("{version}\n")).unwrap();
        folder
    }

    /// The folder `torch` of a Python package that says its version in a line of `version.py`.
    fn python_torch(&self, line: &str) -> PathBuf {
        let folder = self.libtorch("of Python");
        std::fs::remove_file(folder.join("build-version")).unwrap();
        std::fs::write(folder.join("version.py"), format!("from typing import Optional\n\n{line}\ndebug = False\n"))
            .unwrap();
        folder
    }

    /// What `.cargo/config.toml` says, for cargo and for the next set-up.
    fn config(&self) -> String {
        std::fs::read_to_string(self.place.path().join("clone/.cargo/config.toml")).unwrap()
    }
}

fn found(tool: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file()).expect(tool)
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(output.stdout.is_empty(), "stdout holds something that is not a folder");
    for words in words {
        assert!(stderr.contains(words), "{words:?} is not in: {stderr}");
    }
}

#[test]
fn refuses_another_libtorch() {
    let machine = Machine::with(&["cargo", "c++", "python3"]);
    let next = "next: unset LIBTORCH";
    let old = machine.libtorch("2.4.1+cu121");
    refused(&machine.setup(Some(&old)), &[old.to_str().unwrap(), "it is version 2.4.1+cu121, not 2.11.0", next]);
    refused(&machine.setup(Some(Path::new("/nowhere"))), &["it has no lib/libtorch_cpu.so", next]);
    let bare = machine.libtorch("2.11.0");
    std::fs::remove_dir_all(bare.join("include")).unwrap();
    refused(&machine.setup(Some(&bare)), &["it has no C++ headers", next]);
    assert!(!machine.place.path().join("clone/.cargo").exists());
}

#[test]
fn says_what_the_machine_lacks() {
    for (there, words) in [
        (&["c++", "python3"][..], "no Rust toolchain (cargo) was found"),
        (&["cargo", "python3"], "no C++ compiler (c++) was found"),
        (&["cargo", "c++"], "no python3 was found"),
        // Stands for a python3 whose `-m pip` fails.
        (&["cargo", "c++", "python3"], "python3 has no pip"),
    ] {
        refused(&Machine::with(there).setup(None), &[words, "next: "]);
    }
}

#[test]
fn stdout_is_the_folder_and_cargo_is_told() {
    let machine = Machine::with(&["cargo", "c++"]);
    let libtorch = machine.libtorch("2.11.0+cpu");
    let output = machine.setup(Some(&libtorch));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n", libtorch.display()));
    let config = std::fs::read_to_string(machine.place.path().join("clone/.cargo/config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    assert_eq!(config["env"]["LIBTORCH"]["value"].as_str(), libtorch.to_str());
}

#[test]
fn the_torch_folder_of_a_python_package_is_known_by_its_version_py() {
    let machine = Machine::with(&["cargo", "c++"]);
    let torch = machine.python_torch("__version__ = '2.11.0+cu130'");
    let output = machine.setup(Some(&torch));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n", torch.display()));
    let older = machine.python_torch("__version__ = \"2.10.0+cu128\"");
    refused(&machine.setup(Some(&older)), &["it is version 2.10.0+cu128, not 2.11.0"]);
    // The file is read, not run.
    let mark = machine.place.path().join("ran");
    let hostile = machine.python_torch(&format!("__version__ = open('{}', 'w').name", mark.display()));
    refused(&machine.setup(Some(&hostile)), &["neither build-version nor version.py says which version it is"]);
    assert!(!mark.exists());
}

#[test]
fn a_libtorch_without_cuda_is_no_answer_to_cuda() {
    let machine = Machine::with(&["cargo", "c++"]);
    let libtorch = machine.libtorch("2.11.0");
    let of = |libtorch: &Path| machine.setup_with(&["--cuda"], Some(libtorch));
    refused(&of(&libtorch), &["it has no CUDA (lib/libtorch_cuda.so)", "next: unset LIBTORCH"]);
    std::fs::write(libtorch.join("lib/libtorch_cuda.so"), "").unwrap();
    assert_eq!(String::from_utf8(of(&libtorch).stdout).unwrap(), format!("{}\n", libtorch.display()));
    let wrong = machine.setup_with(&["--gpu"], None);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("unknown argument --gpu"));
}

#[test]
fn on_a_machine_without_a_pinned_libtorch_every_script_says_what_works() {
    for (system, processor) in [("Darwin", "arm64"), ("Darwin", "x86_64"), ("Linux", "aarch64")] {
        let machine = Machine::with(&["cargo", "c++", "python3"]);
        machine.stand_in("uname", &format!("case $1 in -s) echo {system} ;; -m) echo {processor} ;; esac"));
        for (script, arguments) in [
            ("setup", &[][..]),
            ("setup", &["--cuda"]),
            ("repro", &["doctor"]),
            ("test", &[]),
            ("install", &["prefix"]),
        ] {
            let output = machine.script(script, arguments).output().unwrap();
            assert_eq!(output.status.code(), Some(4), "{script}: {output:?}");
            let said = String::from_utf8(output.stderr).unwrap();
            insta::allow_duplicates! {
                insta::assert_snapshot!(said.replace(&format!("{system} {processor}"), "SYSTEM PROCESSOR"), @r"
                setup: error: training and answering need x86-64 Linux, or a container of it; this is SYSTEM PROCESSOR, for which no libtorch is pinned
                  next: cargo build --release -p lxmert-repro builds repro alone, without libtorch; it does: repro check, regrade, fetch, prepare, features
                ");
            }
            assert!(
                !machine.place.path().join("prefix").exists() && !machine.place.path().join("clone/.cargo").exists()
            );
        }
        // One that is given is used where it has the form of Linux.
        let given = machine.setup(Some(&machine.libtorch("2.11.0")));
        assert_eq!(given.status.success(), system == "Linux", "{given:?}");
    }
}

#[test]
fn what_was_chosen_stays_chosen_until_it_is_chosen_again() {
    let machine = Machine::with(&["cargo", "c++"]);
    let (chosen, other) = (machine.libtorch("2.11.0+cu130"), machine.libtorch("2.11.0+cpu"));
    let last = |libtorch: Option<&Path>| machine.setup_with(&["--last"], libtorch);
    let folder = |output: Output| String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert!(machine.setup(Some(&chosen)).status.success());
    let config = machine.config();
    assert_eq!(folder(last(None)), chosen.to_str().unwrap());
    // For one call only.
    assert_eq!(folder(last(Some(&other))), other.to_str().unwrap());
    assert_eq!(machine.config(), config);
    std::fs::remove_dir_all(&chosen).unwrap();
    refused(
        &last(None),
        &[
            chosen.to_str().unwrap(),
            "it has no lib/libtorch_cpu.so",
            "next: choose again: ci/setup, ci/setup --cpu, ci/setup --cuda",
        ],
    );
    assert!(machine.setup(Some(&other)).status.success());
    assert_eq!(folder(last(None)), other.to_str().unwrap());
}

#[test]
fn the_gpu_and_its_driver_choose_the_libtorch() {
    let cpu = "chose libtorch for CPUs (544 MB): ";
    for (gpus, code, chosen, why) in [
        (
            "580.65.06, 9.0, NVIDIA H200\n",
            0,
            "with CUDA 13.0",
            "NVIDIA H200, driver 580.65.06, compute capability 9.0; ci/setup --cpu",
        ),
        ("580.65.06, 6.1, TITAN Xp\n580.65.06, 12.0, NVIDIA B200\n", 0, "with CUDA 13.0", "NVIDIA B200"),
        ("570.1, 9.0, NVIDIA H200\n", 0, cpu, "needs driver 580 or newer; update the driver"),
        ("580.65.06, 6.1, TITAN Xp\n", 0, cpu, "supports no GPU below 7.5; LIBTORCH=DIR ci/setup"),
        ("580.65.06, [N/A], old\n", 0, cpu, "not understood"),
        ("No devices were found\n", 6, cpu, "finds no GPU: No devices were found; ci/setup --cuda"),
    ] {
        // Without python3 the set-up stops where it would fetch what it chose.
        let machine = Machine::with(&["cargo", "c++"]);
        machine.stand_in("nvidia-smi", &format!("printf '{gpus}'; exit {code}"));
        for argument in [&[][..], &["--last"]] {
            refused(&machine.setup_with(argument, None), &[chosen, why, "no python3 was found"]);
        }
        let forced = machine.setup_with(&["--cpu"], None);
        assert!(!String::from_utf8_lossy(&forced.stderr).contains("chose"), "what is asked for is not chosen");
    }
    refused(&Machine::with(&["cargo", "c++"]).setup(None), &[cpu, "no nvidia-smi was found", "ci/setup --cuda"]);
}

#[test]
fn every_wheel_is_pinned_and_the_two_lists_agree() {
    let ci = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci");
    let pins = |list: &str| -> Vec<String> {
        let text = std::fs::read_to_string(ci.join(list)).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let (cpu, cuda) = (pins("libtorch-wheels.txt"), pins("libtorch-cuda-wheels.txt"));
    assert_eq!((cpu.len(), cuda.len()), (3, 16));
    for pin in &cuda {
        let (wheel, sha256) = pin.split_once(" --hash=sha256:").unwrap();
        assert!(wheel.contains("==") && sha256.len() == 64, "{pin}");
    }
    assert!(cpu.iter().all(|pin| cuda.contains(pin)), "{cpu:?}");
    // The training image is made with the same script and lists.
    let of_image = |file: &str| std::fs::read_to_string(ci.join("..").join(file)).unwrap();
    for file in ["ci/libtorch", "ci/libtorch-wheels.txt", "ci/libtorch-cuda-wheels.txt"] {
        assert!(of_image(".dockerignore").lines().any(|line| line == format!("!{file}")), "{file}");
        assert!(of_image("docker/train/Dockerfile").contains(&format!("{file} ")), "{file}");
    }
}

/// Makes a wheel; the line that pins it.
fn wheel(folder: &Path, name: &str, version: &str, tag: &str, files: &[&str]) -> String {
    use std::io::Write;
    let underscored = name.replace('-', "_");
    let path = folder.join(format!("{underscored}-{version}-{tag}.whl"));
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let info = format!("{underscored}-{version}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    let about = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n");
    let own = [
        (format!("{info}/METADATA"), metadata),
        (format!("{info}/WHEEL"), about),
        (format!("{info}/RECORD"), String::new()),
    ];
    for (file, text) in files.iter().map(|file| ((*file).to_owned(), format!("{file} of {name}"))).chain(own) {
        zip.start_file(file, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    format!("{name}=={version} --hash=sha256:{}\n", base::files::sha256(&path).unwrap())
}

/// Every file below a folder.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => found.push(entry.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_fetched_is_what_running_needs_and_nothing_unpinned() {
    let pip = Command::new("python3").args(["-m", "pip", "--version"]).output();
    if !pip.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 with pip is not here");
        return;
    }
    let machine = Machine::with(&["cargo"]);
    let place = machine.place.path();
    let wheels = place.join("index");
    std::fs::create_dir(&wheels).unwrap();
    let header = "torch/include/torch/csrc/api/include/torch/torch.h";
    let torch = [
        "torch/version.py",
        "torch/nn/modules/linear.py",
        header,
        "torch/lib/libtorch.so",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libtorch_cuda.so",
        "torch/lib/libtorch_python.so",
        "torch/lib/libc10.so",
        "torch/lib/libc10_cuda.so",
        "torch/lib/libgomp.so.1",
        "torch/lib/libprotoc.a",
    ];
    let runtime =
        ["nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/lib/libcudart_static.a", "nvidia/cu13/include/cuda.h"];
    let shared = wheel(&wheels, "torch", "2.11.0", "cp311-cp311-manylinux_2_28_x86_64", &torch)
        + &wheel(
            &wheels,
            "nvidia-cuda-runtime",
            "13.0.96",
            "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
            &runtime,
        );
    let solver = ["nvidia/cu13/lib/libcusolver.so.12", "nvidia/cu13/lib/libcusolverMg.so.12"];
    let cuda = shared.clone()
        + &wheel(&wheels, "nvidia-cusolver", "12.0.4.66", "py3-none-manylinux_2_27_x86_64", &solver)
        + &wheel(
            &wheels,
            "nvidia-nccl-cu13",
            "2.28.9",
            "py3-none-manylinux_2_18_x86_64",
            &["nvidia/nccl/lib/libnccl.so.2"],
        );
    std::fs::write(place.join("clone/ci/libtorch-wheels.txt"), &shared).unwrap();
    std::fs::write(place.join("clone/ci/libtorch-cuda-wheels.txt"), &cuda).unwrap();
    let setup = |arguments: &[&str]| {
        let mut paths = vec![place.join("bin")];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut setup = Command::new(place.join("clone/ci/setup"));
        setup.args(arguments).env("PATH", std::env::join_paths(paths).unwrap()).env("REPRO_CACHE", place.join("cache"));
        setup.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", &wheels).env_remove("LIBTORCH").env_remove("REPRO_WHEELS");
        let output = setup.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let folder = |kind: &str| place.join("cache").join(format!("libtorch-2.11.0-{kind}"));

    assert_eq!(setup(&["--cuda"]), format!("{}\n", folder("cuda").join("torch").display()));
    assert_eq!(
        tree(&folder("cuda")),
        [
            "nvidia/cu13/lib/libcudart.so.13",
            "nvidia/cu13/lib/libcusolver.so.12",
            "nvidia/nccl/lib/libnccl.so.2",
            "torch/build-version",
            header,
            "torch/lib/libc10.so",
            "torch/lib/libc10_cuda.so",
            "torch/lib/libgomp.so.1",
            "torch/lib/libtorch.so",
            "torch/lib/libtorch_cpu.so",
            "torch/lib/libtorch_cuda.so",
        ]
    );
    assert!(machine.config().contains("libtorch-2.11.0-cuda/torch"), "{}", machine.config());
    assert_eq!(setup(&["--last"]), setup(&["--cuda"]));
    assert_eq!(setup(&[]), format!("{}\n", folder("cpu").join("torch").display()));
    assert_eq!(
        tree(&folder("cpu")),
        [
            "nvidia/cu13/lib/libcudart.so.13",
            "torch/build-version",
            header,
            "torch/lib/libc10.so",
            "torch/lib/libgomp.so.1",
            "torch/lib/libtorch.so",
            "torch/lib/libtorch_cpu.so",
        ]
    );
    assert_eq!(setup(&["--last"]), setup(&[]));

    // A wheel with other bytes under the same name is not taken, and nothing is left of the attempt.
    std::fs::remove_dir_all(folder("cuda")).unwrap();
    wheel(&wheels, "nvidia-nccl-cu13", "2.28.9", "py3-none-manylinux_2_18_x86_64", &["nvidia/nccl/lib/evil.so.2"]);
    let mut libtorch = Command::new(place.join("clone/ci/libtorch"));
    libtorch
        .arg("cuda")
        .arg(folder("cuda"))
        .env("PIP_NO_INDEX", "1")
        .env("PIP_FIND_LINKS", &wheels)
        .env_remove("REPRO_WHEELS");
    refused(&libtorch.output().unwrap(), &["the libtorch wheels could not be fetched", "next: check the network"]);
    let left: Vec<_> =
        std::fs::read_dir(place.join("cache")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["libtorch-2.11.0-cpu"]);
}
