//! A phrase of the vocabulary as data beside its step definition.

use cucumber::codegen::inventory;

/// A chapter's title, and what more there is to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChapterHeading {
    /// The path of its module.
    pub(crate) module: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// More about it; often empty.
    pub(crate) about: &'static str,
}

/// A key of the profile that a step cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    /// The key; a parameter of the step's own stands in braces.
    pub(crate) key: &'static str,
    /// The word of the step's text that makes it needed; without one it always is.
    pub(crate) word: Option<&'static str>,
}

/// A step definition's phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// The path of its chapter's module.
    pub(crate) module: &'static str,
    /// Its source file.
    pub(crate) file: &'static str,
    /// Its line there, which is also that of its step definitions.
    pub(crate) line: u32,
    /// `Given`, `When`, `Then`: all it may begin with.
    pub(crate) keywords: &'static [&'static str],
    /// The regular expression or Cucumber expression it is found by.
    pub(crate) expression: &'static str,
    /// What it does, in lines.
    pub(crate) doc: &'static [&'static str],
    /// A text that it matches.
    pub(crate) example: &'static str,
    /// The keys of the profile it needs.
    pub(crate) needs: &'static [Need],
}

inventory::collect!(Phrase);

/// Defines a step: its function for cucumber and its [`Phrase`].
///
/// ```text
/// step! {
///     given, when: expr = "the door {string} is opened",
///     example: r#"the door "a" is opened"#,
///     needs: ["services.door", "services.bell" where "rung"],
///     /// Opens a door.
///     async fn open(world: &mut World, name: String) -> Result<(), StepError> {
///         world.open(&name).await
///     }
/// }
/// ```
macro_rules! step {
    (
        $($keyword:ident),+: $kind:ident = $expression:tt,
        example: $example:literal,
        $(needs: [$($need:literal $(where $word:literal)?),+ $(,)?],)?
        $(#[doc = $doc:literal])+
        async fn $($function:tt)+
    ) => {
        $(#[doc = $doc])+
        $(#[::cucumber::$keyword($kind = $expression)])+
        async fn $($function)+

        ::cucumber::codegen::inventory::submit! {
            $crate::phrase::Phrase {
                module: module_path!(),
                file: file!(),
                line: line!(),
                keywords: &[$($crate::phrase::step!(@keyword $keyword)),+],
                expression: $expression,
                doc: &[$($doc),+],
                example: $example,
                needs: &[$($($crate::phrase::Need {
                    key: $need,
                    word: $crate::phrase::step!(@word $($word)?),
                }),+)?],
            }
        }
    };
    (@keyword given) => { "Given" };
    (@keyword when) => { "When" };
    (@keyword then) => { "Then" };
    (@word) => { None };
    (@word $word:literal) => { Some($word) };
}

pub(crate) use step;
