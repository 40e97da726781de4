//! From what is asked to what is meant, or to all that is wrong with it.

mod sign_off;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use bootproof_record::problem::{Problem, Source, nearest};
use camino::{Utf8Path, Utf8PathBuf};
use toml::Spanned;

use super::asked::{self, Asked};
use super::containerfiles::LOCALHOST;
use super::{
    BaseRecipe, BootSpec, DiskSpec, ImageSpec, MachineSpec, Profile, Redaction, Release,
    ReleaseName, UpdateSpec, WebSpec, units,
};
use crate::guardian::PATTERNS;
use crate::picture::Tolerance;
use crate::registry::{NAMESPACE, REGISTRY_NAME, untagged};

const PLACEHOLDERS: [&str; 3] = ["base", "tag", "release"];
const FILESYSTEMS: [&str; 3] = ["ext4", "xfs", "btrfs"];

pub(super) fn resolve(source: &Source, asked: Asked) -> Result<Profile, Vec<Problem>> {
    let folder = match source.file.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent.to_owned(),
        _ => Utf8PathBuf::from("."),
    };
    let mut resolver = Resolver {
        source,
        folder: &folder,
        problems: Vec::new(),
    };
    resolver.name(&asked.name, "a profile");
    resolver.login(&asked.login);
    resolver.releases(&asked.releases, &asked.bases, &asked.images);
    let bases = resolver.bases(&asked.bases);
    let tags = resolver.tags(asked.tags, &asked.releases);
    let redactions = resolver.redactions(asked.snapshots, &asked.releases);
    let images = resolver.images(asked.images);
    let pictures = resolver.pictures(asked.pictures);
    let update = resolver.update(asked.update, &images);
    let disk = resolver.disk(asked.disk);
    let machine = resolver.machine(&asked.machine);
    let boot = resolver.boot(asked.boot);
    let sign_off = resolver.sign_off(asked.sign_off, &images);
    if !asked.web.path.starts_with('/') {
        resolver.problems.push(source.problem_in_all(format!(
            "web.path is {:?}, not a path from /",
            asked.web.path
        )));
    }
    if !resolver.problems.is_empty() {
        resolver.problems.sort_by_key(|p| (p.line, p.column));
        return Err(resolver.problems);
    }
    Ok(Profile {
        name: asked.name.into_inner(),
        description: asked.description,
        client: asked.client,
        login_user: asked.login.user.into_inner(),
        services: asked.services,
        web: WebSpec {
            port: asked.web.port,
            path: asked.web.path,
        },
        tags,
        update,
        packages: asked.commands.packages,
        after_rollback: asked.database.after_rollback,
        redactions,
        pictures,
        old: release(ReleaseName::Old, asked.releases.old),
        new: release(ReleaseName::New, asked.releases.new),
        bases,
        images,
        disk,
        machine,
        boot,
        sign_off,
        digest: String::new(),
        folder,
        source: source.clone(),
    })
}

fn release(name: ReleaseName, asked: asked::Release) -> Release {
    Release {
        name,
        tag: asked.tag.into_inner(),
        base: asked.base.into_inner(),
        os_release: asked.os_release.into_inner(),
        build_args: plain(asked.build_args),
    }
}

fn plain(args: BTreeMap<String, Spanned<String>>) -> BTreeMap<String, String> {
    args.into_iter()
        .map(|(name, value)| (name, value.into_inner()))
        .collect()
}

/// Fills in `{base}`, `{tag}` and `{release}`.
pub(super) fn fill(text: &str, release: &Release) -> String {
    text.replace("{base}", &release.base)
        .replace("{tag}", &release.tag)
        .replace("{release}", release.name.as_str())
}

struct Resolver<'a> {
    source: &'a Source,
    folder: &'a Utf8Path,
    problems: Vec<Problem>,
}

