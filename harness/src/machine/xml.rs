//! A domain in libvirt's words: <https://libvirt.org/formatdomain.html>.

use std::io;

use bootproof_record::Accel;
use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::spec::DomainSpec;

type Xml = Writer<Vec<u8>>;

/// libvirt's namespace for arguments of QEMU's own.
const QEMU: &str = "http://libvirt.org/schemas/domain/qemu/1.0";

/// The namespace of what bootproof writes about a domain.
const METADATA: &str = "https://github.com/bootproof/bootproof/domain/1";

/// Where the network card sits: libvirt fills the root bus from below and has the top for the chipset.
const NET_SLOT: &str = "bus=pcie.0,addr=0x10";

/// Writes a domain.
///
/// # Errors
/// When the writer fails.
pub fn domain(spec: &DomainSpec) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let kind = match spec.accel {
        Accel::Kvm => "kvm",
        Accel::Tcg => "qemu",
    };
    writer
        .create_element("domain")
        .with_attributes([("type", kind), ("xmlns:qemu", QEMU)])
        .write_inner_content(|w| {
            identity(w, spec)?;
            hardware(w, spec)?;
            devices(w, spec)?;
            if spec.apparmor {
                empty(w, "seclabel", &[("type", "none"), ("model", "apparmor")])?;
            }
            qemu(w, spec)
        })?;
    String::from_utf8(writer.into_inner()).map_err(io::Error::other)
}

fn identity(w: &mut Xml, spec: &DomainSpec) -> io::Result<()> {
    text(w, "name", &[], &spec.domain())?;
    text(
        w,
        "title",
        &[],
        &format!("bootproof: {} of run {}", spec.machine, spec.run),
    )?;
    w.create_element("metadata").write_inner_content(|w| {
        empty(
            w,
            "bootproof:machine",
            &[
                ("xmlns:bootproof", METADATA),
                ("run", spec.run.as_str()),
                ("name", &spec.machine),
            ],
        )
    })?;
    Ok(())
}

fn hardware(w: &mut Xml, spec: &DomainSpec) -> io::Result<()> {
    text(
        w,
        "memory",
        &[("unit", "MiB")],
        &spec.memory_mib.to_string(),
    )?;
    text(w, "vcpu", &[], &spec.cpus.to_string())?;
    w.create_element("os").write_inner_content(|w| {
        text(w, "type", &[("arch", "x86_64"), ("machine", "q35")], "hvm")?;
        empty(w, "boot", &[("dev", "hd")])?;
        // What the firmware and a boot loader complain about goes to the console too.
        empty(w, "bios", &[("useserial", "yes")])
    })?;
    w.create_element("features").write_inner_content(|w| {
        empty(w, "acpi", &[])?;
        empty(w, "apic", &[])
    })?;
    let cpu = match spec.accel {
        Accel::Kvm => "host-passthrough",
        Accel::Tcg => "maximum",
    };
    empty(w, "cpu", &[("mode", cpu)])?;
    empty(w, "clock", &[("offset", "utc")])?;
    text(w, "on_poweroff", &[], "destroy")?;
    text(w, "on_reboot", &[], "restart")?;
    // The state "crashed" is a signal beside the console's, and the machine can still be looked at.
    text(w, "on_crash", &[], "preserve")
}

fn devices(w: &mut Xml, spec: &DomainSpec) -> io::Result<()> {
    w.create_element("devices").write_inner_content(|w| {
        disk(w, spec)?;
        empty(w, "controller", &[("type", "usb"), ("model", "none")])?;
        w.create_element("serial")
            .with_attribute(("type", "file"))
            .write_inner_content(|w| {
                let path = spec.console.as_str();
                empty(w, "source", &[("path", path), ("append", "on")])?;
                empty(w, "target", &[("port", "0")])
            })?;
        w.create_element("video")
            .write_inner_content(|w| empty(w, "model", &[("type", "none")]))?;
        w.create_element("rng")
            .with_attribute(("model", "virtio"))
            .write_inner_content(|w| text(w, "backend", &[("model", "random")], "/dev/urandom"))?;
        empty(w, "memballoon", &[("model", "none")])?;
        empty(w, "panic", &[("model", "isa")])
    })?;
    Ok(())
}

