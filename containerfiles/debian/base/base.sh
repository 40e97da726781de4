#!/bin/bash
# Makes a bootable base image from Debian's packages: root file system, ostree commit, OCI directory.
# Runs as root inside the builder container (see builder.sh). The guest client is expected at $BOOTPROOF_CLIENT.
# usage: bash base.sh SUITE OUT_OCI_DIR
#        bash base.sh --unpack SUITE
# The second makes what needs no client, so that it can be compiled meanwhile: the first goes on with it, when it has the
# same $BOOTPROOF_WORK.
set -Eeuo pipefail

recipe=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mirror=${BOOTPROOF_DEBIAN_MIRROR:-http://deb.debian.org/debian}
client=${BOOTPROOF_CLIENT:-/client/bootc}

say() { printf 'base: %s\n' "$*"; }
die() { printf 'base: error: %s\n' "$*" >&2; exit 1; }
trap 'die "line $LINENO: $BASH_COMMAND failed"' ERR

[ $# -eq 2 ] || die "usage: bash base.sh SUITE OUT_OCI_DIR, or bash base.sh --unpack SUITE"
if [ "$1" = --unpack ]; then suite=$2 out=; else suite=$1 out=$2; fi
[ "$(id -u)" -eq 0 ] || die "must run as root: a root file system has files of other users"
[ -z "$out" ] || [ -x "$client" ] || die "no guest client at $client (set BOOTPROOF_CLIENT)"

work=$(mktemp -d "${BOOTPROOF_WORK:-/var/tmp}/base-$suite.XXXXXX")
root=$work/root
unpacked=${BOOTPROOF_WORK:-/var/tmp}/unpacked-$suite
cleanup() {
	umount_api
	rm -rf --one-file-system "$work" ${out:+"$out.partial"}
}
trap cleanup EXIT

packages=(
	systemd systemd-sysv systemd-resolved libpam-systemd udev dbus
	linux-image-cloud-amd64 dracut kmod zstd cpio
	ostree ostree-boot skopeo ca-certificates
	openssh-server sudo
	iproute2 iputils-ping curl procps less
	# the client's "install to-disk" runs from inside the image
	util-linux mount fdisk e2fsprogs extlinux syslinux-common
)

# Only main: a derived image adds updates, so that "before the update" is a state that can be built.
unpack() {
	say "unpacking $suite from $mirror"
	# INITRD=No: the packages would make an initramfs before its settings are here.
	INITRD=No mmdebstrap --quiet --variant=minbase \
		--dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/lib/cni/*' \
		--essential-hook="cat '$recipe/ids.group' >>\"\$1/etc/group\"" \
		--essential-hook="cat '$recipe/ids.passwd' >>\"\$1/etc/passwd\"" \
		--include="$(IFS=,; echo "${packages[*]}")" \
		"$suite" "$root" "deb $mirror $suite main"
	# skopeo depends on 50 MB of network plugins it never calls; an image that wants them can still install them again.
	sed -i '\|/usr/lib/cni/|d' "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
}

configure() {
	say "configuring"
	cp -rT --no-preserve=mode,ownership "$recipe/files" "$root"
	ln -sfn ../locale.conf "$root/etc/default/locale"
	ln -sfn ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
	: >"$root/etc/machine-id"
	: >"$root/etc/motd"
	rm -f "$root"/etc/hostname "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
	[ -e "$root/etc/containers/policy.json" ] ||
		echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$root/etc/containers/policy.json"
	mkdir -p "$root/etc/systemd/system-generators" "$root/etc/tmpfiles.d"
	# Under BIOS it automounts an ESP on /boot, and finalizing a staged deployment at shutdown then fails: the update is lost.
	ln -sfn /dev/null "$root/etc/systemd/system-generators/systemd-gpt-auto-generator"
	# It fails where there is no vsock; sshd listens on TCP here.
	ln -sfn /dev/null "$root/etc/systemd/system-generators/systemd-ssh-generator"
	# It wants /home and /srv to be directories; here they lead to /var.
	ln -sfn /dev/null "$root/etc/tmpfiles.d/home.conf"

	in_root systemctl --quiet enable systemd-networkd.service systemd-resolved.service ssh.service ssh-hostkeys.service
	# What has no use on a machine whose packages come with its image, or waits for what a test network never brings.
	quiet disable systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
		e2scrub_all.timer e2scrub_reap.service bootc-fetch-apply-updates.timer
	# What would redo on the machine what the image brings done, leaving a changed /etc that no later image replaces.
	quiet mask ldconfig.service systemd-update-done.service systemd-journal-catalog-update.service systemd-hwdb-update.service
	# What serves nothing here and costs every boot a process or more: emulated, each takes a tenth of a second and more.
	in_root systemctl --quiet disable getty@tty1.service
	in_root systemctl --quiet mask dracut-shutdown.service modprobe@drm.service user@.service
	quiet disable systemd-network-generator.service
	quiet mask sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
		dev-hugepages.mount proc-sys-fs-binfmt_misc.automount systemd-pstore.service systemd-repart.service \
		systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-initctl.socket \
		systemd-ask-password-console.path systemd-ask-password-wall.path getty-static.service
	local generator
	for generator in cryptsetup integritysetup veritysetup hibernate-resume rc-local system-update tpm2; do
		ln -sfn /dev/null "$root/etc/systemd/system-generators/systemd-$generator-generator"
	done
}

# Disables or masks those of the units that this release has.
quiet() {
	local verb=$1 unit
	shift
	for unit in "$@"; do
		if [ -e "$root/usr/lib/systemd/system/$unit" ] || [ -e "$root/lib/systemd/system/$unit" ]; then
			in_root systemctl --quiet "$verb" "$unit"
		fi
	done
}

in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }

kernel() {
	local versions=("$root"/usr/lib/modules/*)
	[ ${#versions[@]} -eq 1 ] || die "expected one kernel in /usr/lib/modules, found: ${versions[*]##*/}"
	local version=${versions[0]##*/}
	say "making the initramfs of $version"
	cp "$root/boot/vmlinuz-$version" "$root/usr/lib/modules/$version/vmlinuz"
	in_root ldconfig
	in_root depmod "$version"
	in_root dracut --quiet --force --no-hostonly --kver "$version" "/usr/lib/modules/$version/initramfs.img" 2>"$work/dracut.log" || {
		cat "$work/dracut.log" >&2
		die "dracut failed for $version"
	}
}

mount_api() {
	mount -t proc proc "$root/proc"
	mount --bind /dev "$root/dev"
	mount -t tmpfs tmpfs "$root/tmp"
	mount -t tmpfs tmpfs "$root/run"
}

umount_api() {
	local dir
	for dir in run tmp dev proc; do
		if mountpoint -q "$root/$dir"; then umount "$root/$dir"; fi
	done
}

# The layout ostree expects: state only in /var, an empty /boot, and the package database with the packages.
layout() {
	say "laying out for ostree"
	mkdir -p "$root/usr/lib/sysimage"
	mv "$root/var/lib/dpkg" "$root/usr/lib/sysimage/dpkg"
	rm -rf "${root:?}"/{boot,home,root,srv,opt,mnt,media,usr/local} "$root"/vmlinuz* "$root"/initrd.img*
	mkdir -p "$root"/{boot,sysroot,usr/local}
	ln -s sysroot/ostree "$root/ostree"
	local dir
	for dir in home srv opt mnt; do ln -s "var/$dir" "$root/$dir"; done
	ln -s var/roothome "$root/root"
	ln -s run/media "$root/media"

	rm -rf "$root"/var/{cache,log,backups,tmp,lib/apt}
	mkdir -p "$root"/var/{cache/apt/archives/partial,lib/apt/lists/partial,log/apt,backups,tmp}
	chmod 1777 "$root/var/tmp"
	{
		echo '# /var as the packages made it; an image brings nothing into the /var of a machine that is there already.'
		(cd "$root" && find var -mindepth 1 -type d -printf '%p %m %u %g\n' | sort |
			while read -r path mode user group; do printf 'd /%s %04d %s %s - -\n' "$path" "$((10#$mode))" "$user" "$group"; done)
		echo 'L+ /var/lib/dpkg - - - - ../../usr/lib/sysimage/dpkg'
		for dir in home srv opt mnt; do echo "d /var/$dir 0755 root root - -"; done
		echo 'd /var/roothome 0700 root root - -'
		# Kept across boots: the only trace of a deployment that failed to be finalized at shutdown.
		echo 'd /var/log/journal 2755 root systemd-journal - -'
	} >"$root/usr/lib/tmpfiles.d/bootc-var.conf"
	rm -rf "${root:?}/var"
	mkdir -p "$root"/var/{lib,cache,log/apt,roothome}
	mkdir -p "$root"/var/{cache/apt/archives/partial,lib/apt/lists/partial}
	chmod 0700 "$root/var/roothome"
	ln -s ../../usr/lib/sysimage/dpkg "$root/var/lib/dpkg"
	# For the packages of derived images; on the machine tmpfiles.d makes them.
	ln -s ../run "$root/var/run"
	ln -s ../run/lock "$root/var/lock"

	find "$root/run" "$root/tmp" "$root/dev" -mindepth 1 -delete
	rm -f "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid}-
}

commit() {
	local version created repo=$work/repo
	version=$(cat "$root/etc/debian_version")
	created=$(date -u +%FT%TZ)
	say "committing Debian $version, $(du -sm --apparent-size "$root" | cut -f1) MB"
	mv "$root/etc" "$root/usr/etc"
	ostree init --repo="$repo" --mode=bare
	ostree commit --repo="$repo" --branch="debian/$suite" --tree=dir="$root" --consume --bootable --fsync=false \
		--subject="Debian $version" --add-metadata-string=version="$version" >/dev/null
	rm -rf "$out" "$out.partial"
	"$client" internals ostree-ext -- container encapsulate --compression-fast --repo="$repo" \
		--label containers.bootc=1 \
		--label ostree.bootable=true \
		--label org.opencontainers.image.version="$version" \
		--label org.opencontainers.image.created="$created" \
		--cmd /sbin/init \
		"debian/$suite" "oci:$out.partial" >/dev/null
	mv "$out.partial" "$out"
	say "wrote $out, $(du -sm "$out" | cut -f1) MB"
}

started=$SECONDS
if [ -z "$out" ] || [ ! -d "$unpacked" ]; then
	unpack
	mount_api
	configure
	kernel
	umount_api
else
	mv "$unpacked" "$root"
fi
if [ -z "$out" ]; then
	mv "$root" "$unpacked"
	say "unpacked in $((SECONDS - started)) s"
	exit
fi
install -m755 "$client" "$root/usr/bin/bootc"
layout
commit
say "done in $((SECONDS - started)) s"
