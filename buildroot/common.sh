# shellcheck shell=bash disable=SC2034 # names set here are for those who source this
# What the build root's scripts share. Sourced, never run.

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

TREE=$ROOT/target/buildroot
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# security_mirror: as debian_mirror, for the security archive.
security_mirror() {
    local uri origin label
    while read -r uri origin label; do
        [ "$origin $label" = "Debian Debian-Security" ] && { printf '%s' "${uri%/}"; return; }
    done < <(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null)
    return 1
}

# debian_sources [COMPONENT...]: apt's sources of Debian 13, in deb822 form.
debian_sources() {
    local mirror security
    mirror=$(debian_mirror) || die "this machine's apt knows no Debian mirror"
    # where apt knows no security archive: it stands beside the main one on every full mirror
    security=$(security_mirror) || security=${mirror%/}-security
    [ $# -gt 0 ] || set -- main
    cat <<SOURCES
Types: deb
URIs: ${mirror%/}
Suites: $RELEASE $RELEASE-updates
Components: $*
Signed-By: $KEYRING

Types: deb
URIs: $security
Suites: $RELEASE-security
Components: $*
Signed-By: $KEYRING
SOURCES
}
