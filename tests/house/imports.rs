//! Which modules of a crate name which others: `use` trees and the paths written in code, attributes and macros.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Lit, Macro, Meta, UseTree};

/// A module's path below the crate's root, which is the empty one.
pub type ModulePath = Vec<String>;

/// Where a module names another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub from: ModulePath,
    /// The module that is named; what it re-exports is counted to it.
    pub to: ModulePath,
    pub file: String,
    pub line: usize,
}

/// Reads a source file of the crate.
pub type Reader<'r> = &'r dyn Fn(&str) -> Option<String>;

/// The imports of a crate among its own modules, tests left out. The root is a file such as `src/lib.rs`.
///
/// # Errors
/// When a module's file is missing or is no Rust.
pub fn imports(root: &str, read: Reader<'_>) -> Result<Vec<Import>, String> {
    let mut modules = Modules {
        read,
        found: Vec::new(),
    };
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    modules.read_file(Vec::new(), root, folder)?;
    let paths: BTreeSet<&ModulePath> = modules.found.iter().map(|module| &module.path).collect();
    let mut imports = Vec::new();
    for module in &modules.found {
        let mut names = Names {
            module,
            modules: &paths,
            bindings: BTreeMap::new(),
            uses: Vec::new(),
            imports: Vec::new(),
        };
        // A name may be imported below the place where it is used.
        let mut collector = Collector { uses: Vec::new() };
        module.items.iter().for_each(|i| collector.visit_item(i));
        names.bind(&collector.uses);
        names.import_uses();
        module.items.iter().for_each(|i| names.visit_item(i));
        imports.append(&mut names.imports);
    }
    Ok(imports)
}

struct Module {
    path: ModulePath,
    file: String,
    items: Vec<Item>,
}

struct Modules<'r> {
    read: Reader<'r>,
    found: Vec<Module>,
}

impl Modules<'_> {
    fn read_file(&mut self, path: ModulePath, file: &str, folder: &str) -> Result<(), String> {
        let text = (self.read)(file).ok_or_else(|| format!("{file} cannot be read"))?;
        let parsed = syn::parse_file(&text).map_err(|error| format!("{file}: {error}"))?;
        self.add(path, file, folder, parsed.items)
    }

    /// Adds a module and those declared in it, whose files are in `folder`.
    fn add(
        &mut self,
        path: ModulePath,
        file: &str,
        folder: &str,
        items: Vec<Item>,
    ) -> Result<(), String> {
        let (children, items) = items.into_iter().partition::<Vec<_>, _>(is_module);
        self.found.push(Module {
            path: path.clone(),
            file: file.to_owned(),
            items,
        });
        for child in children {
            if let Item::Mod(child) = child
                && !is_test(&child.attrs)
            {
                self.add_child(&path, file, folder, child)?;
            }
        }
        Ok(())
    }

    fn add_child(
        &mut self,
        parent: &[String],
        file: &str,
        folder: &str,
        child: ItemMod,
    ) -> Result<(), String> {
        let name = child.ident.to_string();
        let mut path = parent.to_vec();
        path.push(name.clone());
        let own = format!("{folder}/{name}");
        if let Some((_, items)) = child.content {
            return self.add(path, file, &own, items);
        }
        let elsewhere = child.attrs.iter().find_map(path_attribute);
        if let Some(elsewhere) = elsewhere {
            let beside = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let file = format!("{beside}/{elsewhere}");
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            return self.read_file(path, &file, folder);
        }
        let flat = format!("{own}.rs");
        if (self.read)(&flat).is_some() {
            self.read_file(path, &flat, &own)
        } else {
            self.read_file(path, &format!("{own}/mod.rs"), &own)
        }
    }
}

fn is_module(item: &Item) -> bool {
    matches!(item, Item::Mod(_))
}

/// The value of `#[path = "…"]`.
fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        syn::Expr::Lit(value) if pair.path.is_ident("path") => match &value.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an item is compiled for tests only.
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else {
            return attribute.path().is_ident("test");
        };
        let words: Vec<String> = flat(list.tokens.clone())
            .into_iter()
            .filter_map(|token| match token {
                TokenTree::Ident(word) => Some(word.to_string()),
                _ => None,
            })
            .collect();
        let has = |word: &str| words.iter().any(|other| other == word);
        list.path.is_ident("cfg") && has("test") && !has("not")
    })
}

/// The attributes of what a module can have in it.
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// All `use` items of a module, those in functions too.
struct Collector<'ast> {
    uses: Vec<&'ast ItemUse>,
}

impl<'ast> Visit<'ast> for Collector<'ast> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.uses.push(item);
    }
}

/// One path of a `use` tree, and the name that it is known by.
struct UsePath {
    segments: Vec<String>,
    name: Option<String>,
    span: Span,
}

