//! The network of LXMERT, LXRT (paper section 2; src/lxrt/modeling.py of airsplay/lxmert @ 0db1182), whose parameters have the
//! original's names; and [`butd`], the detector that made its input.

pub mod attention;
pub mod butd;
pub mod embeddings;
pub mod encoder;
pub mod heads;
pub mod inference;
pub mod layers;
pub mod losses;
pub mod parameters;
pub mod pretraining;
pub mod task;

pub use encoder::{EncoderInputs, EncoderOutputs, Lxrt};
pub use inference::CachedEncoder;
pub use layers::ForwardContext;
pub use parameters::Parameters;
pub use pretraining::PretrainingModel;
pub use task::{TaskBatch, TaskModel};
