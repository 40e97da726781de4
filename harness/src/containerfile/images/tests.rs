use super::super::parse;
use super::*;

fn read(text: &str) -> Containerfile {
    parse("Containerfile".into(), text).unwrap()
}

fn arguments(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    owned.collect()
}

fn names(file: &Containerfile, pairs: &[(&str, &str)]) -> Vec<String> {
    let froms = file.froms(&arguments(pairs)).into_iter();
    froms.map(|from| from.image.name).collect()
}

#[test]
fn a_base_given_as_an_argument_is_filled_in() {
    let file = read("ARG BASE=localhost/a:1\nARG TAG\nFROM ${BASE}\nFROM b:${TAG:-9} AS c\n");
    assert_eq!(names(&file, &[]), ["localhost/a:1", "b:9"]);
    assert_eq!(names(&file, &[("BASE", "x"), ("TAG", "2")]), ["x", "b:2"]);
}

#[test]
fn defaults_may_be_made_of_other_defaults() {
    let file = read(concat!(
        "ARG NAME=\"${NAME:-server}\"\n",
        "ARG RELEASE=\"${RELEASE:-3}\"\n",
        "ARG BASE=\"${BASE:-registry.example.com/team/${NAME}:${RELEASE}}\"\n",
        "ARG PAIR=\"${PAIR:-$NAME-$RELEASE}\"\n",
        "ARG NIGHTLY=1\n",
        "ARG TAG=\"${RELEASE}${NIGHTLY:+-nightly}\"\n",
        "FROM quay.io/example/kit:${PAIR} AS kit\n",
        "FROM quay.io/example/tools:${TAG} AS tools\n",
        "FROM ${BASE}\n",
    ));
    assert_eq!(
        names(&file, &[]),
        [
            "quay.io/example/kit:server-3",
            "quay.io/example/tools:3-nightly",
            "registry.example.com/team/server:3",
        ]
    );
    assert_eq!(
        names(&file, &[("NAME", "web"), ("NIGHTLY", "")])[..2],
        ["quay.io/example/kit:web-3", "quay.io/example/tools:3"]
    );
}

#[test]
fn only_images_from_elsewhere_are_needed() {
    let file = read(
        "FROM golang AS build\nRUN make\nFROM scratch\nCOPY --from=build /a /a\nCOPY --from=other/tools /b /b\nCOPY --from=0 /c /c\n",
    );
    assert_eq!(file.needs(&BTreeMap::new()), ["golang", "other/tools"]);
}

#[test]
fn what_is_copied_or_mounted_is_an_image_too() {
    let file = read(concat!(
        "ARG MIRROR=quay.io/example\n",
        "FROM scratch AS ctx\n",
        "FROM a AS b\n",
        "ARG MIRROR\n",
        "ARG TOOLS=${MIRROR}/tools@sha256:00\n",
        "ENV REPOS=${MIRROR}/repos\n",
        "COPY --chown=0:0 --from=${TOOLS} /x /x\n",
        "RUN --mount=type=bind,from=ctx,src=/,dst=/ctx \\\n",
        "    --mount=type=bind,src=/,from=$REPOS,dst=/repos \\\n",
        "    true\n",
        "FROM b\n",
        "COPY --from=$TOOLS /x /x\n",
    ));
    let needs = [
        "a",
        "quay.io/example/tools@sha256:00",
        "quay.io/example/repos",
    ];
    assert_eq!(file.needs(&BTreeMap::new()), needs);
    // A variable of another stage has no value.
    let last = file.images(&BTreeMap::new()).pop().unwrap();
    assert_eq!((last.name.as_str(), last.unset.len()), ("", 1));
}

#[test]
fn a_name_knows_its_bytes_and_nothing_else_is_edited() {
    let text = concat!(
        "# the base\r\n",
        "FROM --platform=linux/amd64 amd64 AS x\r\n",
        "COPY --from=copy.example.com/from /from /from\r\n",
        "RUN --mount=type=bind,from=m,dst=/from \\\r\n",
        "  m --from=m\r\n",
    );
    let file = read(text);
    let from = file.froms(&BTreeMap::new()).remove(0);
    assert_eq!((from.image.line, from.alias.as_deref()), (2, Some("x")));
    let images = file.images(&BTreeMap::new()).into_iter();
    let edits = images.map(|image| {
        assert_eq!(text[image.span.clone()], image.written);
        (image.span, format!("<{}>", image.name))
    });
    let edited = String::from_utf8(file.edited(edits)).unwrap();
    assert_eq!(
        edited,
        text.replace(" amd64 ", " <amd64> ")
            .replace("copy.example.com/from", "<copy.example.com/from>")
            .replace(",from=m,", ",from=<m>,")
    );
}

#[test]
fn a_name_in_the_line_after_is_found_there() {
    let text = "FROM \\\n  # which one?\n  a:1 \\\n  AS b\n";
    let from = read(text).froms(&BTreeMap::new()).remove(0);
    assert_eq!(&text[from.image.span], "a:1");
    let text = "FROM r.example.com/\\\na:1\n";
    let from = read(text).froms(&BTreeMap::new()).remove(0);
    assert_eq!(from.image.name, "r.example.com/a:1");
    assert_eq!(&text[from.image.span], "r.example.com/\\\na:1");
}

#[test]
fn variables_without_a_value_are_known_by_name() {
    let file = read("ARG BASE\nFROM ${BASE}\nFROM quay.io/$TEAM/a\nFROM b:$TARGETARCH\n");
    let unset = |pairs: &[(&str, &str)]| {
        let froms = file.froms(&arguments(pairs)).into_iter();
        let unset = froms.flat_map(|from| from.image.unset);
        unset.map(|it| (it.name, it.declared)).collect::<Vec<_>>()
    };
    let (base, team) = (("BASE".to_owned(), true), ("TEAM".to_owned(), false));
    assert_eq!(unset(&[]), [base, team.clone()]);
    // One that is given without being declared is not filled in.
    assert_eq!(unset(&[("BASE", "x"), ("TEAM", "x")]), [team]);
}

#[test]
fn words_end_outside_of_quotes() {
    assert_eq!(
        quoted_words(" a='b c'  \"d e\"=f g "),
        ["a='b c'", "\"d e\"=f", "g"]
    );
}
