//! How many storylines run side by side.

/// What the containers and the browser of a scenario that needs no machine take, in MiB.
const CONTAINERS_MIB: u64 = 1024;

/// How many storylines may run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slots {
    /// Storylines of any kind.
    pub(crate) storylines: usize,
    /// Whether one more that needs no machine runs beside them.
    pub(crate) aside: bool,
}

impl Slots {
    /// One storyline after the other.
    pub(crate) const ONE: Self = Self {
        storylines: 1,
        aside: false,
    };

    /// As many storylines as are wanted and machines of `each` MiB have room in what is free; one that needs no machine beside
    /// them, unless one after the other is wanted.
    pub(crate) fn fit(wanted: usize, each: u64, free: Option<u64>) -> Self {
        let Some(free) = free else {
            return Self {
                storylines: wanted,
                aside: wanted > 1,
            };
        };
        let room = usize::try_from(free / each).unwrap_or(usize::MAX).max(1);
        let storylines = wanted.min(room);
        Self {
            storylines,
            aside: storylines > 1
                && free >= each.saturating_mul(storylines as u64) + CONTAINERS_MIB,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_no_machine_has_a_place_of_its_own_where_there_is_memory_for_it() {
        let slots = |wanted, free| {
            let slots = Slots::fit(wanted, 2048, free);
            (slots.storylines, slots.aside)
        };
        assert_eq!(slots(2, None), (2, true));
        assert_eq!(slots(2, Some(5120)), (2, true));
        assert_eq!(slots(2, Some(5119)), (2, false));
        assert_eq!(slots(3, Some(4100)), (2, false));
        assert_eq!(slots(2, Some(100)), (1, false));
        // One after the other is what was asked for.
        assert_eq!(slots(1, Some(99_999)), (1, false));
    }
}
