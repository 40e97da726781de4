//! Loops among the modules of a crate that stand beside each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::imports::Import;

/// Modules that stand beside each other, by their full paths: the one that names, and the one that is named.
pub type Pair = (String, String);

/// The first place of each import between siblings. An import is counted where the two modules' paths part.
pub fn siblings(imports: &[Import]) -> BTreeMap<Pair, String> {
    let mut pairs = BTreeMap::new();
    for import in imports {
        let both = import.from.iter().zip(&import.to);
        let same = both.take_while(|(from, to)| from == to).count();
        if import.from.len() > same && import.to.len() > same {
            let up_to = |path: &[String]| path[..=same].join("::");
            let place = format!("{}:{}", import.file, import.line);
            pairs
                .entry((up_to(&import.from), up_to(&import.to)))
                .or_insert(place);
        }
    }
    pairs
}

/// A loop, with the first place of each of its imports.
#[derive(Debug, PartialEq, Eq)]
pub struct Loop(pub Vec<(Pair, String)>);

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|((from, _), _)| from.as_str()).collect();
        write!(f, "{} -> {}", names.join(" -> "), names[0])?;
        for ((from, to), place) in &self.0 {
            write!(f, "\n    {place}: {from} -> {to}")?;
        }
        Ok(())
    }
}

/// The shortest loop of each knot; none when nothing goes round.
pub fn loops(pairs: &BTreeMap<Pair, String>) -> Vec<Loop> {
    let mut found: Vec<Loop> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut round: Vec<Vec<String>> = pairs
        .keys()
        .filter_map(|(from, to)| way(pairs, to, from))
        .map(first_by_name)
        .collect();
    round.sort_by_key(Vec::len);
    for names in round {
        if names.iter().any(|name| seen.contains(name)) {
            continue;
        }
        let steps = (0..names.len()).map(|i| {
            let pair = (names[i].clone(), names[(i + 1) % names.len()].clone());
            let place = pairs[&pair].clone();
            (pair, place)
        });
        found.push(Loop(steps.collect()));
        seen.extend(names);
    }
    found
}

/// The same loop, from the name that comes first.
fn first_by_name(mut names: Vec<String>) -> Vec<String> {
    let first = names.iter().enumerate().min_by_key(|(_, name)| *name);
    if let Some((at, _)) = first {
        names.rotate_left(at);
    }
    names
}

/// The modules on the shortest way from one to another, both among them.
pub fn way(pairs: &BTreeMap<Pair, String>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![from.to_owned()]]);
    let mut seen = BTreeSet::from([from.to_owned()]);
    while let Some(way) = ways.pop_front() {
        let last = way.last()?;
        if last == to {
            return Some(way);
        }
        for (_, next) in pairs.keys().filter(|(from, _)| from == last) {
            if seen.insert(next.clone()) {
                let mut longer = way.clone();
                longer.push(next.clone());
                ways.push_back(longer);
            }
        }
    }
    None
}

/// Takes the allowed imports out, and names those among them that are not there or close no loop.
pub fn without(
    pairs: &BTreeMap<Pair, String>,
    allowed: &[(&str, &str)],
) -> (BTreeMap<Pair, String>, Vec<String>) {
    let is_allowed = |(from, to): &Pair| allowed.contains(&(from.as_str(), to.as_str()));
    let mut rest = pairs.clone();
    rest.retain(|pair, _| !is_allowed(pair));
    let mut needless = Vec::new();
    for (from, to) in allowed {
        let pair = ((*from).to_owned(), (*to).to_owned());
        let place = pairs.get(&pair);
        if place.is_none() || way(&rest, to, from).is_none() {
            needless.push(format!("{from} -> {to}"));
            rest.extend(place.map(|place| (pair, place.clone())));
        }
    }
    (rest, needless)
}
