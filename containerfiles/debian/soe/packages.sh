#!/bin/bash
# Installs packages while an image is built and leaves nothing of it in /var. With SUITES=updates it upgrades first.
# usage: bash packages.sh PACKAGE...
set -Eeuo pipefail
trap 'echo "packages: error: line $LINENO: $BASH_COMMAND failed" >&2' ERR

# shellcheck source=/dev/null
codename=$(. /usr/lib/os-release && echo "$VERSION_CODENAME")
case ${SUITES:-} in
	'') ;;
	updates)
		mirror=$(awk '$1 == "deb" { print $2; exit }' /etc/apt/sources.list)
		printf 'deb %s %s main\n' \
			"$mirror" "$codename-updates" \
			"${mirror%/}-security" "$codename-security" >/etc/apt/sources.list.d/updates.list
		;;
	*) echo "packages: error: unknown SUITES \"$SUITES\": only \"updates\", or nothing" >&2; exit 1 ;;
esac

mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial /var/log/apt
apt-get -qq update
# A new kernel is a new package, which "upgrade" never brings: the base's stays, with the initramfs made for it.
[ -z "${SUITES:-}" ] || apt-get -qq -o Dpkg::Use-Pty=0 -y upgrade
apt-get -qq -o Dpkg::Use-Pty=0 -y --no-install-recommends install "$@"

apt-get -qq clean
rm -f /usr/lib/sysimage/dpkg/*-old
find /var/cache /var/lib/apt/lists /var/log /var/tmp /tmp -xdev -type f -delete
