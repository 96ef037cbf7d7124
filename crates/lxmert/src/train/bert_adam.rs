//! BertAdam: Adam without bias correction, with a learning rate schedule and weight decay that is added to the update
//! (src/lxrt/optimization.py @ 0db1182).

use tch::{Device, Kind, Tensor};

use super::schedule::Schedule;

/// Number of elements that a thread updates at a time.
const CHUNK: usize = 1 << 16;

/// The settings of BertAdam.
#[derive(Debug, Clone, Copy)]
pub struct BertAdamSettings {
    /// Peak learning rate.
    pub lr: f64,
    /// Fraction of the steps for warm-up. Below 0 means none; as in the original, the linear schedule then starts at one half.
    pub warmup: f64,
    /// Steps of the whole run; `None` keeps the learning rate constant.
    pub t_total: Option<u64>,
    /// Shape after warm-up.
    pub schedule: Schedule,
    /// Decay of the first moment.
    pub b1: f64,
    /// Decay of the second moment.
    pub b2: f64,
    /// Number added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay, applied to every parameter including biases and layer norms.
    pub weight_decay: f64,
}

impl BertAdamSettings {
    /// Returns the original's defaults, which all its programs use, with a learning rate, a warm-up fraction and a number of steps.
    pub fn new(lr: f64, warmup: f64, t_total: Option<u64>) -> Self {
        Self { lr, warmup, t_total, schedule: Schedule::Linear, b1: 0.9, b2: 0.999, epsilon: 1e-6, weight_decay: 0.01 }
    }
}

/// The moments of a parameter and the number of its updates.
struct Moments {
    step: u64,
    m: Tensor,
    v: Tensor,
}

/// A BertAdam optimiser with its state. Parameters are identified by their index, which must be the same in every step.
pub struct BertAdam {
    settings: BertAdamSettings,
    moments: Vec<Option<Moments>>,
}

impl BertAdam {
    /// Creates an optimiser that has not updated any parameter yet.
    pub fn new(settings: BertAdamSettings) -> Self {
        Self { settings, moments: Vec::new() }
    }

    /// Returns the learning rate of the next update of a parameter that has had `step` updates. As in the original, the first one
    /// with warm-up is 0.
    fn rate(&self, step: u64) -> f64 {
        let factor = match self.settings.t_total {
            Some(total) => self.settings.schedule.factor(step as f64 / total as f64, self.settings.warmup),
            None => 1.0,
        };
        self.settings.lr * factor
    }

    /// Returns the result of the original's `get_lr`: each parameter's next learning rate, or a single 0 while any has no state
    /// yet.
    pub fn get_lr(&self) -> Vec<f64> {
        let rates: Option<Vec<f64>> = self.moments.iter().map(|m| m.as_ref().map(|m| self.rate(m.step))).collect();
        rates.filter(|rates| !rates.is_empty()).unwrap_or_else(|| vec![0.0])
    }

    /// Updates every parameter whose gradient is defined with `gradient · scale`, and returns the learning rate. Other parameters
    /// are skipped: they get neither decay nor state. Parameters and gradients are f32, contiguous, and pairwise of equal shapes.
    pub fn step(&mut self, parameters: &[Tensor], gradients: &[Tensor], scale: f64) -> f64 {
        self.moments.resize_with(parameters.len(), || None);
        let mut rate_used = 0.0;
        let mut work = Vec::new();
        for (i, (parameter, gradient)) in parameters.iter().zip(gradients).enumerate() {
            if !gradient.defined() {
                continue;
            }
            let step = self.moments[i].as_ref().map_or(0, |moments| moments.step);
            let rate = self.rate(step);
            rate_used = rate;
            let moments = self.moments[i].get_or_insert_with(|| Moments {
                step: 0,
                m: parameter.detach().zeros_like(),
                v: parameter.detach().zeros_like(),
            });
            moments.step += 1;
            let update = Update { rate, scale, settings: self.settings };
            if parameter.device() == Device::Cpu {
                let gradient = gradient.contiguous();
                work.extend(cpu::chunks(parameter, &gradient, moments, update));
            } else {
                update.on_device(parameter, gradient, moments);
            }
        }
        cpu::run(&work);
        rate_used
    }

