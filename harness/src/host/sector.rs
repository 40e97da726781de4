//! A guest of one sector, for probes: it writes a word to the first serial port, then a point every now and then.

/// Its word.
pub(super) const HELLO: &str = "bootproof-probe";

/// 16-bit code that writes [`HELLO`] and then points for ever.
pub(super) fn boot_sector() -> Vec<u8> {
    const CODE: [u8; 34] = [
        0xfa, // cli
        0x31, 0xc0, // xor ax, ax
        0x8e, 0xd8, // mov ds, ax
        0xbe, 0x22, 0x7c, // mov si, 0x7c22 (the text, after the code)
        0xba, 0xf8, 0x03, // mov dx, 0x3f8
        0xac, // lodsb
        0x84, 0xc0, // test al, al
        0x74, 0x03, // jz +3 (the points)
        0xee, // out dx, al
        0xeb, 0xf8, // jmp -8 (lodsb)
        0x66, 0xb9, 0x00, 0x00, 0x20, 0x00, // mov ecx, 0x200000
        0x66, 0x49, // dec ecx
        0x75, 0xfc, // jnz -4 (dec)
        0xb0, 0x2e, // mov al, '.'
        0xee, // out dx, al
        0xeb, 0xf1, // jmp -15 (mov ecx)
    ];
    let mut sector = CODE.to_vec();
    sector.extend(HELLO.bytes());
    sector.extend(b"\n\0");
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    sector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_sector_is_one_sector_with_its_mark() {
        let sector = boot_sector();
        assert_eq!(sector.len(), 512);
        assert_eq!(&sector[510..], [0x55, 0xaa]);
        assert!(sector[0x22..].starts_with(HELLO.as_bytes()));
    }
}
