//! Whether userspace alone can be restarted into a deployment.

/// What a soft reboot needs to know of a deployment, or of a commit that could become one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its systemd has `soft-reboot.target`, as every one since 254.
    pub systemd: bool,
    /// The kernel with its initramfs, as one text; none where there is no kernel.
    pub kernel: Option<String>,
    /// The kernel's arguments, without the one by which ostree names the deployment.
    pub kernel_args: Vec<String>,
    /// `/usr` has a writable overlay of its own (`ostree admin unlock --hotfix`).
    pub hotfix: bool,
}

/// Why there can be no soft reboot into a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// It runs already.
    #[error("it is the booted deployment; restart it with `systemctl soft-reboot`")]
    Booted,
    /// composefs, a transient root, a writable sysroot.
    #[error(
        "the running root is not the plain one, with a read-only sysroot, that this client can lay again"
    )]
    Layout,
    /// Before systemd 254.
    #[error("the running systemd knows no soft reboot (systemd 254 and newer do)")]
    RunningSystemd,
    /// Before systemd 254.
    #[error("the image's systemd knows no soft reboot (systemd 254 and newer do)")]
    TargetSystemd,
    /// The kernel goes on running: the image's would not come into use.
    #[error("the image has another kernel or initramfs than the one that runs")]
    Kernel,
    /// They are the kernel's, which goes on running.
    #[error("its kernel arguments are not the ones that the kernel was started with")]
    KernelArgs,
    /// Laid by the initramfs alone.
    #[error("its /usr was unlocked for a hotfix")]
    Hotfix,
}

/// Decides whether the running system can be left for the target without restarting the kernel.
///
/// The booted deployment as its own target is fine, as it is to bootc: it says of the system that it can do it at all.
///
/// # Errors
/// The first reason why not.
pub fn check(plain_root: bool, booted: &Facts, target: &Facts) -> Result<(), Obstacle> {
    let obstacles = [
        (!booted.systemd, Obstacle::RunningSystemd),
        (!plain_root, Obstacle::Layout),
        (!target.systemd, Obstacle::TargetSystemd),
        (
            target.kernel.is_none() || target.kernel != booted.kernel,
            Obstacle::Kernel,
        ),
        (
            target.kernel_args != booted.kernel_args,
            Obstacle::KernelArgs,
        ),
        (target.hotfix, Obstacle::Hotfix),
    ];
    match obstacles.into_iter().find(|(holds, _)| *holds) {
        Some((_, obstacle)) => Err(obstacle),
        None => Ok(()),
    }
}

/// The arguments in a boot loader entry's `options`, without ostree's own.
pub fn kernel_args(options: &str) -> Vec<String> {
    options
        .split_ascii_whitespace()
        .filter(|arg| !arg.starts_with("ostree="))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            systemd: true,
            kernel: Some("6.12 aa bb".into()),
            kernel_args: kernel_args("root=UUID=1 rw ostree=/ostree/boot.1/default/x/0"),
            hotfix: false,
        }
    }

    #[test]
    fn the_same_kernel_with_the_same_arguments_is_enough() {
        let mut target = facts();
        target.kernel_args = kernel_args("root=UUID=1  rw ostree=/ostree/boot.0/default/x/1");
        assert_eq!(check(true, &facts(), &target), Ok(()));
        assert_eq!(check(true, &facts(), &facts()), Ok(()));
    }

    #[test]
    fn every_obstacle_is_found() {
        let target = |change: fn(&mut Facts)| {
            let mut target = facts();
            change(&mut target);
            check(true, &facts(), &target)
        };
        assert_eq!(
            target(|t| t.systemd = false),
            Err(Obstacle::TargetSystemd),
            "to an older release"
        );
        assert_eq!(
            target(|t| t.kernel = Some("6.13".into())),
            Err(Obstacle::Kernel)
        );
        assert_eq!(
            target(|t| t.kernel_args.push("quiet".into())),
            Err(Obstacle::KernelArgs)
        );
        assert_eq!(target(|t| t.hotfix = true), Err(Obstacle::Hotfix));
        assert_eq!(check(false, &facts(), &facts()), Err(Obstacle::Layout));
        let old = Facts {
            systemd: false,
            ..facts()
        };
        assert_eq!(check(true, &old, &facts()), Err(Obstacle::RunningSystemd));
        assert_eq!(check(true, &old, &old), Err(Obstacle::RunningSystemd));
    }

    #[test]
    fn two_unknown_kernels_are_not_the_same() {
        let nothing = Facts {
            kernel: None,
            ..facts()
        };
        assert_eq!(check(true, &nothing, &nothing), Err(Obstacle::Kernel));
    }
}
