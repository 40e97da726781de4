//! Verbs that change which deployment boots next, and what became of them.

use bootproof_record::Event;

use super::{Machine, MachineError};
use crate::bootc::{Host, Layers, Queued, Verb};
use crate::exec::Output;

/// What a verb has changed.
#[derive(Debug, Clone)]
pub struct Changed {
    /// What boots next now.
    pub status: Host,
    /// How many layers the client said were there, and how many it had to fetch.
    pub layers: Option<Layers>,
}

impl Machine {
    /// Runs a verb that changes what boots next, and asks what does now. One that reboots by itself is
    /// [`Machine::apply`]'s.
    ///
    /// # Errors
    /// As [`Machine::run`], and when the client's status is none.
    pub async fn change(&self, verb: &Verb) -> Result<Changed, MachineError> {
        let (queued, _) = self.bootc(verb).await?;
        let status = self.status_now().await?;
        self.deployed(verb, status.next_digest());
        let layers = queued.layers;
        Ok(Changed { status, layers })
    }

    /// Records a verb that ended well. One that reboots by itself takes its connection down, and says of what boots next
    /// only what it printed before.
    pub(super) fn applied(&self, verb: &Verb, output: Option<&Output>) {
        let said = output.map(|output| {
            let both = [output.stdout.as_slice(), b"\n", &output.stderr].concat();
            Queued::parse(&String::from_utf8_lossy(&both))
        });
        let next = said.and_then(|queued| queued.digest);
        self.deployed(verb, next.as_deref());
    }

    fn deployed(&self, verb: &Verb, next: Option<&str>) {
        let (verb, target) = match verb {
            Verb::Switch(switch) => ("switch", Some(switch.target.clone())),
            Verb::Upgrade(upgrade) if !upgrade.check => ("upgrade", None),
            Verb::Rollback { .. } => ("rollback", None),
            Verb::Upgrade(_) | Verb::Status | Verb::Version => return,
        };
        self.run.recorder.record(Event::Deployed {
            machine: self.spec.name.clone(),
            domain: self.domain.clone(),
            verb: verb.to_owned(),
            target,
            next: next.map(str::to_owned),
        });
    }
}