    /// Returns the moments and the number of updates of the parameter at `index`; `None` if it was never updated.
    pub fn state(&self, index: usize) -> Option<(&Tensor, &Tensor, u64)> {
        self.moments.get(index)?.as_ref().map(|moments| (&moments.m, &moments.v, moments.step))
    }

    /// Restores the result of [`state`](Self::state) for the parameter at `index`.
    pub fn restore(&mut self, index: usize, m: Tensor, v: Tensor, step: u64) {
        if self.moments.len() <= index {
            self.moments.resize_with(index + 1, || None);
        }
        self.moments[index] = Some(Moments { step, m, v });
    }
}

#[derive(Clone, Copy)]
struct Update {
    rate: f64,
    scale: f64,
    settings: BertAdamSettings,
}

impl Update {
    fn on_device(self, parameter: &Tensor, gradient: &Tensor, moments: &mut Moments) {
        let BertAdamSettings { b1, b2, epsilon, weight_decay, .. } = self.settings;
        tch::no_grad(|| {
            let gradient = gradient * self.scale;
            let _ = moments.m.g_mul_scalar_(b1).g_add_(&(&gradient * (1.0 - b1)));
            let _ = moments.v.g_mul_scalar_(b2).g_add_(&(&gradient * &gradient * (1.0 - b2)));
            let update = &moments.m / (moments.v.sqrt() + epsilon) + parameter * weight_decay;
            let _ = parameter.shallow_clone().g_sub_(&(update * self.rate));
        });
    }
}

/// The update on the CPU in one pass over memory: parameter, gradient and both moments are read once and written once.
mod cpu {
    use super::{CHUNK, Kind, Moments, Tensor, Update};

    /// A range of elements that no other chunk overlaps.
    pub(super) struct Chunk {
        parameter: *mut f32,
        gradient: *const f32,
        m: *mut f32,
        v: *mut f32,
        len: usize,
        update: Update,
        /// Keeps a gradient that had to be made contiguous alive until the work is done.
        _gradient: Tensor,
    }

    // SAFETY: the pointers point into storages of tensors that outlive `run` (the caller borrows or owns them), and chunks do not
    // overlap.
    unsafe impl Sync for Chunk {}

    pub(super) fn chunks(parameter: &Tensor, gradient: &Tensor, moments: &Moments, update: Update) -> Vec<Chunk> {
        let tensors = [parameter, gradient, &moments.m, &moments.v];
        for tensor in tensors {
            assert!(tensor.kind() == Kind::Float && tensor.is_contiguous() && tensor.numel() == parameter.numel());
        }
        let [parameter_at, gradient_at, m, v] = tensors.map(|t| t.data_ptr().cast::<f32>());
        (0..parameter.numel())
            .step_by(CHUNK)
            // SAFETY: `start` is below the number of elements of each storage.
            .map(|start| unsafe {
                Chunk {
                    parameter: parameter_at.add(start),
                    gradient: gradient_at.add(start),
                    m: m.add(start),
                    v: v.add(start),
                    len: CHUNK.min(parameter.numel() - start),
                    update,
                    _gradient: gradient.shallow_clone(),
                }
            })
            .collect()
    }

    /// Updates all chunks on as many threads as torch uses. The update is elementwise, so the result does not depend on the split.
    pub(super) fn run(chunks: &[Chunk]) {
        let threads = (tch::get_num_threads().max(1) as usize).min(chunks.len());
        if threads <= 1 {
            return chunks.iter().for_each(update);
        }
        std::thread::scope(|scope| {
            for share in chunks.chunks(chunks.len().div_ceil(threads)) {
                scope.spawn(move || share.iter().for_each(update));
            }
        });
    }

