//! Releases, their tags and bases, and what is left out of their snapshots.

use std::collections::BTreeMap;

use bootproof_record::problem::nearest;
use toml::Spanned;

use super::super::containerfiles::LOCALHOST;
use super::super::{BaseRecipe, Redaction, raw};
use super::Resolver;
use crate::registry::{NAMESPACE, REGISTRY_NAME, untagged};

const PLACEHOLDERS: [&str; 3] = ["base", "tag", "release"];

impl Resolver<'_> {
    pub(super) fn releases(
        &mut self,
        releases: &raw::Releases,
        bases: &BTreeMap<Spanned<String>, raw::Base>,
        images: &BTreeMap<Spanned<String>, raw::Image>,
    ) {
        let (old, new) = (&releases.old, &releases.new);
        if old.tag.get_ref() == new.tag.get_ref() {
            self.wrong_with(
                new.tag.span(),
                format!("both releases have the tag {:?}", new.tag.get_ref()),
                "an upgrade needs two releases that differ",
            );
        }
        if old.os_release.get_ref() == new.os_release.get_ref() {
            self.wrong_with(
                new.os_release.span(),
                "both releases have the same os_release".to_owned(),
                "a scenario could not tell the new release from the old one",
            );
        }
        for release in [old, new] {
            self.tag(&release.tag);
            if release.os_release.get_ref().is_empty() {
                self.wrong_with(
                    release.os_release.span(),
                    "os_release is empty".to_owned(),
                    "say at least ID and VERSION_ID",
                );
            }
            self.placeholders(&release.build_args);
            self.base(&release.base, bases, images);
        }
    }

    pub(super) fn tag(&mut self, tag: &Spanned<String>) {
        let text = tag.get_ref();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if !begins || text.len() > 128 || !text.bytes().all(plain) {
            self.wrong_with(
                tag.span(),
                format!("{text:?} cannot be a tag"),
                "letters, digits, and _ . - after the first",
            );
        } else if text == "latest" {
            self.wrong(
                tag.span(),
                "\"latest\" is moved by pushes and cannot name a release".to_owned(),
            );
        }
    }

    pub(super) fn tags(
        &mut self,
        raw: BTreeMap<Spanned<String>, Spanned<String>>,
        releases: &raw::Releases,
    ) -> BTreeMap<String, String> {
        let mut tags: BTreeMap<String, String> = BTreeMap::new();
        let of_releases = [&releases.old, &releases.new].map(|r| r.tag.get_ref().clone());
        for (word, tag) in raw {
            if ["old", "new", "latest"].contains(&word.get_ref().as_str()) {
                self.wrong_with(
                    word.span(),
                    format!("the word {:?} is taken", word.get_ref()),
                    "old and new are the releases' tags, and latest is itself",
                );
            }
            self.tag(&tag);
            if of_releases.contains(tag.get_ref()) || tags.values().any(|t| t == tag.get_ref()) {
                self.wrong_with(
                    tag.span(),
                    format!("the tag {:?} has another word already", tag.get_ref()),
                    "two images would be pushed under one tag",
                );
            }
            tags.insert(word.into_inner(), tag.into_inner());
        }
        tags
    }

    /// Rules that would hide which release a snapshot is of are none.
    pub(super) fn redactions(
        &mut self,
        raw: raw::Snapshots,
        releases: &raw::Releases,
    ) -> Vec<Redaction> {
        let mut rules = Vec::new();
        for rule in raw.redact {
            let span = rule.pattern.span();
            match Redaction::new(rule.file, rule.pattern.get_ref(), rule.with) {
                Ok(rule) => {
                    let os_releases =
                        [&releases.old, &releases.new].map(|r| r.os_release.get_ref());
                    if let Some(line) = rule.hides(&os_releases) {
                        self.wrong_with(
                            span,
                            format!("the rule changes {line}, by which releases are told apart"),
                            "a snapshot of the old release must not match the new one",
                        );
                    }
                    rules.push(rule);
                }
                Err(error) => {
                    self.wrong(span, format!("not a regular expression: {error}"));
                }
            }
        }
        rules
    }

    /// A base under the one name exists only if the profile makes it; any other name is some registry's.
    pub(super) fn base(
        &mut self,
        base: &Spanned<String>,
        bases: &BTreeMap<Spanned<String>, raw::Base>,
        images: &BTreeMap<Spanned<String>, raw::Image>,
    ) {
        let reference = base.get_ref();
        let Some(path) = reference.strip_prefix(&format!("{REGISTRY_NAME}/")) else {
            if reference.starts_with(LOCALHOST) {
                self.wrong_with(
                    base.span(),
                    format!(
                        "{reference:?} is in no registry: it is a name of podman's own storage"
                    ),
                    "REGISTRY/PATH:TAG",
                );
            } else if !reference.contains('/') || reference.contains(char::is_whitespace) {
                self.wrong_with(
                    base.span(),
                    format!("{reference:?} is not a full image reference"),
                    "REGISTRY/PATH:TAG",
                );
            }
            return;
        };
        let declared = bases.keys().any(|known| known.get_ref() == reference);
        let built = untagged(path)
            .split_once('/')
            .is_some_and(|(namespace, name)| {
                images.iter().any(|(known, image)| {
                    let of = image.namespace.as_ref().map_or(NAMESPACE, |n| n.get_ref());
                    known.get_ref() == name && of == namespace
                })
            });
        if !declared && !built {
            let hint = nearest(reference, bases.keys().map(|k| k.get_ref().as_str())).map_or_else(
                || format!("add [bases.\"{reference}\"] with a recipe"),
                |known| format!("did you mean {known}?"),
            );
            self.wrong_with(
                base.span(),
                format!("the base {reference} is not declared"),
                hint,
            );
        }
    }

    pub(super) fn placeholders(&mut self, args: &BTreeMap<String, Spanned<String>>) {
        for value in args.values() {
            let mut rest = value.get_ref().as_str();
            while let Some((_, after)) = rest.split_once('{') {
                let Some((name, after)) = after.split_once('}') else {
                    break;
                };
                if !PLACEHOLDERS.contains(&name) {
                    self.wrong_with(
                        value.span(),
                        format!("unknown placeholder {{{name}}}"),
                        "there are {base}, {tag} and {release}",
                    );
                }
                rest = after;
            }
        }
    }

    pub(super) fn bases(
        &mut self,
        raw: &BTreeMap<Spanned<String>, raw::Base>,
    ) -> BTreeMap<String, BaseRecipe> {
        let mut bases = BTreeMap::new();
        for (reference, base) in raw {
            let text = reference.get_ref();
            let name = untagged(text);
            if !text.starts_with(&format!("{REGISTRY_NAME}/")) || name == text {
                self.wrong_with(
                    reference.span(),
                    format!("a base the profile makes cannot be called {text}"),
                    format!("{REGISTRY_NAME}/NAMESPACE/NAME:TAG"),
                );
            }
            let recipe_name = base.recipe.get_ref();
            let recipe = self.folder.join(recipe_name);
            for script in ["builder.sh", "client.sh", "base.sh"] {
                if !recipe.join(script).is_file() {
                    self.wrong_with(
                        base.recipe.span(),
                        format!("the recipe {recipe_name} has no {script}"),
                        format!("looked for {}", recipe.join(script)),
                    );
                }
            }
            bases.insert(
                text.clone(),
                BaseRecipe {
                    reference: text.clone(),
                    recipe,
                    suite: base.suite.clone(),
                },
            );
        }
        bases
    }
}
