# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Debian 13, as parts/bookworm.sh makes Debian 12.
# shellcheck disable=SC2034,SC2154 # used there; $rig comes from lib.sh

# shellcheck source=Rig/parts/bookworm.sh
. "$rig/parts/bookworm.sh"
clean_suite=trixie
