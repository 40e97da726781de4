//! Which scenario starts from which. Scenarios are known by their places in a list, each below what it starts from.

/// The "starts from" tree of a list of scenarios, and the storylines in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lineage {
    parents: Vec<Option<usize>>,
    /// How many scenarios of its file start from each, chosen or not.
    forks: Vec<usize>,
}

impl Lineage {
    /// Adds the next scenario, with the one it starts from.
    pub(crate) fn push(&mut self, parent: Option<usize>) {
        self.parents.push(parent);
        self.forks.push(0);
        if let Some(parent) = parent {
            self.forks[parent] += 1;
        }
    }

    /// The same scenarios without those that were not chosen, by their places among the chosen. A fork stays one when
    /// only one of its scenarios was chosen.
    pub(crate) fn restricted_to(&self, chosen: &[usize]) -> Self {
        let place = |index: usize| chosen.iter().position(|other| *other == index);
        Self {
            parents: chosen
                .iter()
                .map(|index| self.parents[*index].and_then(place))
                .collect(),
            forks: chosen.iter().map(|index| self.forks[*index]).collect(),
        }
    }

    /// What a scenario starts from.
    pub(crate) fn parent(&self, index: usize) -> Option<usize> {
        self.parents[index]
    }

    /// The scenarios of this list that start from one.
    pub(crate) fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        let places = 0..self.parents.len();
        places.filter(move |child| self.parents[*child] == Some(index))
    }

    /// How many scenarios of its file start from one, chosen or not.
    pub(crate) fn forks(&self, index: usize) -> usize {
        self.forks[index]
    }

    /// What a scenario starts from, what that starts from, and so on.
    pub(crate) fn ancestors(&self, index: usize) -> Vec<usize> {
        std::iter::successors(self.parents[index], |parent| self.parents[*parent]).collect()
    }

    /// The first scenario of a scenario's storyline. A machine is handed over only where the file has one scenario that
    /// starts from it; several start from copies, and each begins a storyline.
    pub(crate) fn storyline(&self, index: usize) -> usize {
        match self.parents[index] {
            Some(parent) if self.forks[parent] == 1 => self.storyline(parent),
            _ => index,
        }
    }

    /// The cost of each scenario together with the costliest way through those that start from it.
    pub(crate) fn costs_to_the_end(&self, costs: &[f64]) -> Vec<f64> {
        let mut ways = costs.to_vec();
        for (index, parent) in self.parents.iter().enumerate().rev() {
            if let Some(parent) = *parent {
                ways[parent] = ways[parent].max(costs[parent] + ways[index]);
            }
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 hands over to 1, from which 2 and 3 start; 4 hands over to 5.
    fn lineage() -> Lineage {
        let mut lineage = Lineage::default();
        for parent in [None, Some(0), Some(1), Some(1), None, Some(4)] {
            lineage.push(parent);
        }
        lineage
    }

    #[test]
    fn a_fork_begins_a_storyline_for_each_of_its_scenarios() {
        let lineage = lineage();
        let storylines: Vec<_> = (0..6).map(|index| lineage.storyline(index)).collect();
        assert_eq!(storylines, [0, 0, 2, 3, 4, 4]);
        assert_eq!(lineage.ancestors(3), [1, 0]);
        assert_eq!(lineage.children(1).collect::<Vec<_>>(), [2, 3]);
        // The other way through the fork was not chosen, and the machine is not handed over all the same.
        let chosen = lineage.restricted_to(&[0, 1, 3]);
        assert_eq!(chosen.parent(2), Some(1));
        assert_eq!(chosen.storyline(2), 2);
        assert_eq!((chosen.forks(1), chosen.children(1).count()), (2, 1));
    }

    #[test]
    fn the_costliest_way_counts() {
        let costs = lineage().costs_to_the_end(&[1.0, 1.0, 2.0, 5.0, 3.0, 1.0]);
        assert_eq!(costs, [7.0, 6.0, 2.0, 5.0, 4.0, 1.0]);
    }
}
