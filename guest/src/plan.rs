//! What there is to do, decided over plain data.

/// What a deployment is to the running system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The one that runs.
    pub booted: bool,
    /// Waiting to be finished at shutdown.
    pub staged: bool,
    /// Its stateroot; deployments of another are none of our business.
    pub stateroot: String,
}

/// Where in a list of deployments, in boot order, the three of interest are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// The running one.
    pub booted: Option<usize>,
    /// The staged one.
    pub staged: Option<usize>,
    /// The first other one of the booted one's stateroot.
    pub rollback: Option<usize>,
}

impl Found {
    /// Whether the boot loader would start the rollback before the running one.
    pub fn rollback_queued(&self) -> bool {
        matches!((self.rollback, self.booted), (Some(r), Some(b)) if r < b)
    }
}

/// Finds the deployments of interest. Without a booted one there is no rollback.
pub fn find(roles: &[Role]) -> Found {
    let booted = roles.iter().position(|r| r.booted);
    let staged = roles.iter().position(|r| r.staged);
    let rollback = booted.and_then(|b| {
        roles
            .iter()
            .position(|r| !r.booted && !r.staged && r.stateroot == roles[b].stateroot)
    });
    Found {
        booted,
        staged,
        rollback,
    }
}

/// What a rollback writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// The new boot order, as positions in the old one.
    pub order: Vec<usize>,
    /// Whether this undoes a rollback queued before.
    pub reverting: bool,
    /// Whether a staged deployment is dropped by it.
    pub drops_staged: bool,
}

/// Why there is no rollback.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RollbackError {
    /// Not an image-mode system, or a container.
    #[error("this system was not booted from a deployment, so it has nothing to roll back")]
    NotBooted,
    /// A fresh installation.
    #[error(
        "no rollback available: only the booted deployment exists (one appears after a switch or an upgrade and its reboot)"
    )]
    Nothing,
}

/// Decides a rollback: the two first deployments change places, a staged one is dropped.
///
/// # Errors
/// When there is nothing to go back to.
pub fn rollback(roles: &[Role]) -> Result<Rollback, RollbackError> {
    let found = find(roles);
    let booted = found.booted.ok_or(RollbackError::NotBooted)?;
    let rollback = found.rollback.ok_or(RollbackError::Nothing)?;
    let reverting = found.rollback_queued();
    let first = if reverting { booted } else { rollback };
    let order = std::iter::once(first)
        .chain((0..roles.len()).filter(|&i| i != first && !roles[i].staged))
        .collect();
    Ok(Rollback {
        order,
        reverting,
        drops_staged: found.staged.is_some(),
    })
}

/// What an upgrade comes to once the registry has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// The booted image is the newest, nothing is staged.
    UpToDate,
    /// The newest one is staged already.
    AlreadyStaged,
    /// There is a newer one.
    Available,
}

/// Compares manifest digests: the registry's with the staged and the booted deployment's.
///
/// Something staged that differs from the registry's is replaced, even where that means the booted image again.
pub fn upgrade(fetched: &str, booted: Option<&str>, staged: Option<&str>) -> Upgrade {
    match staged {
        Some(staged) if staged == fetched => Upgrade::AlreadyStaged,
        Some(_) => Upgrade::Available,
        None if booted == Some(fetched) => Upgrade::UpToDate,
        None => Upgrade::Available,
    }
}

/// An image that cannot fit, however well it had been compressed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not enough space: the missing layers are {} even compressed, and {} are free in /sysroot",
    crate::message::size(*.missing), crate::message::size(*.free))]
pub struct NoRoom {
    /// The missing layers' compressed size in bytes.
    pub missing: u64,
    /// What is free, in bytes.
    pub free: u64,
}

/// Whether there is any point in fetching layers of this compressed size.
///
/// # Errors
/// When there is less space than that.
pub fn check_room(missing: u64, free: u64) -> Result<(), NoRoom> {
    if missing > free {
        return Err(NoRoom { missing, free });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(list: &str) -> Vec<Role> {
        list.chars()
            .map(|c| Role {
                booted: c == 'b',
                staged: c == 's',
                stateroot: if c == 'x' { "other" } else { "default" }.to_owned(),
            })
            .collect()
    }

    fn order(list: &str) -> Result<(String, bool, bool), RollbackError> {
        let r = rollback(&roles(list))?;
        let names = r
            .order
            .iter()
            .map(|&i| list.as_bytes()[i] as char)
            .collect();
        Ok((names, r.reverting, r.drops_staged))
    }

    #[test]
    fn a_rollback_boots_the_other_one() {
        assert_eq!(order("br"), Ok(("rb".into(), false, false)));
    }

    #[test]
    fn a_second_rollback_undoes_the_first() {
        assert_eq!(order("rb"), Ok(("br".into(), true, false)));
    }

    #[test]
    fn a_rollback_drops_what_is_staged() {
        assert_eq!(order("sbr"), Ok(("rb".into(), false, true)));
    }

    #[test]
    fn older_deployments_and_other_stateroots_keep_their_places() {
        assert_eq!(order("xbrp"), Ok(("rxbp".into(), false, false)));
        assert_eq!(order("bx"), Err(RollbackError::Nothing));
    }

    #[test]
    fn a_fresh_system_has_no_rollback_even_with_something_staged() {
        assert_eq!(order("b"), Err(RollbackError::Nothing));
        assert_eq!(order("sb"), Err(RollbackError::Nothing));
        assert_eq!(order("rr"), Err(RollbackError::NotBooted));
        assert_eq!(order(""), Err(RollbackError::NotBooted));
    }

    #[test]
    fn layers_that_cannot_fit_are_not_fetched() {
        assert_eq!(check_room(10, 10), Ok(()));
        let error = check_room(250_000_000, 63_300_000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not enough space: the missing layers are 250.0 MB even compressed, and 63.3 MB are free in /sysroot"
        );
    }

    #[test]
    fn an_upgrade_is_decided_by_digests() {
        assert_eq!(upgrade("a", Some("a"), None), Upgrade::UpToDate);
        assert_eq!(upgrade("b", Some("a"), None), Upgrade::Available);
        assert_eq!(upgrade("b", Some("a"), Some("b")), Upgrade::AlreadyStaged);
        assert_eq!(upgrade("c", Some("a"), Some("b")), Upgrade::Available);
        assert_eq!(upgrade("a", Some("a"), Some("b")), Upgrade::Available);
        assert_eq!(upgrade("a", None, None), Upgrade::Available);
    }
}
