# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The common part of Rig/run and Rig/run-tcg. A job is a folder with a command in it; inside/init runs the command in another
# kernel. Source this file, do not run it.
# shellcheck disable=SC2034,SC2154 # the variables are for the two that source this, $rig is from lib.sh

# job_options ARG...: sets the variables below, and `command` to the rest.
job_options() {
    memory=2G cpus=2 board=mdev timeout='' mesa=25 weston='' picture='' picture_after=3 console='' kernel_args=()
    while [ $# -gt 0 ]; do
        case $1 in
            --) shift; break ;;
            -h | --help) usage; exit 0 ;;
            --mem | --cpus | --board | --timeout | --mesa | --weston | --picture | --picture-after | --console | --kernel-arg)
                [ $# -ge 2 ] || die "$1" "its value is missing" "see --help" 125 ;;&
            --mem) memory=$2; shift 2 ;;
            --cpus) cpus=$2; shift 2 ;;
            --board) board=$2; shift 2 ;;
            --timeout) timeout=$2; shift 2 ;;
            --mesa) mesa=$2; shift 2 ;;
            --weston) weston=$2; shift 2 ;;
            --picture) picture=$(realpath -m -- "$2"); shift 2 ;;
            --picture-after) picture_after=$2; shift 2 ;;
            --console) console=$(realpath -m -- "$2"); shift 2 ;;
            --kernel-arg) kernel_args+=("$2"); shift 2 ;;
            -*) die "$1" "no such option" "see --help" 125 ;;
            *) break ;;
        esac
    done
    command=("$@")
    [ ${#command[@]} -gt 0 ] || die "the rig" "no command given" "see --help" 125
    [[ -z $timeout || $timeout =~ ^[0-9]+(\.[0-9]+)?$ ]] || die "--timeout $timeout" "not a number of seconds" "give e.g. 30" 125
    [[ $picture_after =~ ^[0-9]+(\.[0-9]+)?$ ]] || die "--picture-after $picture_after" "not a number of seconds" "give e.g. 2" 125
    [[ -z $picture || -n $weston ]] || die "--picture" "there is no compositor to take it from" "add --weston 1024x768" 125
    [[ $board =~ ^(mdev|pci)$ ]] || die "--board $board" "no such board" "choose mdev or pci" 125
    [[ $mesa =~ ^(25|system)$ ]] || die "--mesa $mesa" "no such Mesa" "choose 25 or system" 125
    [[ $memory =~ ^[0-9]+[gGmM]$ ]] || die "--mem $memory" "not a size" "give e.g. 2G or 512M" 125
    mesa_folder=''
    [ "$mesa" = system ] || mesa_folder=$(part mesa)
}

# job_make KIND OUT ERR [MODULES]: KIND is uml, tcg or tcg-pci; the inside writes the command's stdout to OUT and its stderr to
# ERR.
job_make() {
    # A name without blanks, because it travels on the kernel's command line.
    job=$(mktemp -d /tmp/vgpu-rig.XXXXXX)
    cp "$rig/inside/init" "$job/init"
    printf '%s\0' "${command[@]}" >"$job/command"
    env -0 -u DISPLAY -u XAUTHORITY -u WAYLAND_DISPLAY -u WAYLAND_SOCKET -u XDG_RUNTIME_DIR -u XDG_SESSION_ID \
        -u XDG_SESSION_TYPE -u DBUS_SESSION_BUS_ADDRESS -u DBUS_SYSTEM_BUS_ADDRESS -u SSH_AUTH_SOCK \
        NO_AT_BRIDGE=1 "VGPU_RIG=$1" >"$job/environment"
    printf '%s=%q\n' kind "$1" out "${2/#JOB/$job}" err "${3/#JOB/$job}" modules "${4:-}" rig "$rig" folder "$PWD" \
        mask "$(umask)" mesa "$mesa_folder" timeout "$timeout" weston "$weston" picture "$picture" \
        picture_after "$picture_after" >"$job/settings"
}

job='' machine='' readers=()

# shellcheck disable=SC2317 # called by the trap
job_clean_up() {
    trap - EXIT INT TERM HUP
    [ -z "$machine" ] || kill -KILL "$machine" 2>/dev/null || true
    [ ${#readers[@]} = 0 ] || kill "${readers[@]}" 2>/dev/null || true
    [ -z "$machine" ] || wait "$machine" 2>/dev/null || true
    [ -z "$job" ] || rm -rf "$job"
}
trap job_clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# job_finish GRACE: waits for the process $machine and the $readers of its output, then exits as the command did.
job_finish() {
    local watchdog
    # The inside ends the command in time by itself; the watchdog is for a machine that hangs.
    if [ -n "$timeout" ]; then
        sleep $((${timeout%.*} + $1)) &
        watchdog=$!
        wait -n "$machine" "$watchdog" || true
        kill "$watchdog" 2>/dev/null || { kill -KILL "$machine" 2>/dev/null && echo 124 >"$job/status"; } || true
    fi
    wait "$machine" 2>/dev/null || true
    machine=''
    wait "${readers[@]}" || true
    readers=()

    [ -z "$console" ] || cp "$job/console" "$console"
    if grep -qs 'ran out of memory on the host side' "$job/console"; then
        echo 'Rig/run: a process inside died: this machine allows a process no more mappings (vm.max_map_count): Rig/README.md, "Peculiarities"' >&2
    fi
    if [ ! -s "$job/status" ]; then
        tail -n 15 "$job/console" >&2
        die "the rig" "it never got to the end of: ${command[*]}" "its last words are above; --console FILE keeps all of them" 125
    fi
    exit "$(cat "$job/status")"
}
