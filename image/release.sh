# shellcheck shell=bash
# What makes a release of an image: the keys that it believes, and the update set. Sourced by scripts/image, never run.
# Needs: buildroot/common.sh, and WORK, OUT, NAME, VERSION, FAST, SOURCE_DATE_EPOCH, RELEASE_TO, KEY, SOURCE, NOTES, MIN_VERSION.

# release_key: the folder of the key that updates are signed with; a throw-away one is made where none was given.
release_key() {
    apt_install gpg gpg-agent
    [ -z "$KEY" ] || { [ -d "$KEY" ] || die "there is no folder $KEY"; return 0; }
    KEY=$WORK/gnupg
    [ ! -e "$KEY/made" ] || return 0
    note "making a throw-away key for updates"
    rm -rf "$KEY"
    mkdir -m 700 "$KEY"
    with_key --passphrase '' --quick-generate-key 'Orbitr OS, a throw-away key' ed25519 sign never
    : >"$KEY/made"
}

# with_key ARGUMENT...: gpg with that key; its agent ends with it.
with_key() {
    gpg --homedir "$KEY" --batch --quiet --yes --pinentry-mode loopback "$@"
    gpgconf --homedir "$KEY" --kill gpg-agent
}

# stage_updates ROOT: what the image needs to believe updates, into the tree that is laid over its root.
stage_updates() {
    local folder=$1/usr/lib/orbitr/updates
    release_key
    gpg --homedir "$KEY" --batch --quiet --no-autostart --export >"$folder/keyring.gpg"
    [ -s "$folder/keyring.gpg" ] || die "there is no key in $KEY"
    [ -z "$SOURCE" ] || printf '%s\n' "${SOURCE%/}" >"$folder/source"
    chmod 644 "$folder"/*.gpg
}

# pack FILE TARGET: smaller, as systemd-sysupdate unpacks it.
pack() {
    # what is packed is told by its first bytes, and not by its name
    if [ -n "$FAST" ]; then nice -n 5 gzip -1 --no-name --stdout "$1" >"$2"; else nice -n 5 xz --threads=0 --memlimit-compress=2GiB -4 --stdout "$1" >"$2"; fi
}

# partuuid HALF: 32 digits as the identifier of a partition.
partuuid() { printf '%s' "${1:0:8}-${1:8:4}-${1:12:4}-${1:16:4}-${1:20:12}"; }

# update_set: the signed set of this version in $RELEASE_TO, and the one file to carry.
update_set() {
    local built=$OUT/update/orbitr_$VERSION hash set=$RELEASE_TO/orbitr_$VERSION state root verity began=$EPOCHREALTIME
    say "Packing the update"
    mkdir -p "$RELEASE_TO"
    rm -f "$RELEASE_TO/orbitr_$VERSION".* "$RELEASE_TO/orbitr-$VERSION.update"
    hash=$(cat "$OUT/roothash")
    # the identifiers of a slot's partitions are halves of the root's hash
    root=$set.root.$(partuuid "${hash:0:32}").raw.xz
    verity=$set.verity.$(partuuid "${hash:32:32}").raw.xz
    pack "$built.root.raw" "$root"
    pack "$built.verity.raw" "$verity"
    cp "$built.efi" "$set.efi"
    # the newest migration of the database that this version knows
    # shellcheck disable=SC2153 # common.sh sets it
    state=$(find "$ROOT/supervisor/store/migrations" -name '[0-9]*.sql' -printf '%f\n' | sort | tail -n 1 | sed 's/_.*//; s/^0*//')
    "$ROOT/image/manifest" "$VERSION" "$SOURCE_DATE_EPOCH" "$MIN_VERSION" "$state" "$NOTES" \
        verity "$verity" "$built.verity.raw" root "$root" "$built.root.raw" uki "$set.efi" "$built.efi" >"$set.json"
    # other versions may lie beside it in the folder, and in its list; the file to carry has this one alone
    one_file "$set" "${verity##*/}" "${root##*/}"
    (cd "$RELEASE_TO" && find . -maxdepth 1 -name 'orbitr_*' -printf '%f\n' | sort | xargs sha256sum >SHA256SUMS)
    sign "$RELEASE_TO"
    note "$(du --bytes --total "$set".* | awk 'END { printf "%d MB", $1 / 1000000 }'), $(seconds_since "$began") s"
}

# sign FOLDER: its SHA256SUMS.
sign() {
    rm -f "$1/SHA256SUMS.gpg"
    with_key --detach-sign --output "$1/SHA256SUMS.gpg" "$1/SHA256SUMS"
}

# one_file SET VERITY ROOT: orbitr-VERSION.update, a tar of the six files in the order in which a box wants to read them.
one_file() {
    local folder=$RELEASE_TO/.one name=orbitr_$VERSION file
    rm -rf "$folder"
    mkdir "$folder"
    for file in "$name.json" "$2" "$3" "$name.efi"; do ln "$RELEASE_TO/$file" "$folder/$file"; done
    (cd "$folder" && find . -name 'orbitr_*' -printf '%f\n' | sort | xargs sha256sum >SHA256SUMS)
    sign "$folder"
    tar --create --file "$RELEASE_TO/orbitr-$VERSION.update" --directory "$folder" --format ustar --owner 0 --group 0 --numeric-owner \
        --mode u=rw,go=r --mtime "@$SOURCE_DATE_EPOCH" SHA256SUMS SHA256SUMS.gpg "$name.json" "$2" "$3" "$name.efi"
    rm -rf "$folder"
}
