//! LXRT, the model of LXMERT (paper section 2; src/lxrt/modeling.py of airsplay/lxmert @ 0db1182), parameter names equal
//! to the original's.

#[cfg(feature = "torch")]
pub mod attention;
pub mod config;
pub mod description;
#[cfg(feature = "torch")]
pub mod embeddings;
#[cfg(feature = "torch")]
pub mod encoder;
#[cfg(feature = "torch")]
pub mod heads;
#[cfg(feature = "torch")]
pub mod inference;
#[cfg(feature = "torch")]
pub mod layers;
#[cfg(feature = "torch")]
pub mod losses;
#[cfg(feature = "torch")]
pub mod parameters;
#[cfg(feature = "torch")]
pub mod pretraining;
#[cfg(feature = "torch")]
pub mod task;

pub use config::Config;
pub use description::Description;
#[cfg(feature = "torch")]
pub use encoder::{Inputs, Lxrt, Outputs};
#[cfg(feature = "torch")]
pub use inference::Reader;
#[cfg(feature = "torch")]
pub use layers::Pass;
#[cfg(feature = "torch")]
pub use parameters::Parameters;
#[cfg(feature = "torch")]
pub use pretraining::PretrainingModel;
#[cfg(feature = "torch")]
pub use task::{Batch, TaskModel};
