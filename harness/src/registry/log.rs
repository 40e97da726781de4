//! What was read from the run's own registry, from its access log.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom};

use super::{Kind, Registry, RegistryError};

/// A place in the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogMark(u64);

impl Registry {
    /// Where the access log ends now; `None` for the user's own registry, whose log is not ours.
    #[must_use]
    pub fn log_mark(&self) -> Option<LogMark> {
        let meta = std::fs::metadata(self.access_log()?).ok()?;
        Some(LogMark(meta.len()))
    }

    /// The blobs of an image's repository that were read since a mark, by digest.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn blobs_read(
        &self,
        since: LogMark,
        namespace: &str,
        name: &str,
    ) -> Result<BTreeSet<String>, RegistryError> {
        let Kind::Served { guests: server, .. } = &self.kind else {
            return Ok(BTreeSet::new());
        };
        let path = server.log();
        let fail = |source| RegistryError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = std::fs::File::open(path).map_err(fail)?;
        file.seek(SeekFrom::Start(since.0)).map_err(fail)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(fail)?;
        let text = String::from_utf8_lossy(&text);
        let repository = self.location.path(namespace, name);
        Ok(text.lines().filter_map(|l| blob(l, &repository)).collect())
    }
}

/// The blob that a line of the access log says was given: `… "GET /v2/REPOSITORY/blobs/DIGEST HTTP/1.1" 200 …`.
fn blob(line: &str, repository: &str) -> Option<String> {
    let (_, request) = line.split_once("\"GET /v2/")?;
    let rest = request.strip_prefix(repository)?.strip_prefix("/blobs/")?;
    let (digest, answer) = rest.split_once(' ')?;
    let given = answer.split_once("\" ")?.1;
    (given.starts_with("200") || given.starts_with("206")).then(|| digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blobs_that_were_given_count() {
        let line = |request: &str, status: u16| {
            format!(
                "127.0.0.1 - - [21/Nov/2026:05:00:00 +0000] \"{request} HTTP/1.1\" {status} 1 \"\" \"skopeo/1.9\""
            )
        };
        let read = |request: &str, status| blob(&line(request, status), "line-1/homepage");
        assert_eq!(
            read("GET /v2/line-1/homepage/blobs/sha256:ab", 200).as_deref(),
            Some("sha256:ab")
        );
        assert_eq!(read("GET /v2/line-1/homepage/blobs/sha256:ab", 401), None);
        assert_eq!(read("HEAD /v2/line-1/homepage/blobs/sha256:ab", 200), None);
        assert_eq!(
            read("GET /v2/line-1/homepage/manifests/sha256:ab", 200),
            None
        );
        assert_eq!(read("GET /v2/line-12/homepage/blobs/sha256:ab", 200), None);
        assert_eq!(blob("time=now level=warn", "line-1/homepage"), None);
    }
}
