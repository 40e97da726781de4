//! What a machine is asked of itself: one script for all questions, whose answers come back apart.
//!
//! Each answer is sent with its size, under a boundary made for the one script, with its own exit code and standard
//! error: what a guest writes is never taken for another answer, and what was cut short is noticed.

use std::collections::BTreeMap;
use std::time::Duration;

use bootproof_record::quote;

use super::markers::{ETC_MARKER, VAR_MARKER};
use crate::bootc::Verb;
use crate::systemd;

/// How long one question may take, as measured under KVM.
pub(super) const QUESTION: Duration = Duration::from_secs(30);

/// How long the answers to all questions may take, as measured under KVM.
pub(super) const ANSWERS: Duration = Duration::from_secs(90);

/// How much of the journal is sent, in bytes; of more, the head and the tail.
const JOURNAL_BYTES: usize = 8 << 20;

/// How much of all answers is read, in bytes.
pub(super) const ANSWER_BYTES: usize = JOURNAL_BYTES + (4 << 20);

/// Asks for the journal of this boot, as far as it was not asked for before. The mark is gone with the next boot.
const JOURNAL: &str = "journalctl --boot --output=short --no-pager --quiet --no-hostname --cursor-file=/run/bootproof-journal";

/// Sends every answer with its size. `stat` and `cat` are given the same names in the same order.
const SEND: &str = r#"cd "$d" || exit 1
sizes() { stat -c '%s %n' [!j]* journal.code journal.err journal.out; }
sizes=$(sizes)
size=${sizes##*"$nl"}
if test "${size%% *}" -gt "$most"; then
  { head -c $((most / 2)) journal.out; tail -c $((most / 2)) journal.out; } >"$d.cut" && mv "$d.cut" journal.out
  sizes=$(sizes)
fi
say sizes
printf '%s\n' "$sizes"
say answers
cat [!j]* journal.code journal.err journal.out
cd /
rm -rf "$d"
say end
"#;

/// Waits until starting has come to an end, well or not. That systemd cannot answer is no end: its bus may be late.
const SETTLE: &str = r#"while :; do
  state=$(systemctl is-system-running --wait 2>&1)
  case ${state##*"$nl"} in running | degraded | maintenance) break ;; esac
  say starting "${state%%"$nl"*}"
  sleep 1
done
say settled "${state##*"$nl"}"
test "${state##*"$nl"}" != maintenance || exit 0
"#;

/// What needs no program of its own.
const FACTS: &str = r#"facts() {
  read -r kernel </proc/sys/kernel/osrelease
  printf 'kernel=%s\n' "$kernel"
  if test -w /usr; then echo usr=writable; else echo usr=read-only; fi
  for path in "$@"; do
    line=; more=
    test ! -f "$path" || { IFS= read -r line; IFS= read -r more; } <"$path"
    printf 'marker=%s%s\n' "$line" "${more:+ (and more)}"
  done
}
"#;

/// What tells the boot that is waited for from the one before.
#[derive(Debug, Clone)]
pub(super) enum PreviousBoot {
    /// There was none.
    Nothing,
    /// Another boot id.
    Boot(String),
    /// One more soft reboot of the same kernel.
    Soft(u32),
}

/// Which boot is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BootCondition {
    /// Any.
    Any,
    /// Only another than this one.
    Not(String),
    /// Only this one.
    Only(String),
    /// Only one with more soft reboots.
    SofterThan(u32),
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Kernel, `/usr`, markers.
    Facts,
    /// How often userspace alone was started anew.
    Soft,
    /// os-release.
    OsRelease,
    /// The units that have failed.
    Failed,
    /// The client's version.
    Client,
    /// The client's status.
    Status,
    /// What differs in `/etc`.
    Drift,
    /// Whether the markers could be written.
    VarMark,
    /// Whether the markers could be written.
    EtcMark,
    /// The journal since it was last asked for.
    Journal,
}

