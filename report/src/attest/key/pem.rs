//! The blocks of a PEM file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One block.
pub(super) struct Block {
    /// What it says it is.
    pub label: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// All blocks of a text; what stands around them is none of it.
///
/// # Errors
/// When a block does not end, or is not base64.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let begins = line.strip_prefix("-----BEGIN ");
        let Some(label) = begins.and_then(|rest| rest.strip_suffix("-----")) else {
            continue;
        };
        let end = format!("-----END {label}-----");
        let mut body = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                // Headers of an older kind of PEM, such as Proc-Type.
                Some(line) if line.contains(':') => {}
                Some(line) => body.push_str(line),
                None => return Err(format!("its {label} has no end")),
            }
        }
        let bytes = STANDARD
            .decode(&body)
            .map_err(|error| format!("its {label} is not base64: {error}"))?;
        blocks.push(Block {
            label: label.to_owned(),
            bytes,
        });
    }
    Ok(blocks)
}
