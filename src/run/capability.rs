//! What this host can run, as far as the chosen scenarios need it.
use super::plan::Tier;
use crate::cli::{AccelChoice, Ended, TierChoice};
use bootproof_harness::exec::Cmd;
use bootproof_harness::run::Accel;
use std::collections::BTreeSet;
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub user: String,
    pub host: String,
    pub host_os: String,
}
#[derive(Debug, Clone)]
pub struct Capability {
    pub accel: Accel,
    pub accel_reason: String,
    pub facts: Facts,
    pub memory_mib: Option<u64>,
    application: Result<(), String>,
    machine: Result<(), String>,
}
impl Capability {
    pub async fn probe(
        _tiers: &BTreeSet<Tier>,
        _accel: AccelChoice,
        require: Option<TierChoice>,
    ) -> Result<Self, Ended> {
        let t = |r: Result<_, bootproof_harness::exec::ExecError>| {
            r.map(|_| ()).map_err(|e| e.to_string())
        };
        let application = t(Cmd::new("podman").arg("--version").run().await);
        let machine = t(Cmd::new("virsh")
            .args(["-c", "qemu:///system", "version"])
            .run()
            .await);
        let me = Self {
            accel: Accel::Tcg,
            accel_reason: "adapter".into(),
            facts: Facts::default(),
            memory_mib: None,
            application,
            machine,
        };
        if let (Some(TierChoice::Machine), Err(e)) = (require, &me.machine) {
            return Err(Ended::Error(e.clone()));
        }
        Ok(me)
    }
    pub fn lacks(&self, tier: Tier) -> Option<String> {
        match tier {
            Tier::Application => self.application.clone().err(),
            Tier::Machine => self.machine.clone().err(),
        }
    }
}
