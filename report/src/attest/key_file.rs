//! Keys and passwords as the user names them: read before anything runs, so that a night's run does not end in vain.

use std::os::unix::fs::PermissionsExt as _;

use bootproof_record::problem::Problem;
use bootproof_record::secret::{PASSWORD_VARIABLES, Secret};
use camino::Utf8Path;

use super::key::KeyError;
use super::{PublicKey, Signer};

/// The password of an encrypted key: out of a file, or out of the environment.
///
/// # Errors
/// When the file cannot be read, or others can read it.
pub fn read_password(file: Option<&Utf8Path>) -> Result<Option<Secret>, Problem> {
    let Some(path) = file else {
        let set = |name: &&str| std::env::var(name).ok();
        return Ok(PASSWORD_VARIABLES.iter().find_map(set).map(Secret::new));
    };
    let text = read(path)?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = Secret::new(password.strip_suffix('\r').unwrap_or(password));
    check_private(path, "the password")?;
    Ok(Some(password))
}

/// The key that signs.
///
/// # Errors
/// When it is none, does not open, or lies there for all to read.
pub fn read_private_key(path: &Utf8Path, password: Option<&Secret>) -> Result<Signer, Problem> {
    let text = read(path)?;
    let signer = Signer::parse(&text, password).map_err(|error| key_problem(path, &error))?;
    if Signer::is_plain(&text) {
        check_private(path, "the private key")?;
    }
    Ok(signer)
}

/// The key that verifies.
///
/// # Errors
/// When it is none.
pub fn read_public_key(path: &Utf8Path) -> Result<PublicKey, Problem> {
    PublicKey::parse(&read(path)?).map_err(|error| key_problem(path, &error))
}

fn key_problem(path: &Utf8Path, error: &KeyError) -> Problem {
    Problem::new(path.as_str(), error.to_string()).help(error.help())
}

fn read(path: &Utf8Path) -> Result<String, Problem> {
    let bytes = std::fs::read(path)
        .map_err(|error| Problem::new(path.as_str(), format!("cannot be read: {error}")))?;
    let problem = |_| {
        Problem::new(path.as_str(), "is no key: it is not text")
            .help("keys are PEM: convert one in DER with `openssl pkey -inform DER`")
    };
    String::from_utf8(bytes).map_err(problem)
}

/// Refuses a file that every user of the host can read.
fn check_private(path: &Utf8Path, what: &str) -> Result<(), Problem> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| Problem::new(path.as_str(), format!("cannot be read: {error}")))?;
    // A pipe, as a shell makes one for `<(…)`, has no other readers.
    if !metadata.is_file() || metadata.permissions().mode() & 0o004 == 0 {
        return Ok(());
    }
    let message = format!("{what} can be read by every user of this host");
    Err(Problem::new(path.as_str(), message).help(format!("`chmod 600 {path}`")))
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;
    use crate::sample::keys::{SIGNER_NUMBER, pem};

    fn file(text: &[u8], mode: u32) -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("file")).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn a_private_key_for_all_to_read_is_refused() {
        let (private, _) = pem(SIGNER_NUMBER);
        let (_dir, path) = file(private.as_bytes(), 0o644);
        let problem = read_private_key(&path, None).unwrap_err();
        assert!(problem.message.contains("every user"), "{problem}");
        assert!(problem.help.unwrap().contains("chmod 600"));
        let (_dir, path) = file(private.as_bytes(), 0o640);
        assert!(read_private_key(&path, None).is_ok());
        let (_dir, path) = file(b"a-long-password\n", 0o604);
        assert!(read_password(Some(&path)).is_err());
    }

    #[test]
    fn a_passwords_newline_is_no_part_of_it() {
        for text in [
            "a-long-password",
            "a-long-password\n",
            "a-long-password\r\n",
        ] {
            let (_dir, path) = file(text.as_bytes(), 0o600);
            let read = read_password(Some(&path)).unwrap().unwrap();
            assert_eq!(read.expose(), "a-long-password");
        }
    }

    #[test]
    fn a_key_in_der_is_told_what_to_do() {
        let (_dir, path) = file(&[0x30, 0x81, 0xff], 0o600);
        let problem = read_public_key(&path).unwrap_err();
        assert!(problem.help.unwrap().contains("openssl"));
        let missing = read_public_key(Utf8Path::new("/nonexistent/key")).unwrap_err();
        assert!(missing.message.starts_with("cannot be read"), "{missing}");
    }
}
