//! From what a profile's file says to the profile, or to all that is wrong with it.

mod images;
mod machine;
mod releases;
mod sign_off;

use std::collections::BTreeMap;
use std::ops::Range;

use bootproof_record::problem::{Problem, Source, nearest};
use camino::{Utf8Path, Utf8PathBuf};
use toml::Spanned;

use super::raw::{self, RawProfile};
use super::{Profile, Release, ReleaseName, WebSpec};

pub(super) fn resolve(source: &Source, raw: RawProfile) -> Result<Profile, Vec<Problem>> {
    let folder = match source.file.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent.to_owned(),
        _ => Utf8PathBuf::from("."),
    };
    let mut resolver = Resolver {
        source,
        folder: &folder,
        problems: Vec::new(),
    };
    resolver.name(&raw.name, "a profile");
    resolver.login(&raw.login);
    resolver.releases(&raw.releases, &raw.bases, &raw.images);
    let bases = resolver.bases(&raw.bases);
    let tags = resolver.tags(raw.tags, &raw.releases);
    let redactions = resolver.redactions(raw.snapshots, &raw.releases);
    let images = resolver.images(raw.images);
    let pictures = resolver.pictures(raw.pictures);
    let update = resolver.update(raw.update, &images);
    let disk = resolver.disk(raw.disk);
    let machine = resolver.machine(&raw.machine);
    let boot = resolver.boot(raw.boot);
    let sign_off = resolver.sign_off(raw.sign_off, &images);
    if !raw.web.path.starts_with('/') {
        resolver.problems.push(
            source.problem_in_all(format!("web.path is {:?}, not a path from /", raw.web.path)),
        );
    }
    if !resolver.problems.is_empty() {
        resolver.problems.sort_by_key(|p| (p.line, p.column));
        return Err(resolver.problems);
    }
    Ok(Profile {
        name: raw.name.into_inner(),
        description: raw.description,
        client: raw.client,
        login_user: raw.login.user.into_inner(),
        services: raw.services,
        web: WebSpec {
            port: raw.web.port,
            path: raw.web.path,
        },
        tags,
        update,
        packages: raw.commands.packages,
        after_rollback: raw.database.after_rollback,
        redactions,
        pictures,
        old: release(ReleaseName::Old, raw.releases.old),
        new: release(ReleaseName::New, raw.releases.new),
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

fn release(name: ReleaseName, raw: raw::Release) -> Release {
    Release {
        name,
        tag: raw.tag.into_inner(),
        base: raw.base.into_inner(),
        os_release: raw.os_release.into_inner(),
        build_args: plain(raw.build_args),
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

    fn login(&mut self, login: &raw::Login) {
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
}