impl Resolver<'_> {
    fn wrong(&mut self, span: Range<usize>, message: String) -> &mut Problem {
        self.problems.push(self.source.problem(span, message));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    /// A name that nothing has.
    fn unknown<'k>(
        &mut self,
        name: &str,
        span: Range<usize>,
        message: String,
        known: impl Iterator<Item = &'k str>,
    ) {
        let hint = nearest(name, known);
        self.wrong(span, message).help = hint.map(|known| format!("did you mean {known}?").into());
    }

    fn wrong_with(&mut self, span: Range<usize>, message: String, hint: impl Into<Box<str>>) {
        self.wrong(span, message).help = Some(hint.into());
    }

    fn name(&mut self, name: &Spanned<String>, of: &str) {
        let text = name.get_ref();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        if !(bytes.iter().all(|b| plain(*b)) && ends(bytes.first()) && ends(bytes.last())) {
            self.wrong_with(
                name.span(),
                format!("{text:?} cannot be the name of {of}"),
                "lower-case letters, digits, and - _ . between them",
            );
        }
    }

    fn login(&mut self, login: &asked::Login) {
        let user = login.user.get_ref();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        let begins = user.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if !begins || !user.bytes().all(plain) || user.len() > 32 {
            self.wrong(
                login.user.span(),
                format!("{user:?} cannot be a login name"),
            );
        }
    }

    fn releases(
        &mut self,
        releases: &asked::Releases,
        bases: &BTreeMap<Spanned<String>, asked::Base>,
        images: &BTreeMap<Spanned<String>, asked::Image>,
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

    fn tag(&mut self, tag: &Spanned<String>) {
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

    fn tags(
        &mut self,
        asked: BTreeMap<Spanned<String>, Spanned<String>>,
        releases: &asked::Releases,
    ) -> BTreeMap<String, String> {
        let mut tags: BTreeMap<String, String> = BTreeMap::new();
        let of_releases = [&releases.old, &releases.new].map(|r| r.tag.get_ref().clone());
        for (word, tag) in asked {
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

    fn update(&mut self, asked: asked::Update, images: &BTreeMap<String, ImageSpec>) -> UpdateSpec {
        for image in &asked.images {
            let name = image.get_ref();
            if !images.contains_key(name) {
                let message = format!("there is no image {name}");
                let known = images.keys().map(String::as_str);
                self.unknown(name, image.span(), message, known);
            }
        }
        UpdateSpec {
            images: asked.images.into_iter().map(Spanned::into_inner).collect(),
            build_args: asked.build_args,
        }
    }

    /// How far pictures may be apart: a share above a half would call any two the same.
    fn pictures(&mut self, asked: asked::Pictures) -> Tolerance {
        let mut tolerance = Tolerance::default();
        if let Some(channel) = asked.channel {
            tolerance.channel = channel;
        }
        if let Some(share) = asked.share {
            let (span, share) = (share.span(), share.into_inner());
            if (0.0..=0.5).contains(&share) {
                tolerance.share = share;
            } else {
                let problem = self.source.problem(
                    span,
                    format!("pictures.share is {share}, not a share between 0 and 0.5"),
                );
                self.problems.push(problem);
            }
        }
        tolerance
    }

    /// Rules that would hide which release a snapshot is of are none.
    fn redactions(
        &mut self,
        asked: asked::Snapshots,
        releases: &asked::Releases,
    ) -> Vec<Redaction> {
        let mut rules = Vec::new();
        for rule in asked.redact {
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
    fn base(
        &mut self,
        base: &Spanned<String>,
        bases: &BTreeMap<Spanned<String>, asked::Base>,
        images: &BTreeMap<Spanned<String>, asked::Image>,
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

    fn placeholders(&mut self, args: &BTreeMap<String, Spanned<String>>) {
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

    fn bases(
        &mut self,
        asked: &BTreeMap<Spanned<String>, asked::Base>,
    ) -> BTreeMap<String, BaseRecipe> {
        let mut bases = BTreeMap::new();
        for (reference, base) in asked {
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

    fn images(
        &mut self,
        asked: BTreeMap<Spanned<String>, asked::Image>,
    ) -> BTreeMap<String, ImageSpec> {
        let mut images = BTreeMap::new();
        for (name, image) in asked {
            self.name(&name, "an image");
            if let Some(namespace) = &image.namespace {
                self.name(namespace, "a namespace");
            }
            self.placeholders(&image.build_args);
            let name_span = name.span();
            let name = name.into_inner();
            let given = image.context.as_ref();
            let context = self
                .folder
                .join(given.map_or(name.as_str(), |c| c.get_ref().as_str()));
            let context_span = given.map_or(name_span.clone(), Spanned::span);
            let given = image.containerfile.as_ref();
            let containerfile =
                context.join(given.map_or("Containerfile", |c| c.get_ref().as_str()));
            if !context.is_dir() {
                self.wrong_with(
                    context_span,
                    format!("the image {name} has no build context"),
                    format!("looked for the folder {context}"),
                );
            } else if !containerfile.is_file() {
                self.wrong_with(
                    given.map_or(name_span, Spanned::span),
                    format!("the image {name} has no Containerfile"),
                    format!("looked for {containerfile}"),
                );
            }
            let spec = ImageSpec {
                namespace: image
                    .namespace
                    .map_or_else(|| NAMESPACE.to_owned(), Spanned::into_inner),
                context,
                containerfile,
                build_args: plain(image.build_args),
                version_label: image.version_label,
                name: name.clone(),
            };
            images.insert(name, spec);
        }
        images
    }

    fn size(&mut self, asked: &Spanned<String>) -> Option<u64> {
        let size = units::size(asked.get_ref());
        if size.is_none() {
            self.wrong_with(
                asked.span(),
                format!("{:?} is not a size", asked.get_ref()),
                "a whole number and KiB, MiB, GiB or TiB, such as \"8GiB\"",
            );
        }
        size
    }

    fn disk(&mut self, asked: asked::Disk) -> DiskSpec {
        let size = asked.size.as_ref().map_or(Some(8 << 30), |s| self.size(s));
        let root_size = asked.root_size.as_ref().and_then(|s| self.size(s));
        if let (Some(size), Some(root), Some(at)) = (size, root_size, &asked.root_size)
            && root >= size
        {
            self.wrong(
                at.span(),
                "the root file system does not fit the disk".to_owned(),
            );
        }
        if let Some(filesystem) = &asked.filesystem
            && !FILESYSTEMS.contains(&filesystem.get_ref().as_str())
        {
            self.wrong_with(
                filesystem.span(),
                format!("unknown filesystem {:?}", filesystem.get_ref()),
                format!("one of {}", FILESYSTEMS.join(", ")),
            );
        }
        DiskSpec {
            size: size.unwrap_or_default(),
            filesystem: asked
                .filesystem
                .map_or_else(|| "ext4".to_owned(), Spanned::into_inner),
            root_size,
            kargs: asked.kargs,
            client_args: asked.client_args,
        }
    }

    /// A number that must not be below the least, or what is taken when none is given.
    fn at_least(
        &mut self,
        asked: Option<&Spanned<u32>>,
        what: &str,
        least: u32,
        default: u32,
    ) -> u32 {
        let Some(asked) = asked else {
            return default;
        };
        let number = *asked.get_ref();
        if number < least {
            self.wrong(
                asked.span(),
                format!("{what} is {number}, at least {least} is needed"),
            );
        }
        number
    }

    fn machine(&mut self, asked: &asked::Machine) -> MachineSpec {
        MachineSpec {
            memory_mib: self.at_least(asked.memory_mib.as_ref(), "memory_mib", 512, 2048),
            cpus: self.at_least(asked.cpus.as_ref(), "cpus", 1, 2),
        }
    }

    fn boot(&mut self, asked: asked::Boot) -> BootSpec {
        let seconds = self.at_least(asked.reachable_s.as_ref(), "reachable_s", 1, 120);
        let known = || PATTERNS.iter().map(|pattern| pattern.name);
        for name in &asked.allow_alarms {
            if !known().any(|known| known == name.get_ref()) {
                let message = format!("no alarm is called {}", name.get_ref());
                self.unknown(name.get_ref(), name.span(), message, known());
            }
        }
        let alarms = asked.allow_alarms.into_iter();
        BootSpec {
            reachable: Duration::from_secs(seconds.into()),
            allow_failed_units: asked.allow_failed_units,
            allow_alarms: alarms.map(Spanned::into_inner).collect(),
            etc_drift_ignore: asked.etc_drift_ignore,
        }
    }
}
