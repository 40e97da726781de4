//! As whom qemu runs, and which folders that user may enter.

use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use quick_xml::Reader;
use quick_xml::events::Event;

pub(super) type Security = (Option<(u32, u32)>, Vec<String>);

/// The host's security models, and the user and group qemu runs as: `<baselabel type='kvm'>+64055:+64055</baselabel>`.
pub(super) fn security(xml: &str, kind: &str) -> Result<Security, String> {
    let mut reader = Reader::from_str(xml);
    let mut path: Vec<String> = Vec::new();
    let mut label_type = None;
    let mut models: Vec<String> = Vec::new();
    let mut owner = None;
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(start) => {
                let name: String = AsRef::<str>::as_ref(&start.name()).to_owned();
                if name == "baselabel" {
                    let attr = start.try_get_attribute("type").map_err(|e| e.to_string())?;
                    label_type = attr.map(|a| a.value.into_owned());
                }
                path.push(name);
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) if path.iter().any(|p| p == "secmodel") => {
                let text = text.trim().to_owned();
                match path.last().map(String::as_str) {
                    Some("model") => models.push(text),
                    Some("baselabel")
                        if models.last().is_some_and(|m| m == "dac")
                            && label_type.as_deref() == Some(kind) =>
                    {
                        owner = ids(&text);
                    }
                    _ => {}
                }
            }
            Event::Eof => return Ok((owner, models)),
            _ => {}
        }
    }
}

/// The highest folder above a path that a user may not enter: the first one that has to be opened.
pub(super) fn inaccessible_parent(
    (uid, gid): (u32, u32),
    path: &Utf8Path,
) -> std::io::Result<Option<Utf8PathBuf>> {
    let mut closed = None;
    for folder in path.ancestors().skip(1).filter(|f| !f.as_str().is_empty()) {
        let meta = std::fs::metadata(folder)?;
        let bit = match (meta.uid() == uid, meta.gid() == gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        if meta.mode() & bit == 0 {
            closed = Some(folder.to_owned());
        }
    }
    Ok(closed)
}

fn ids(label: &str) -> Option<(u32, u32)> {
    let (uid, gid) = label.split_once(':')?;
    let id = |text: &str| text.trim_start_matches('+').parse().ok();
    Some((id(uid)?, id(gid)?))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_that_keeps_qemu_out_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let open = root.join("open");
        std::fs::create_dir(&open).unwrap();
        let disk = open.join("disk");
        std::fs::set_permissions(root, Permissions::from_mode(0o700)).unwrap();
        let meta = std::fs::metadata(root).unwrap();
        let (uid, gid) = (meta.uid(), meta.gid());
        let other = (uid + 1, gid + 1);
        assert_eq!(
            inaccessible_parent(other, &disk).unwrap().as_deref(),
            Some(root)
        );
        assert_ne!(
            inaccessible_parent((uid, gid), &disk).unwrap().as_deref(),
            Some(root)
        );
    }

    #[test]
    fn qemus_user_is_read_from_the_capabilities() {
        let xml = "<capabilities><host><secmodel><model>selinux</model><doi>0</doi>\
            <baselabel type='kvm'>system_u:system_r:svirt_t:s0</baselabel></secmodel>\
            <secmodel><model>dac</model><doi>0</doi><baselabel type='kvm'>+107:+107</baselabel>\
            <baselabel type='qemu'>+64055:+108</baselabel></secmodel></host></capabilities>";
        let (owner, models) = security(xml, "qemu").unwrap();
        assert_eq!(owner, Some((64055, 108)));
        assert_eq!(models, ["selinux", "dac"]);
        assert_eq!(security("<capabilities/>", "kvm").unwrap(), (None, vec![]));
    }
}