fn disk(w: &mut Xml, spec: &DomainSpec) -> io::Result<()> {
    w.create_element("disk")
        .with_attributes([("type", "file"), ("device", "disk")])
        .write_inner_content(|w| {
            // The overlay does not outlive the run: what a host's crash loses would be lost anyway.
            let driver = [
                ("name", "qemu"),
                ("type", "qcow2"),
                ("cache", "unsafe"),
                ("discard", "unmap"),
            ];
            empty(w, "driver", &driver)?;
            let source = w
                .create_element("source")
                .with_attribute(("file", spec.overlay.as_str()));
            if spec.dac {
                source.write_inner_content(|w| {
                    // Machines share a base: the first one to stop must not take it back from the others.
                    empty(w, "seclabel", &[("model", "dac"), ("relabel", "no")])
                })?;
            } else {
                source.write_empty()?;
            }
            empty(w, "target", &[("dev", "vda"), ("bus", "virtio")])
        })?;
    Ok(())
}

fn qemu(w: &mut Xml, spec: &DomainSpec) -> io::Result<()> {
    let mut netdev = "user,id=bootproof".to_owned();
    for (guest, host) in &spec.ports {
        netdev.push_str(&format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}"));
    }
    // A comma separates QEMU's own options; a doubled one is a comma.
    let smbios = format!("type=11,path={}", spec.smbios.as_str().replace(',', ",,"));
    let card = format!("virtio-net-pci,netdev=bootproof,romfile=,{NET_SLOT}");
    w.create_element("qemu:commandline")
        .write_inner_content(|w| {
            for (option, value) in [
                ("-netdev", &netdev),
                ("-device", &card),
                ("-smbios", &smbios),
            ] {
                argument(w, option, value)?;
            }
            match &spec.memory {
                Some(file) => argument(w, "-incoming", &format!("file:{file}")),
                None => Ok(()),
            }
        })?;
    Ok(())
}

fn argument(w: &mut Xml, option: &str, value: &str) -> io::Result<()> {
    empty(w, "qemu:arg", &[("value", option)])?;
    empty(w, "qemu:arg", &[("value", value)])
}

fn empty(w: &mut Xml, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    w.create_element(name)
        .with_attributes(attributes.iter().copied())
        .write_empty()?;
    Ok(())
}

fn text(w: &mut Xml, name: &str, attributes: &[(&str, &str)], content: &str) -> io::Result<()> {
    w.create_element(name)
        .with_attributes(attributes.iter().copied())
        .write_text_content(BytesText::new(content))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bootproof_record::RunId;
    use std::collections::BTreeMap;

    use super::*;

    fn spec() -> DomainSpec {
        DomainSpec {
            run: RunId::parse("0badcafe").unwrap(),
            machine: "home & <page>".into(),
            accel: Accel::Tcg,
            memory_mib: 2048,
            cpus: 2,
            overlay: "/s/a&b/disk.qcow2".into(),
            console: "/s/console.log".into(),
            smbios: "/s/with,comma/credentials".into(),
            ports: BTreeMap::from([(22, 22001), (80, 22002)]),
            memory: None,
            apparmor: false,
            dac: true,
        }
    }

    #[test]
    fn the_domain_is_the_one_asked_for() {
        insta::assert_snapshot!(domain(&spec()).unwrap());
    }

    #[test]
    fn forwards_are_bound_to_loopback_only() {
        let xml = domain(&spec()).unwrap();
        let forwards = xml.matches("hostfwd=").count();
        assert_eq!(forwards, 2);
        assert_eq!(xml.matches("hostfwd=tcp:127.0.0.1:").count(), forwards);
    }

    #[test]
    fn a_restored_domain_differs_by_what_it_begins_with_alone() {
        let saved = domain(&spec()).unwrap();
        let restored = domain(&DomainSpec {
            memory: Some("/s/memory/state".into()),
            ..spec()
        })
        .unwrap();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let new: Vec<String> = lines(&restored)
            .into_iter()
            .filter(|line| !lines(&saved).contains(line))
            .collect();
        assert_eq!(new.len(), 2, "{new:?}");
        assert!(new[0].contains("-incoming") && new[1].contains("file:/s/memory/state"));
    }

    #[test]
    fn kvm_passes_the_hosts_processor_through() {
        let xml = domain(&DomainSpec {
            accel: Accel::Kvm,
            ..spec()
        })
        .unwrap();
        assert!(xml.contains("<domain type=\"kvm\""), "{xml}");
        assert!(xml.contains("host-passthrough"), "{xml}");
    }
}