impl Part {
    const ALL: [Self; 10] = [
        Self::Facts,
        Self::Soft,
        Self::OsRelease,
        Self::Failed,
        Self::Client,
        Self::Status,
        Self::Drift,
        Self::VarMark,
        Self::EtcMark,
        Self::Journal,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Soft => "soft",
            Self::OsRelease => "os",
            Self::Failed => "failed",
            Self::Client => "client",
            Self::Status => "status",
            Self::Drift => "drift",
            Self::VarMark => "var",
            Self::EtcMark => "etc",
            Self::Journal => "journal",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// The command that answers it.
    pub(super) fn line(self) -> String {
        match self {
            Self::Facts => format!("facts {VAR_MARKER} {ETC_MARKER}"),
            Self::Soft => "systemctl show --property=SoftRebootsCount --value".to_owned(),
            Self::OsRelease => "cat /etc/os-release".to_owned(),
            Self::Failed => systemd::LIST_FAILED.join(" "),
            Self::Client => Verb::Version.argv().join(" "),
            Self::Status => Verb::Status.argv().join(" "),
            Self::Drift => "ostree admin config-diff".to_owned(),
            Self::VarMark => format!("mark {VAR_MARKER}"),
            Self::EtcMark => format!("mark {ETC_MARKER}"),
            Self::Journal => JOURNAL.to_owned(),
        }
    }

    /// What it asks for, in words.
    fn words(self) -> &'static str {
        match self {
            Self::Facts => "kernel, /usr, markers",
            Self::Soft => "soft reboots",
            Self::OsRelease => "os-release",
            Self::Failed => "failed units",
            Self::Client => "the client's version",
            Self::Status => "its status",
            Self::Drift => "what differs in /etc",
            Self::VarMark => "a marker in /var",
            Self::EtcMark => "a marker in /etc",
            Self::Journal => "the journal",
        }
    }
}

/// What is asked in one go.
#[derive(Debug, Clone)]
pub(super) struct Questions {
    /// What no guest can know before it is asked.
    pub boundary: String,
    pub which: BootCondition,
    /// Whether starting is waited for first.
    pub settle: bool,
    pub parts: Vec<Part>,
    /// What is written to the markers.
    pub marker: String,
}

impl Questions {
    /// What is asked, in words.
    pub(super) fn words(&self) -> String {
        let words = self.parts.iter().map(|part| part.words());
        let words: Vec<&str> = std::iter::once("boot id").chain(words).collect();
        words.join(", ")
    }

    /// The script, for any POSIX shell. The journal comes last, so that it holds what the other questions brought about.
    pub(super) fn script(&self) -> String {
        let boundary = &self.boundary;
        let mut script = format!(
            "b={boundary} most={JOURNAL_BYTES} nl='\n'\nsay() {{ printf '%s %s\\n' \"$b\" \"$*\"; }}\n\
             read -r id </proc/sys/kernel/random/boot_id || exit 1\n"
        );
        match &self.which {
            BootCondition::Any => script.push_str("say boot \"$id\"\n"),
            BootCondition::Not(id) => script.push_str(&format!(
                "say boot \"$id\"\ntest \"$id\" != {} || exit 0\n",
                quote(id)
            )),
            BootCondition::Only(id) => script.push_str(&format!(
                "say boot \"$id\"\ntest \"$id\" = {} || exit 0\n",
                quote(id)
            )),
            BootCondition::SofterThan(count) => script.push_str(&format!(
                "soft=$({}) || exit 1\nsay boot \"$id\" \"$soft\"\ntest \"${{soft:-0}}\" -gt {count} || exit 0\n",
                Part::Soft.line()
            )),
        }
        if self.settle {
            script.push_str(SETTLE);
        }
        script.push_str(FACTS);
        script.push_str(
            "umask 022\nmark() { printf '%s\\n' \"$2\" >\"$1\"; }\n\
             d=$(mktemp -d /run/bootproof.XXXXXX) || d=$(mktemp -d) || exit 1\n\
             ask() { n=$1; shift; \"$@\" >\"$d/$n.out\" 2>\"$d/$n.err\"; echo $? >\"$d/$n.code\"; say done \"$n\"; }\n",
        );
        // What takes longest begins first and runs beside the rest.
        if self.parts.contains(&Part::Drift) {
            script.push_str(&format!("ask drift {} &\n", Part::Drift.line()));
        }
        for part in Part::ALL {
            if !self.parts.contains(&part) {
                continue;
            }
            let (name, line) = (part.name(), part.line());
            match part {
                Part::Drift => {}
                Part::Journal => script.push_str(&format!("wait\nask {name} {line}\n")),
                Part::VarMark | Part::EtcMark => {
                    let marker = quote(&self.marker);
                    script.push_str(&format!("ask {name} {line} {marker}\n"));
                }
                _ => script.push_str(&format!("ask {name} {line}\n")),
            }
        }
        script.push_str(SEND);
        script
    }
}

