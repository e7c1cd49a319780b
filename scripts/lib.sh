# shellcheck shell=bash disable=SC2034 # names set here are for those who source this
# Shared by the scripts of this repository. Sourced, never run.
# Needs: bash with `set -euo pipefail`. Gives: words to the person at the terminal, Debian packages, pid files.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# What outlives a checkout: downloaded packages, built tools. Everything here can be deleted at any time.
CACHE=${ORBITR_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/orbitr}
PATH="$CACHE/tools/bin:$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"

if [ -t 1 ]; then BOLD=$'\e[1m' RED=$'\e[31m' DIM=$'\e[2m' PLAIN=$'\e[0m'; else BOLD='' RED='' DIM='' PLAIN=''; fi

say() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*"; }
note() { printf '    %s%s%s\n' "$DIM" "$*" "$PLAIN"; }
warn() { printf '%swarning:%s %s\n' "$RED" "$PLAIN" "$*" >&2; }
die() { printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2; exit 1; }

have() { command -v "$1" >/dev/null 2>&1; }
need_root() { [ "$(id -u)" = 0 ] || die "this needs root, for $1. Run it again as root or with sudo."; }
# by_builder COMMAND...: under sudo, building is done by the person who called, with that person's Rust, so that the
# files under target/ stay theirs.
by_builder() {
    if [ "$(id -u)" != 0 ] || [ -z "${SUDO_USER-}" ] || [ "$SUDO_USER" = root ]; then "$@"; return; fi
    local home
    home=$(getent passwd "$SUDO_USER" | cut -d : -f 6)
    runuser -u "$SUDO_USER" -- env "HOME=$home" "PATH=$PATH:$home/.cargo/bin" "$@"
}
with_systemd() { [ -d /run/systemd/system ]; }

# seconds_since START: START is a value of $EPOCHREALTIME.
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# version_at_least HAVE WANT
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# --- pid files ---------------------------------------------------------------------------------------------------
# A pid file holds the pid and the process's start time, so that a pid which was given to somebody else after a
# crash is never taken for ours.

start_time_of() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # the name in the second field may hold spaces: count from behind its closing bracket
    # shellcheck disable=SC2086 # into words
    set -- ${stat##*) }
    printf '%s' "${20}"
}
write_pid_file() { printf '%s %s\n' "$2" "$(start_time_of "$2")" >"$1"; }
# pid_from FILE: prints the pid if that very process still runs.
pid_from() {
    local pid started
    [ -r "$1" ] && read -r pid started <"$1" && [ "$(start_time_of "$pid")" = "$started" ] && printf '%s' "$pid"
}
# stop_pid PID SECONDS: asks, waits, then kills.
stop_pid() {
    local tries=$(($2 * 10))
    kill -TERM "$1" 2>/dev/null || return 0
    while kill -0 "$1" 2>/dev/null; do
        [ "$tries" -gt 0 ] || { kill -KILL "$1" 2>/dev/null || true; return 0; }
        tries=$((tries - 1))
        sleep 0.1
    done
}

# --- Debian packages ---------------------------------------------------------------------------------------------

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# apt_install PACKAGE...: installs what is missing; says nothing and asks nobody when nothing is.
apt_install() {
    local package missing=()
    for package in "$@"; do installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    need_root "installing the packages ${missing[*]}"
    have apt-get || die "please install: ${missing[*]} (no apt-get here: these scripts know Debian and its relatives)"
    say "Installing packages: ${missing[*]}"
    # new lists only if the ones that are here do not know the packages
    if ! apt-cache show "${missing[@]}" >/dev/null 2>&1; then apt-get update -qq; fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null \
        || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null; } \
        || die "apt-get could not install: ${missing[*]}"
}

# --- packages of Debian 13, unpacked beside the system -----------------------------------------------------------
# Debian 12 has no Compose plugin, and the test images are built from Debian 13 whatever the host runs. An apt of its
# own (own lists, own empty status) reads the mirror that this machine already uses; the system's apt never sees it.

