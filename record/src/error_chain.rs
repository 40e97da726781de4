//! An error with its causes, in one line.

use std::error::Error;

/// The message of an error and of every cause that its own message does not already hold, separated by colons.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error, bool);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot read the page")?;
            match self.1 {
                true => write!(f, ": {}", self.0),
                false => Ok(()),
            }
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn every_cause_is_shown_once() {
        for holds_its_cause in [true, false] {
            let error = Outer(io::Error::other("disk on fire"), holds_its_cause);
            assert_eq!(error_chain(&error), "cannot read the page: disk on fire");
        }
    }
}
