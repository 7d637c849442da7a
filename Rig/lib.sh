# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The folders of the rig's prepared parts. Source this file, do not run it.
#
# A part is a file parts/NAME.sh that defines:
#   part_inputs         prints everything its result depends on; the hash of that text is the part's key
#   part_build FOLDER   fills FOLDER; runs in a subshell, with the folder "work" to make a mess in

rig=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=Scripts/lib/common.sh
. "$rig/../Scripts/lib/common.sh"

rig_cache=${VGPU_RIG_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/swift-vgpu/rig}
# shellcheck disable=SC2034 # for prepare
rig_parts="uml mesa guests linux secure desktop desktops bookworm trixie tcg qemu newqemu virtiofsd"

# part_folder NAME: prints the folder of that part, prepared or not.
part_folder() (
    # shellcheck source=/dev/null
    . "$rig/parts/$1.sh"
    key=$({ cat "$rig/parts/$1.sh"; part_inputs; } | sha256sum)
    printf '%s/%s-%s\n' "$rig_cache" "$1" "${key:0:16}"
)

# part NAME: prints the folder of a prepared part, or says how to prepare it.
part() {
    local folder
    folder=$(part_folder "$1")
    [ -d "$folder" ] || die "the rig's part '$1'" "not prepared, or its inputs changed since" "run Rig/prepare $1" 125
    printf '%s\n' "$folder"
}

# package_version NAME: the installed version of a Debian package, or nothing.
package_version() { dpkg-query -W -f '${Version}\n' "$1" 2>/dev/null || true; }

# apt_settings: prints the settings with which this machine's apt reaches its sources, a proxy for example.
apt_settings() { apt-config dump Acquire | grep -E '^Acquire::(http|https|Retries|Check-)' || true; }

# with_private_apt FOLDER SUITE COMMAND [ARG...]: runs an apt command on SUITE alone, from the servers of this machine's own
# sources (Rig/apt-source). These sources stay unchanged.
with_private_apt() {
    local root=$1 suite=$2 tool=$3
    shift 3
    mkdir -p "$root/lists/partial" "$root/archives/partial" "$root/sources"
    "$rig/apt-source" "$suite" >"$root/sources/rig.sources"
    "$tool" -q -o "Dir::State::lists=$root/lists" -o "Dir::Cache=$root" -o Dir::Etc::sourcelist=/dev/null \
        -o "Dir::Etc::sourceparts=$root/sources" -o APT::Sandbox::User= "$@"
}

# signed_kernel FOLDER: fetches the security suite's lists into FOLDER for with_private_apt, and prints the release of the newest
# kernel that Debian has signed: 6.12.117+deb12-amd64. Debian signs a new version hours or days after its source is there, so the
# installed source may be newer.
signed_kernel() {
    local root=$1 image
    with_private_apt "$root" bookworm-security apt-get update >&2
    image=$(with_private_apt "$root" bookworm-security apt-cache depends linux-image-6.12-amd64 | sed -n 's/^ *Depends: //p')
    [ -n "$image" ] || { echo "linux-image-6.12-amd64 depends on no kernel" >&2; return 1; }
    echo "${image#linux-image-}"
}
