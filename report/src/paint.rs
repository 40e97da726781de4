//! Colours, where they help and are wanted.

use bootproof_record::Verdict;

/// Whether to paint.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    /// For a stream that is a terminal or not: `NO_COLOR` and a dumb terminal turn colours off.
    pub fn of(terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        Self(terminal && !dumb && !set("NO_COLOR"))
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// For headings.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// For what is less important.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// A verdict's word (padded to a column, or not) in its colour.
    pub fn verdict(self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Passed => "32",
            Verdict::Failed => "1;31",
            Verdict::Error => "1;35",
            Verdict::Flaky | Verdict::Blocked => "33",
            Verdict::Skipped => "36",
        };
        self.with(code, text)
    }
}

/// A duration a person reads: `850 ms`, `12.3 s`, `4 min 05 s`.
pub fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else {
        let whole = seconds.round();
        format!("{:.0} min {:02.0} s", (whole / 60.0).floor(), whole % 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let read: Vec<_> = [0.0449, 1.0, 119.94, 125.4, 3599.6].map(duration).into();
        assert_eq!(
            read,
            ["45 ms", "1.0 s", "119.9 s", "2 min 05 s", "60 min 00 s"]
        );
    }
}
