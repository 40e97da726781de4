//! What is wrong with a profile, as the command shows it.

use bootproof_harness::profile::ProfileError;
use bootproof_record::problem::Problem;

/// What is wrong with a profile that did not load.
pub(crate) fn profile_problems(error: &ProfileError) -> Vec<Problem> {
    match error.problems() {
        [] => vec![Problem::new(error.file().as_str(), error.to_string())],
        problems => problems.to_vec(),
    }
}