/// Takes a `use` tree apart.
fn take_apart(tree: &UseTree, before: &[String], paths: &mut Vec<UsePath>) {
    let mut segments = before.to_vec();
    match tree {
        UseTree::Path(path) => {
            segments.push(path.ident.to_string());
            take_apart(&path.tree, &segments, paths);
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                take_apart(tree, before, paths);
            }
        }
        UseTree::Glob(glob) => paths.push(UsePath {
            segments,
            name: None,
            span: glob.star_token.spans[0],
        }),
        UseTree::Name(leaf) => {
            if leaf.ident != "self" {
                segments.push(leaf.ident.to_string());
            }
            paths.push(UsePath {
                name: segments.last().cloned(),
                segments,
                span: leaf.ident.span(),
            });
        }
        UseTree::Rename(leaf) => {
            if leaf.ident != "self" {
                segments.push(leaf.ident.to_string());
            }
            paths.push(UsePath {
                name: Some(leaf.rename.to_string()),
                segments,
                span: leaf.ident.span(),
            });
        }
    }
}

/// Resolves the names of one module.
struct Names<'m> {
    module: &'m Module,
    modules: &'m BTreeSet<&'m ModulePath>,
    /// What `use` makes known here, by name: the path from the crate's root.
    bindings: BTreeMap<String, Vec<String>>,
    uses: Vec<(Vec<String>, usize)>,
    imports: Vec<Import>,
}

impl Names<'_> {
    /// Takes in what is imported. Twice, since an import may go through another one.
    fn bind(&mut self, uses: &[&ItemUse]) {
        let mut paths = Vec::new();
        for item in uses.iter().filter(|item| item.leading_colon.is_none()) {
            take_apart(&item.tree, &[], &mut paths);
        }
        for _ in 0..2 {
            for path in &paths {
                if let (Some(name), Some(absolute)) = (&path.name, self.absolute(&path.segments)) {
                    self.bindings.insert(name.clone(), absolute);
                }
            }
        }
        for path in paths {
            self.uses.push((path.segments, path.span.start().line));
        }
    }

    fn import_uses(&mut self) {
        for (segments, line) in std::mem::take(&mut self.uses) {
            self.import(&segments, line);
        }
    }

    /// A path from the crate's root; none for what is of another crate, or defined here.
    fn absolute(&self, segments: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = segments.split_first()?;
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.path.clone(),
            "super" => self.module.path.split_last()?.1.to_vec(),
            name => {
                let mut child = self.module.path.clone();
                child.push(name.to_owned());
                if self.modules.contains(&child) {
                    child
                } else {
                    self.bindings.get(name)?.clone()
                }
            }
        };
        while let Some(("super", more)) = rest.split_first().map(|(a, b)| (a.as_str(), b)) {
            path.pop()?;
            rest = more;
        }
        path.extend(rest.iter().cloned());
        Some(path)
    }

    fn import(&mut self, segments: &[String], line: usize) {
        let Some(absolute) = self.absolute(segments) else {
            return;
        };
        let to = (0..=absolute.len())
            .rev()
            .map(|length| absolute[..length].to_vec())
            .find(|path| self.modules.contains(path));
        let Some(to) = to else { return };
        self.imports.push(Import {
            from: self.module.path.clone(),
            to,
            file: self.module.file.clone(),
            line,
        });
    }

    /// Paths in tokens that nothing is known of.
    fn import_tokens(&mut self, tokens: TokenStream) {
        let tokens = flat(tokens);
        let colons = |at: usize| {
            let colon =
                |i: usize| matches!(tokens.get(i), Some(TokenTree::Punct(p)) if p.as_char() == ':');
            colon(at) && colon(at + 1)
        };
        let mut at = 0;
        while at < tokens.len() {
            let goes_on = at >= 2 && colons(at - 2);
            let start = at;
            let mut segments = Vec::new();
            while let Some(TokenTree::Ident(word)) = tokens.get(at) {
                segments.push(word.to_string());
                at += 1;
                if !colons(at) {
                    break;
                }
                at += 2;
            }
            if segments.len() > 1 && !goes_on {
                self.import(&segments, tokens[start].span().start().line);
            }
            if segments.is_empty() {
                at += 1;
            }
        }
    }
}

/// Tokens in their order, with those in brackets; a bracket stands as a group without anything in it.
fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let mut all = Vec::new();
    for token in tokens {
        if let TokenTree::Group(group) = token {
            let mark = proc_macro2::Group::new(Delimiter::None, TokenStream::new());
            all.push(TokenTree::Group(mark.clone()));
            all.extend(flat(group.stream()));
            all.push(TokenTree::Group(mark));
        } else {
            all.push(token);
        }
    }
    all
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, _: &'ast ItemUse) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none()
            && path.segments.len() > 1
            && let Some(first) = path.segments.first()
        {
            let segments = path.segments.iter();
            let segments: Vec<String> = segments.map(|s| s.ident.to_string()).collect();
            self.import(&segments, first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.import_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    /// Paths in an attribute, in its strings too, as serde takes them.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let tokens = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            _ => return,
        };
        for token in flat(tokens.clone()) {
            if let TokenTree::Literal(literal) = token
                && let Lit::Str(text) = Lit::new(literal)
                && let Ok(path) = text.parse::<syn::Path>()
            {
                self.visit_path(&path);
            }
        }
        self.import_tokens(tokens);
    }
}
