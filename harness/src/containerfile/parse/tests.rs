use super::*;

fn messages(text: &str) -> Vec<String> {
    parse("C".into(), text)
        .unwrap_err()
        .iter()
        .map(Problem::describe)
        .collect()
}

#[test]
fn continued_lines_are_one_instruction_at_its_first_line() {
    let file = parse(
        "C".into(),
        "# a comment\nFROM a\n\nRUN one && \\\n    # inside\n\n    two\nCMD x\n",
    )
    .unwrap();
    let seen: Vec<_> = file
        .instructions
        .iter()
        .map(|i| (i.line, i.keyword.as_str(), i.arguments.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (2, "FROM", "a"),
            (4, "RUN", "one &&     two"),
            (8, "CMD", "x")
        ]
    );
}

#[test]
fn here_documents_are_not_instructions() {
    let file = parse(
        "C".into(),
        "FROM a\nRUN <<EOF\nnot an instruction\nEOF\nCOPY <<-'X' /etc/motd\nHELLO\nX\nCMD y\n",
    )
    .unwrap();
    assert_eq!(file.instructions.len(), 4);
    assert_eq!(
        messages("FROM a\nRUN <<EOF\nlost\n"),
        ["C:2:1: the here-document EOF has no end"]
    );
}

#[test]
fn flaws_come_with_their_lines_all_at_once() {
    assert_eq!(
        messages("RUN early\nFROM a\nCOPPY a b\nCOPY a\nRUN\nwget x\n"),
        [
            "C:1:1: RUN before the first FROM",
            "C:3:1: unknown instruction COPPY (did you mean COPY?)",
            "C:4:1: COPY needs a source and a destination",
            "C:5:1: RUN has no argument",
            "C:6:1: unknown instruction WGET (a line that continues another ends the other with \\)",
        ]
    );
    assert_eq!(
        messages("# only a comment\n"),
        ["C: no FROM instruction (every image is built from another, or from scratch)"]
    );
}

#[test]
fn another_escape_character_is_honoured() {
    let file = parse("C".into(), "# escape=`\nFROM a\nRUN x `\n y\n").unwrap();
    assert_eq!(file.instructions[1].arguments, "x  y");
}

#[test]
fn a_word_may_go_on_in_the_next_line() {
    let file = parse("C".into(), "FROM quay.io/\\\nexample/a:1\n").unwrap();
    assert_eq!(file.instructions[0].arguments, "quay.io/example/a:1");
}

#[test]
fn a_directive_is_one_in_the_first_line_only() {
    let file = "# the team's\n# escape=`\nFROM a\nRUN x \\\n y\n";
    let file = parse("C".into(), file).unwrap();
    assert_eq!(file.instructions[1].arguments, "x  y");
    assert_eq!(
        messages("# escape=x\nFROM a\n"),
        ["C:1:1: the escape character is 'x', and can be \\ or ` only"]
    );
}

#[test]
fn what_only_describes_may_stand_before_the_first_from() {
    for first in [
        "MAINTAINER The Team <team@example.com>",
        "LABEL a=b",
        "ENV A=b",
    ] {
        let file = parse("C".into(), &format!("{first}\nFROM a\n")).unwrap();
        assert_eq!(file.instructions.len(), 2, "{first}");
    }
}

#[test]
fn bytes_are_read_as_they_come() {
    let text =
        b"\xef\xbb\xbf# caf\xe9\r\nFROM a\r\nRUN x \\\r\n  y\r\nRUN <<E\r\nz\r\nE\r\nRUN z \\";
    let file = parse("C".into(), text).unwrap();
    let seen: Vec<_> = file
        .instructions
        .iter()
        .map(|i| (i.line, i.keyword.as_str(), i.arguments.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (2, "FROM", "a"),
            (3, "RUN", "x   y"),
            (5, "RUN", "<<E"),
            (8, "RUN", "z")
        ]
    );
    assert_eq!(
        &file.source.text[file.instructions[0].span.clone()],
        "FROM a"
    );
    assert_eq!(file.edited([]), text);
}

#[test]
fn a_template_is_named_as_such_and_nothing_else_is_said_of_it() {
    let text =
        "# {{ if x }}\nFROM a\nRUN install \\\n  {{ range .Packages -}}\n  x\nno instruction\n";
    assert_eq!(
        messages(text),
        ["C:4:3: a template that was not rendered (give the file that is made of it)"]
    );
    let formats = "FROM a\nRUN podman inspect --format '{{ range .A }}x{{ end }}' x && echo ${A}\n";
    assert!(parse("C".into(), formats).is_ok());
}
