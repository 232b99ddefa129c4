//! What is kept on disk: what it remembers is in force from the start on, and later changes go there.

use std::path::Path;
use std::sync::Arc;

use sovnet_core::report::Problem;

use super::board::Shared;
use crate::store::{self, Format, Store};
use crate::tasks::TaskSet;

/// Puts into `state` what the disk remembers of it, and keeps there what becomes of it, by a task of
/// that name. What stands in the way goes to `problems`.
pub(super) fn keep<T: Default + Send + Sync + 'static>(
    tasks: &mut TaskSet,
    state_dir: &Path,
    (task, format): (&'static str, &Format<T>),
    state: &Shared<T>,
    problems: &Shared<Vec<Problem>>,
) {
    let (remembered, troubles) = store::load(state_dir, format);
    state.send_replace(Arc::new(remembered));
    let (state, problems) = (state.subscribe(), problems.clone());
    let store = Store::new(state_dir, format, state, problems, troubles);
    tasks.spawn(task, store.run(tasks.stop()));
}
