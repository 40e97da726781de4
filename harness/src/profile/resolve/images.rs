//! Images, which of them are updated, and how far pictures of their pages may be apart.

use std::collections::BTreeMap;

use toml::Spanned;

use super::super::{ImageSpec, UpdateSpec, raw};
use super::{Resolver, plain};
use crate::picture::Tolerance;
use crate::registry::NAMESPACE;

impl Resolver<'_> {
    pub(super) fn images(
        &mut self,
        raw: BTreeMap<Spanned<String>, raw::Image>,
    ) -> BTreeMap<String, ImageSpec> {
        let mut images = BTreeMap::new();
        for (name, image) in raw {
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

    pub(super) fn update(
        &mut self,
        raw: raw::Update,
        images: &BTreeMap<String, ImageSpec>,
    ) -> UpdateSpec {
        for image in &raw.images {
            let name = image.get_ref();
            if !images.contains_key(name) {
                let message = format!("there is no image {name}");
                let known = images.keys().map(String::as_str);
                self.unknown(name, image.span(), message, known);
            }
        }
        UpdateSpec {
            images: raw.images.into_iter().map(Spanned::into_inner).collect(),
            build_args: raw.build_args,
        }
    }

    /// How far pictures may be apart: a share above a half would call any two the same.
    pub(super) fn pictures(&mut self, raw: raw::Pictures) -> Tolerance {
        let mut tolerance = Tolerance::default();
        if let Some(channel) = raw.channel {
            tolerance.channel = channel;
        }
        if let Some(share) = raw.share {
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
}
