//! What reporters ask of a summary.

use super::{Boot, Image, Machine, RunSummary, Scenario};

impl RunSummary {
    /// How many scenarios have this status.
    #[must_use]
    pub fn count_of(&self, status: &str) -> usize {
        self.counts.get(status).copied().unwrap_or(0)
    }

    /// The scenario of this id.
    pub fn scenario(&self, id: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|s| s.planned.id == id)
    }

    /// What a scenario starts from, and what that starts from, up to one that starts from nothing.
    pub fn ancestors<'a>(&'a self, scenario: &'a Scenario) -> impl Iterator<Item = &'a Scenario> {
        let parent = |of: &Scenario| self.scenario(of.planned.parent.as_deref()?);
        // A record that was tampered with may have scenarios that start from each other.
        std::iter::successors(parent(scenario), move |ancestor| parent(ancestor))
            .take(self.scenarios.len())
    }

    /// The scenarios by feature file, in the order of the files.
    pub fn by_feature(&self) -> impl Iterator<Item = &[Scenario]> {
        self.scenarios
            .chunk_by(|one, next| one.planned.path == next.planned.path)
    }

    /// The scenarios of which nothing was shown of what they promise, one way or the other.
    pub fn unproven(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().filter(|s| s.is_unproven())
    }

    /// All boots with their machines, in order of time.
    #[must_use]
    pub fn boots(&self) -> Vec<(&Machine, &Boot)> {
        let mut boots = Vec::new();
        for machine in &self.machines {
            boots.extend(machine.boots.iter().map(|boot| (machine, boot)));
        }
        boots.sort_by_key(|(_, boot)| boot.at);
        boots
    }

    /// How often a digest was booted.
    #[must_use]
    pub fn boot_count(&self, digest: &str) -> usize {
        let boots = self.machines.iter().flat_map(|machine| &machine.boots);
        boots
            .filter(|boot| boot.observed.digest.as_deref() == Some(digest))
            .count()
    }

    /// The images that were pushed, each digest of a name once with all its tags.
    #[must_use]
    pub fn pushed_images(&self) -> Vec<&Image> {
        let mut pushed: Vec<&Image> = Vec::new();
        for image in self.images.iter().filter(|i| i.digest.is_some()) {
            let same = pushed
                .iter_mut()
                .find(|known| known.digest == image.digest && known.reference == image.reference);
            match same {
                // The entry with more tags says more.
                Some(known) if known.tags.len() < image.tags.len() => *known = image,
                Some(_) => {}
                None => pushed.push(image),
            }
        }
        pushed
    }

    /// What the clients of the machines say of themselves, each text once.
    #[must_use]
    pub fn clients(&self) -> Vec<&str> {
        let clients = self.machines.iter().filter_map(|m| m.client.as_deref());
        let mut clients: Vec<&str> = clients.collect();
        clients.sort_unstable();
        clients.dedup();
        clients
    }
}