    fn update(chunk: &Chunk) {
        // SAFETY: see `Chunk`; the five runs are of `len` elements and belong to distinct storages.
        let (p, g, m, v) = unsafe {
            (
                std::slice::from_raw_parts_mut(chunk.parameter, chunk.len),
                std::slice::from_raw_parts(chunk.gradient, chunk.len),
                std::slice::from_raw_parts_mut(chunk.m, chunk.len),
                std::slice::from_raw_parts_mut(chunk.v, chunk.len),
            )
        };
        let Update { rate, scale, settings } = chunk.update;
        let (rate, scale) = (rate as f32, scale as f32);
        let (b1, b2) = (settings.b1 as f32, settings.b2 as f32);
        let (c1, c2) = ((1.0 - settings.b1) as f32, (1.0 - settings.b2) as f32);
        let (epsilon, decay) = (settings.epsilon as f32, settings.weight_decay as f32);
        for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            let g = g * scale;
            *m = *m * b1 + g * c1;
            *v = *v * b2 + (g * g) * c2;
            *p -= (*m / (v.sqrt() + epsilon) + *p * decay) * rate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures;
    use serde_json::Value;

    fn numbers(value: &Value) -> Vec<f32> {
        value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
    }

    /// Allows for two f32 roundings of values near 1, in which the original's separate kernels and this single pass may differ.
    fn close(got: &Tensor, want: &[f32], what: &str) {
        let got = Vec::<f32>::try_from(got.detach()).unwrap();
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((got - want).abs() <= 1e-6 * want.abs().max(1e-3), "{what}[{i}]: {got} is not {want}");
        }
    }

    #[test]
    fn every_unit_case_of_the_original_is_reproduced() {
        let Some(path) = fixtures::lxrt("optim/bertadam_unit.json") else { return };
        let file = fixtures::json(&path);
        for case in file["cases"].as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            let kwargs = &case["kwargs"];
            let number = |key: &str, default: f64| kwargs[key].as_f64().unwrap_or(default);
            let t_total = number("t_total", -1.0);
            let usual = BertAdamSettings::new(
                number("lr", f64::NAN),
                number("warmup", -1.0),
                (t_total >= 0.0).then_some(t_total as u64),
            );
            let mut optimiser = BertAdam::new(BertAdamSettings {
                schedule: match kwargs["schedule"].as_str() {
                    Some("warmup_constant") => Schedule::Constant,
                    Some("warmup_linear") | None => Schedule::Linear,
                    other => panic!("{name}: schedule {other:?}"),
                },
                b1: number("b1", usual.b1),
                b2: number("b2", usual.b2),
                epsilon: number("e", usual.epsilon),
                weight_decay: number("weight_decay", usual.weight_decay),
                ..usual
            });
            let p = Tensor::from_slice(&numbers(&case["p0"]));
            let q = Tensor::from_slice(&[2f32]);
            for (i, step) in case["steps"].as_array().unwrap().iter().enumerate() {
                let gradient = Tensor::from_slice(&numbers(&step["grad"]));
                assert_eq!(serde_json::json!(optimiser.get_lr()), step["get_lr_before"], "{name} step {i}");
                optimiser.step(&[p.shallow_clone(), q.shallow_clone()], &[gradient, Tensor::new()], 1.0);
                assert_eq!(serde_json::json!(optimiser.get_lr()), step["get_lr_after"], "{name} step {i}");
                close(&p, &numbers(&step["param_after"]), &format!("{name} step {i}"));
            }
            let (m, v, step) = optimiser.state(0).unwrap();
            close(m, &numbers(&case["m"]), name);
            close(v, &numbers(&case["v"]), name);
            assert_eq!(Some(step), case["step"].as_u64(), "{name}");
            close(&q, &numbers(&case["q_after"]), name);
            assert!(optimiser.state(1).is_none(), "{name}: a parameter without gradient got a state");
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_an_update() {
        let first = Tensor::randn([3 * CHUNK as i64 + 7], (Kind::Float, Device::Cpu));
        let gradient = first.sin();
        let update = |threads| {
            tch::set_num_threads(threads);
            let p = first.copy();
            let mut optimiser = BertAdam::new(BertAdamSettings::new(0.1, 0.1, None));
            optimiser.step(&[p.shallow_clone()], &[gradient.shallow_clone()], 0.5);
            p
        };
        assert!(update(1).equal(&update(2)));
    }
}
