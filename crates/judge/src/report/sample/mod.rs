//! Made-up reports for the tests of the renderers: all passed, one of each verdict, stopped by a damaged file, results of other
//! runs checked.

mod checked;
mod reports;

pub(crate) use checked::checked;
use reports::build;
pub(crate) use reports::{all, demo, mixed, passed, stopped};
