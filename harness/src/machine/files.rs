//! Files of a machine that others must not read.

use bootproof_record::write_private;
use camino::Utf8Path;

use super::MachineError;

pub(super) fn write_secret(path: &Utf8Path, bytes: &[u8], mode: u32) -> Result<(), MachineError> {
    write_private(path, bytes, mode).map_err(io(path))
}

pub(super) fn io(path: &Utf8Path) -> impl Fn(std::io::Error) -> MachineError + '_ {
    move |source| MachineError::Io {
        path: path.to_owned(),
        source,
    }
}
