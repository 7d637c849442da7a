#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the C parts of Benchmarks/compare.
#
#   Benchmarks/Compare/build.sh FOLDER      FOLDER/metronome, flipstamp.so, dbus-listener, gl-start, known-client
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=Scripts/lib/common.sh
. "$here/../../Scripts/lib/common.sh"

folder=${1:?usage: build.sh FOLDER}
mkdir -p "$folder"
protocols=$(pkg-config --variable=pkgdatadir wayland-protocols)
sources=()
for protocol in stable/xdg-shell/xdg-shell stable/presentation-time/presentation-time \
    unstable/linux-dmabuf/linux-dmabuf-unstable-v1; do
    name=${protocol##*/}
    wayland-scanner server-header "$protocols/$protocol.xml" "$folder/$name.h"
    wayland-scanner private-code "$protocols/$protocol.xml" "$folder/$name-code.c"
    wayland-scanner client-header "$protocols/$protocol.xml" "$folder/$name-client.h"
    sources+=("$folder/$name-code.c")
done
flags=(-std=gnu17 -O2 -Wall -Wextra -Werror)
# shellcheck disable=SC2046 # pkg-config prints words
{
    gcc "${flags[@]}" -I"$folder" "$here"/metronome/*.c "${sources[@]}" -o "$folder/metronome" $(pkg-config --cflags --libs wayland-server)
    gcc "${flags[@]}" -shared -fPIC "$here/flipstamp.c" -o "$folder/flipstamp.so" -ldl
    gcc "${flags[@]}" "$here/gl-start.c" -o "$folder/gl-start" $(pkg-config --cflags --libs wayland-client egl glesv2)
    gcc "${flags[@]}" -I"$folder" "$here/known-client.c" "$folder/xdg-shell-code.c" -o "$folder/known-client" \
        $(pkg-config --cflags --libs wayland-client)
    gcc "${flags[@]}" "$here/dbus-listener.c" "$here"/metronome/{code,log}.c -o "$folder/dbus-listener" $(pkg-config --cflags --libs wayland-server gio-unix-2.0)
}
