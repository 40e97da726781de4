//! Where the partitions go: an MBR, `/boot`, and the root file system in the rest.

use std::fmt;

const MIB: u64 = 1 << 20;
const SECTOR: u64 = 512;

/// `/boot` holds up to three kernels with their initramfs while a deployment is being finished.
const BOOT_SIZE: u64 = 512 * MIB;

/// The first partition starts here, as every partitioning tool has it.
const START: u64 = MIB;

/// Below this a root file system is not worth making.
const ROOT_MIN: u64 = 256 * MIB;

/// The boot code's room in a master boot record.
const BOOT_CODE: usize = 440;

/// A stretch of the disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Where it starts.
    pub offset: u64,
    /// How long it is.
    pub size: u64,
}

/// The two partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// `/boot`.
    pub boot: Partition,
    /// The root file system.
    pub root: Partition,
}

/// Why a disk cannot be laid out or cannot take the image.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LayoutError {
    /// Not even an empty system fits.
    #[error("the disk is too small: it has {} and needs at least {}", Mib(*has), Mib(*needs))]
    Disk {
        /// The disk's size in bytes.
        has: u64,
        /// The least size in bytes.
        needs: u64,
    },
    /// `--root-size` asks for more than there is.
    #[error("--root-size {} does not fit: the disk has {} left for the root partition", Mib(*asked), Mib(*has))]
    Root {
        /// What was asked for, in bytes.
        asked: u64,
        /// What is there, in bytes.
        has: u64,
    },
    /// An MBR counts sectors in 32 bits.
    #[error("the disk is too large for an MBR: {} of at most 2 TiB", Mib(*has))]
    TooLarge {
        /// The disk's size in bytes.
        has: u64,
    },
    /// The image does not fit.
    #[error(
        "the image does not fit: it needs about {} on the {what} partition, which offers {}; make the disk at least {}",
        Mib(*needs), Mib(*has), Mib(*disk)
    )]
    Image {
        /// Which partition.
        what: &'static str,
        /// What the image needs, in bytes.
        needs: u64,
        /// What a file system there offers, in bytes.
        has: u64,
        /// A disk that would do, in bytes.
        disk: u64,
    },
}

struct Mib(u64);

impl fmt::Display for Mib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.0.div_ceil(MIB))
    }
}

impl Layout {
    /// Lays a disk out.
    ///
    /// # Errors
    /// When it is too small, too large, or too small for the root size asked for.
    pub fn new(disk: u64, root_size: Option<u64>) -> Result<Self, LayoutError> {
        let whole = disk / MIB * MIB;
        let least = START + BOOT_SIZE + ROOT_MIN;
        if whole < least {
            return Err(LayoutError::Disk {
                has: disk,
                needs: least,
            });
        }
        if whole / SECTOR > u64::from(u32::MAX) {
            return Err(LayoutError::TooLarge { has: disk });
        }
        let offset = START + BOOT_SIZE;
        let rest = whole - offset;
        let size = match root_size {
            Some(asked) if asked > rest => return Err(LayoutError::Root { asked, has: rest }),
            Some(asked) => asked.div_ceil(MIB) * MIB,
            None => rest,
        };
        Ok(Self {
            boot: Partition {
                offset: START,
                size: BOOT_SIZE,
            },
            root: Partition {
                offset,
                size: size.min(rest),
            },
        })
    }

    /// Checks that an image fits before anything is written.
    ///
    /// `content` is the size of its files, `boot_files` that of one kernel and initramfs, both in bytes.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_fits(&self, content: u64, boot_files: u64) -> Result<(), LayoutError> {
        // The repository adds metadata and a second copy of small files to what the files take.
        let needs = content + content / 7 + 64 * MIB;
        // Inodes, the journal, and the share that ostree leaves free.
        let offers = |size: u64| (size - size / 12).saturating_sub(32 * MIB);
        let has = offers(self.root.size);
        if needs > has {
            let root = (needs + 32 * MIB) * 12 / 11 + MIB;
            return Err(LayoutError::Image {
                what: "root",
                needs,
                has,
                disk: self.root.offset + root,
            });
        }
        let needs = boot_files * 3;
        let has = offers(self.boot.size);
        if needs > has {
            return Err(LayoutError::Image {
                what: "boot",
                needs,
                has,
                disk: self.root.offset + self.root.size,
            });
        }
        Ok(())
    }

    /// The disk's first sector: boot code, signature, and the two partitions, the first one active.
    pub fn mbr(&self, boot_code: &[u8], signature: u32) -> [u8; 512] {
        let mut sector = [0_u8; 512];
        let n = boot_code.len().min(BOOT_CODE);
        sector[..n].copy_from_slice(&boot_code[..n]);
        sector[440..444].copy_from_slice(&signature.to_le_bytes());
        for (i, (partition, active)) in [(self.boot, true), (self.root, false)].iter().enumerate() {
            let entry = &mut sector[446 + 16 * i..462 + 16 * i];
            entry[0] = if *active { 0x80 } else { 0 };
            // The heads and cylinders of a disk that has none: "see the sector numbers".
            entry[1..4].copy_from_slice(&[0xfe, 0xff, 0xff]);
            entry[4] = 0x83;
            entry[5..8].copy_from_slice(&[0xfe, 0xff, 0xff]);
            entry[8..12].copy_from_slice(&sectors(partition.offset).to_le_bytes());
            entry[12..16].copy_from_slice(&sectors(partition.size).to_le_bytes());
        }
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    }
}