/// What is said while the script runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// Which boot it is, and how many soft reboots it has had where that was asked.
    Boot(String, Option<u32>),
    /// Starting has not come to an end; what systemd said.
    Starting(String),
    /// It has; how.
    Settled(String),
    /// A question is answered.
    Done(Part),
    /// All are, and the answers follow.
    All,
}

impl Reply {
    /// Reads a line that begins with the boundary; other lines are not the script's.
    pub(super) fn parse(line: &str, boundary: &str) -> Option<Self> {
        let rest = line.strip_prefix(boundary)?.strip_prefix(' ')?;
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "boot" => {
                let (id, soft) = rest.split_once(' ').unwrap_or((rest, ""));
                Some(Self::Boot(id.to_owned(), soft.trim().parse().ok()))
            }
            "starting" => Some(Self::Starting(rest.to_owned())),
            "settled" => Some(Self::Settled(rest.to_owned())),
            "done" => Part::parse(rest).map(Self::Done),
            "sizes" => Some(Self::All),
            _ => None,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub code: i32,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

/// The answers, by question.
#[derive(Debug, Default)]
pub(super) struct Answers(BTreeMap<Part, Answer>);

impl Answers {
    /// Reads what the script printed; an error names what is missing.
    pub(super) fn parse(printed: &[u8], questions: &Questions) -> Result<Self, String> {
        const CUT: &str = "the end of its answers is missing";
        let b = &questions.boundary;
        let (_, rest) = after(printed, &format!("{b} sizes\n")).ok_or(CUT)?;
        let (sizes, mut rest) = after(rest, &format!("{b} answers\n")).ok_or(CUT)?;
        let mut answers: BTreeMap<Part, Answer> = BTreeMap::new();
        let mut codes = Vec::new();
        for line in String::from_utf8_lossy(sizes).lines() {
            let odd = || format!("{line:?} is no size of an answer");
            let (size, name) = line.split_once(' ').ok_or_else(odd)?;
            let size: usize = size.parse().map_err(|_| odd())?;
            let (name, kind) = name.split_once('.').ok_or_else(odd)?;
            let part = Part::parse(name).ok_or_else(odd)?;
            let (bytes, left) = rest.split_at_checked(size).ok_or(CUT)?;
            rest = left;
            let answer = answers.entry(part).or_default();
            match kind {
                "out" => answer.out = bytes.to_vec(),
                "err" => answer.err = bytes.to_vec(),
                "code" => {
                    let code = String::from_utf8_lossy(bytes);
                    answer.code = code.trim().parse().map_err(|_| odd())?;
                    codes.push(part);
                }
                _ => return Err(odd()),
            }
        }
        if rest != format!("{b} end\n").as_bytes() {
            return Err(CUT.to_owned());
        }
        match questions.parts.iter().find(|part| !codes.contains(part)) {
            Some(part) => Err(format!("the answer of `{}` is missing", part.line())),
            None => Ok(Self(answers)),
        }
    }

    /// Whether there is an answer to it.
    pub(super) fn has(&self, part: Part) -> bool {
        self.0.contains_key(&part)
    }

    /// The answer to a question that was asked.
    pub(super) fn of(&self, part: Part) -> Answer {
        self.0.get(&part).cloned().unwrap_or_else(|| Answer {
            code: 127,
            ..Answer::default()
        })
    }
}

/// What stands before and after a line.
fn after<'a>(bytes: &'a [u8], line: &str) -> Option<(&'a [u8], &'a [u8])> {
    let line = line.as_bytes();
    let mut at = 0;
    loop {
        if bytes[at..].starts_with(line) {
            return Some((&bytes[..at], &bytes[at + line.len()..]));
        }
        at += bytes[at..].iter().position(|byte| *byte == b'\n')? + 1;
    }
}

#[cfg(test)]
mod tests;
