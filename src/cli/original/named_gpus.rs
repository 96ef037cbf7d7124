//! The GPUs that a line of the original names: as a script's first argument, or in `CUDA_VISIBLE_DEVICES` before a program.

use super::translation::{TranslationContext, UsableGpus};
use base::error::{Error, Result};

/// Named GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedGpus {
    /// None: an empty list or a negative number, with which CUDA hides all GPUs.
    None,
    /// The first GPU by its number, and whether there are others.
    First { number: usize, others: bool },
}

impl NamedGpus {
    /// Parses a list of numbers as CUDA does.
    ///
    /// # Errors
    /// Usage if the first is not a number.
    pub(super) fn parse(list: &str) -> Result<Self> {
        let mut gpus = list.split(',').map(str::trim).filter(|gpu| !gpu.is_empty());
        let Some(first) = gpus.next() else { return Ok(Self::None) };
        match first.parse::<i64>().map(usize::try_from) {
            Ok(Ok(number)) => Ok(Self::First { number, others: gpus.next().is_some() }),
            Ok(Err(_)) => Ok(Self::None),
            Err(_) => Err(Error::usage(format!("{first:?} is not the number of a GPU")).next(format!(
                "set the variable for the whole command: CUDA_VISIBLE_DEVICES={first} repro …, and name GPU 0 or --device cuda"
            ))),
        }
    }

    /// Returns the device. In a container, it is the first GPU that the container gets.
    ///
    /// # Errors
    /// Infra if this machine has no such GPU, CUDA hides it, or the worker cannot use it.
    pub(super) fn device(self, here: &TranslationContext, in_container: bool) -> Result<String> {
        let Self::First { number, .. } = self else { return Ok("cpu".to_owned()) };
        if in_container {
            return Ok("cuda".to_owned());
        }
        // CUDA counts the GPUs that it shows from 0.
        let index = match here.visible.and_then(shown) {
            None => Some(number),
            Some(shown) => shown.iter().position(|one| *one == number),
        };
        let Some(usable) = (here.gpus)() else { return Ok(format!("cuda:{}", index.unwrap_or(number))) };
        match index.filter(|index| *index < usable.count) {
            Some(index) => Ok(format!("cuda:{index}")),
            None => Err(absent(number, &usable, here.visible.filter(|_| index.is_none()))),
        }
    }
}

/// Returns the numbers of the GPUs that `CUDA_VISIBLE_DEVICES` shows: those before the first negative one. `None` if it names them in
/// another way.
fn shown(visible: &str) -> Option<Vec<usize>> {
    let numbers = visible.split(',').map(str::trim).filter(|number| !number.is_empty()).map(str::parse::<i64>);
    let numbers: Vec<i64> = numbers.collect::<Result<_, _>>().ok()?;
    Some(numbers.into_iter().map_while(|number| usize::try_from(number).ok()).collect())
}

fn absent(number: usize, usable: &UsableGpus, hidden_by: Option<&str>) -> Error {
    let why = match (usable, hidden_by) {
        (UsableGpus { cuda_problem: Some(why), .. }, _) => format!("libtorch's CUDA library cannot be loaded: {why}"),
        (UsableGpus { cuda: false, .. }, _) => "the worker uses the libtorch for CPUs".to_owned(),
        (_, Some(visible)) => format!("CUDA_VISIBLE_DEVICES={visible:?} hides it"),
        (UsableGpus { count: 0, .. }, None) => "libtorch has CUDA, but sees no GPU".to_owned(),
        (UsableGpus { count: 1, .. }, None) => "libtorch sees one GPU, number 0".to_owned(),
        (UsableGpus { count, .. }, None) => format!("libtorch sees {count} GPUs, numbers 0 to {}", count - 1),
    };
    Error::infra(format!("the line names GPU {number}, which is not there"))
        .because(why)
        .next("add --device cpu to compute on the CPU, or see with repro doctor --for train what the GPU lacks")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sees(cuda: bool, count: usize) -> Option<UsableGpus> {
        Some(UsableGpus { cuda, cuda_problem: None, count })
    }

    fn device(list: &str, gpus: Option<UsableGpus>, visible: Option<&str>) -> String {
        let found = |_: &str, _: &str| false;
        let here = TranslationContext { found: &found, workspace: "workspace", gpus: &|| gpus.clone(), visible };
        NamedGpus::parse(list).and_then(|named| named.device(&here, false)).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn a_gpu_that_is_there_is_used_by_its_number() {
        for (list, visible, used) in [
            ("0", None, "cuda:0"),
            ("1,0", None, "cuda:1"),
            ("-1", None, "cpu"),
            ("", None, "cpu"),
            // CUDA counts what it shows.
            ("5", Some("3,5"), "cuda:1"),
            ("0", Some("1,0"), "cuda:1"),
            ("0", Some("GPU-8932f937"), "cuda:0"),
        ] {
            assert_eq!(device(list, sees(true, 2), visible), used, "{list} {visible:?}");
        }
        // The command says that there is no worker.
        assert_eq!(device("0", None, None), "cuda:0");
    }

    #[test]
    fn a_gpu_that_is_not_there_is_an_error_that_says_why() {
        let broken = UsableGpus { cuda_problem: Some("no libcudnn.so.9".to_owned()), ..UsableGpus::default() };
        let next =
            "\n  next: add --device cpu to compute on the CPU, or see with repro doctor --for train what the GPU lacks";
        for (list, gpus, visible, number, why) in [
            ("0", sees(false, 0), Some("3"), 0, "the worker uses the libtorch for CPUs"),
            ("0", Some(broken), None, 0, "libtorch's CUDA library cannot be loaded: no libcudnn.so.9"),
            ("0", sees(true, 0), None, 0, "libtorch has CUDA, but sees no GPU"),
            ("1,2", sees(true, 1), None, 1, "libtorch sees one GPU, number 0"),
            ("7", sees(true, 4), None, 7, "libtorch sees 4 GPUs, numbers 0 to 3"),
            ("0", sees(true, 1), Some("3"), 0, "CUDA_VISIBLE_DEVICES=\"3\" hides it"),
            ("2", sees(true, 1), Some("1,-1,2"), 2, "CUDA_VISIBLE_DEVICES=\"1,-1,2\" hides it"),
            ("0", sees(true, 0), Some(""), 0, "CUDA_VISIBLE_DEVICES=\"\" hides it"),
        ] {
            let error = format!("the line names GPU {number}, which is not there\n  caused by: {why}{next}");
            assert_eq!(device(list, gpus, visible), error);
        }
        let odd = device("GPU-8932f937", sees(true, 1), None);
        assert!(odd.starts_with("\"GPU-8932f937\" is not the number of a GPU\n  next: "), "{odd}");
    }
}