fn sectors(bytes: u64) -> u32 {
    u32::try_from(bytes / SECTOR).unwrap_or(u32::MAX)
}

/// Whether a disk's first sector says that it is partitioned or boots.
pub fn is_used(first_sector: &[u8]) -> bool {
    first_sector.get(510..512) == Some(&[0x55, 0xaa])
}

/// Reads a size as bootc does: in MiB, or with the unit M, G or T (also MiB, GiB, TiB).
///
/// # Errors
/// When it is no size.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let bad = || SizeError(text.to_owned());
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" | "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return Err(bad()),
    };
    let number: u64 = digits.parse().map_err(|_| bad())?;
    if number == 0 {
        return Err(bad());
    }
    number.checked_mul(1 << shift).ok_or_else(bad)
}

/// A text that is no size.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid size {0:?}: a number of MiB, or with one of the units M, G, T, is expected")]
pub struct SizeError(String);

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_root_takes_the_rest() {
        let l = Layout::new(8 * GIB, None).unwrap();
        assert_eq!(l.boot.offset, MIB);
        assert_eq!(l.root.offset, l.boot.offset + l.boot.size);
        assert_eq!(l.root.offset + l.root.size, 8 * GIB);
    }

    #[test]
    fn an_odd_disk_is_not_overrun() {
        let l = Layout::new(4 * GIB + 12345, None).unwrap();
        assert_eq!(l.root.offset + l.root.size, 4 * GIB);
    }

    #[test]
    fn the_root_size_is_kept_or_refused() {
        assert_eq!(
            Layout::new(8 * GIB, Some(3 * GIB)).unwrap().root.size,
            3 * GIB
        );
        assert_eq!(
            Layout::new(4 * GIB, Some(4 * GIB)),
            Err(LayoutError::Root {
                asked: 4 * GIB,
                has: 4 * GIB - 513 * MIB
            })
        );
    }

    #[test]
    fn disks_beyond_the_limits_are_refused() {
        assert!(matches!(
            Layout::new(100 * MIB, None),
            Err(LayoutError::Disk { .. })
        ));
        assert!(matches!(
            Layout::new(3 << 40, None),
            Err(LayoutError::TooLarge { .. })
        ));
    }

    #[test]
    fn an_image_too_large_is_told_what_would_do() {
        let l = Layout::new(GIB, None).unwrap();
        let error = l.check_fits(500 * MIB, 40 * MIB).unwrap_err();
        let LayoutError::Image {
            what: "root", disk, ..
        } = error
        else {
            panic!("{error}")
        };
        Layout::new(disk, None)
            .unwrap()
            .check_fits(500 * MIB, 40 * MIB)
            .unwrap();
        assert!(
            error.to_string().contains("MiB on the root partition"),
            "{error}"
        );
        let boot = Layout::new(8 * GIB, None)
            .unwrap()
            .check_fits(MIB, 200 * MIB)
            .unwrap_err();
        assert!(matches!(boot, LayoutError::Image { what: "boot", .. }));
    }

    #[test]
    fn the_first_sector_is_a_boot_record() {
        let l = Layout::new(8 * GIB, None).unwrap();
        let s = l.mbr(&[0xeb; 600], 0x1234_5678);
        assert!(is_used(&s));
        assert_eq!(s[..440], [0xeb; 440]);
        assert_eq!(s[440..446], [0x78, 0x56, 0x34, 0x12, 0, 0]);
        assert_eq!((s[446], s[450]), (0x80, 0x83));
        assert_eq!(s[454..458], 2048_u32.to_le_bytes());
        assert_eq!(s[462], 0);
        let start = u32::try_from(l.root.offset / 512).unwrap();
        assert_eq!(s[470..474], start.to_le_bytes());
        assert_eq!(s[478..510], [0; 32]);
        assert!(!is_used(&[0; 512]));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("2048"), Ok(2 * GIB));
        assert_eq!(parse_size("2G"), Ok(2 * GIB));
        assert_eq!(parse_size("2GiB"), Ok(2 * GIB));
        assert_eq!(parse_size("1T"), Ok(1 << 40));
        for bad in ["", "G", "0", "-1", "1.5G", "5K", "99999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