RELEASE=trixie

debian_mirror() {
    local uri release origin
    while read -r uri release origin; do
        [ "$origin" = Debian ] && [[ $release != *-* ]] && { printf '%s' "$uri"; return; }
    done < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages')
    return 1
}

# Makes the private apt ready and sets APT_CONFIG for the caller (use in a subshell).
private_apt() {
    local apt="$CACHE/apt" mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/pool"
    : >"$apt/status"
    [ -r "$keyring" ] || apt_install debian-archive-keyring
    if [ ! -s "$apt/debian.sources" ]; then
        mirror=$(debian_mirror) || { apt-get update -qq && mirror=$(debian_mirror); } \
            || die "no Debian mirror found in this machine's apt sources; the Compose plugin and the test images come from Debian $RELEASE"
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$RELEASE" "$keyring" \
            >"$apt/debian.sources"
    fi
    cat >"$apt/apt.conf" <<END
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
END
    export APT_CONFIG="$apt/apt.conf"
    if ! compgen -G "$apt/lists/*_Packages*" >/dev/null || [ -n "${REFRESH_LISTS:-}" ]; then
        apt-get update -qq || { rm -f "$apt/debian.sources"; die "could not read Debian $RELEASE's package lists (see above)"; }
    fi
}

# closure PACKAGE...: the packages and all they depend on, in an order in which they can be unpacked.
closure() { apt-get install --simulate -qq "$@" | awk '/^Inst /{ print $2 }'; }

# unpack_packages FOLDER PACKAGE...: downloads (once) and unpacks just these packages; runs none of their scripts.
unpack_packages() {
    local folder=$1 pool="$CACHE/apt/pool" files file
    shift
    mkdir -p "$folder"
    (cd "$pool" && apt-get download -qq "$@" >/dev/null) || {
        # the mirror may have moved on to newer versions since the lists were read
        apt-get update -qq && (cd "$pool" && apt-get download -qq "$@" >/dev/null)
    } || return 1
    # lines of: 'URI' FILE SIZE HASH
    files=$(apt-get download --print-uris -qq "$@" | awk '{ print $2 }')
    for file in $files; do dpkg-deb --extract "$pool/$file" "$folder"; done
}

# --- Docker ------------------------------------------------------------------------------------------------------

PLUGIN_FOLDERS="${DOCKER_CONFIG:-${HOME:-/root}/.docker}/cli-plugins /usr/local/lib/docker/cli-plugins \
/usr/local/libexec/docker/cli-plugins /usr/lib/docker/cli-plugins /usr/libexec/docker/cli-plugins"

# compose_plugin: prints where the Compose plugin is that `docker compose` runs.
compose_plugin() {
    local folder
    for folder in $PLUGIN_FOLDERS; do
        if [ -x "$folder/docker-compose" ]; then printf '%s' "$folder/docker-compose"; return; fi
    done
    return 1
}

# ensure_compose: makes `docker compose` work; touches nothing where it does.
ensure_compose() {
    docker compose version >/dev/null 2>&1 && return
    # Debian's package of this name is the plugin from version 2 on; in Debian 12 it is another program
    if apt-cache show docker-compose 2>/dev/null | grep -q '^Version: [2-9]'; then
        apt_install docker-compose
    else
        need_root "installing the Compose plugin"
        say "Fetching the Compose plugin from Debian $RELEASE (this Debian has none)"
        (
            private_apt
            rm -rf "$CACHE/docker-compose"
            unpack_packages "$CACHE/docker-compose" docker-compose
        )
        install -D -m 755 "$CACHE/docker-compose/usr/libexec/docker/cli-plugins/docker-compose" \
            /usr/local/lib/docker/cli-plugins/docker-compose
        rm -rf "$CACHE/docker-compose"
    fi
    docker compose version >/dev/null 2>&1 || die "the Compose plugin is installed, and \`docker compose version\` still fails"
}
