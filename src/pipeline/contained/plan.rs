//! Plans whose stages all run in containers.

use std::rc::Rc;

use super::stage::{Extra, run_stage};
use crate::pipeline::plan::Plan;
use crate::placement::Place;

/// The plan with every stage's work done in containers.
pub fn in_place(mut plan: Plan, place: &Rc<Place>) -> Plan {
    for stage in &mut plan.stages {
        let (place, profile) = (Rc::clone(place), plan.profile.clone());
        stage.executor = place.executor().to_owned();
        stage.work = Box::new(move |context| {
            run_stage(&place, &profile, context, Extra { workspace: None, reads: &[], device: "cpu" })
        });
    }
    plan
}
