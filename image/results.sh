# shellcheck shell=bash
# The second half of scripts/image: from what mkosi leaves to what people use. Sourced, never run.
# Needs: buildroot/common.sh, and WORK, OUT, NAME, VERSION, FAST, SOURCE_DATE_EPOCH.

# results: packs, lists and counts what mkosi has built, and puts it into $OUT.
results() {
    local built=$WORK/mkosi/out/orbitr_$VERSION hash size packing=''
    say "Packing"
    rm -rf "${OUT:?}"/* && mkdir -p "$OUT/update"
    hash=$(roothash "$built.efi")
    printf '%s\n' "$hash" >"$OUT/roothash"
    if [ -z "$FAST" ]; then
        have zstd || apt_install zstd
        # beside each other: one core each
        nice -n 5 zstd --quiet --force -7 "$built.raw" -o "$OUT/$NAME.raw.zst" &
        packing=$!
        nice -n 5 "$ROOT/buildroot/enter" qemu-img convert -c -O qcow2 -o compression_type=zstd \
            "/w/mkosi/out/${built##*/}.raw" "/w/mkosi/out/$NAME.qcow2"
        wait "$packing"
        mv "$WORK/mkosi/out/$NAME.qcow2" "$OUT/"
    fi
    # a slot is larger than what is in it; only that much is an update
    size=$(erofs_size "$built.root.raw")
    truncate --size "$size" "$built.root.raw"
    mv "$built.root.raw" "$built.verity.raw" "$built.efi" "$OUT/update/"
    mv "$built.raw" "$OUT/$NAME.raw"
    mv "$WORK/mkosi/out/packages.tsv" "$OUT/packages.tsv"
    cp "$TREE.packages" "$OUT/build-root.packages"
    "$ROOT/image/spdx" "$NAME" "$SOURCE_DATE_EPOCH" "$OUT/packages.tsv" "$ROOT/Cargo.lock" >"$OUT/$NAME.spdx.json"
    sizes >"$OUT/sizes.txt"
    # the raw image is for this machine only
    (cd "$OUT" && find . -type f ! -path "./$NAME.raw" -printf '%P\n' | sort | xargs sha256sum) >"$WORK/SHA256SUMS"
    mv "$WORK/SHA256SUMS" "$OUT/"
}

# roothash UKI: the root's hash, from the kernel command line in it.
# (read to its end: who writes into a pipe that nobody reads any more has failed)
roothash() { grep -ao 'roothash=[0-9a-f]\{64\}' "$1" | sed -n '1s/.*=//p'; }

# erofs_size FILE: bytes that the file system takes: its superblock, at 1024, has the size of a block as a power of two
# at offset 12 and the number of blocks at offset 36.
erofs_size() {
    local bits blocks
    bits=$(od -An -tu1 -j $((1024 + 12)) -N 1 "$1")
    blocks=$(od -An -tu4 -j $((1024 + 36)) -N 4 "$1")
    printf '%s' $((blocks << bits))
}

# sizes: what takes the space, for people.
sizes() {
    local file
    printf '%-44s %8s MB\n' "root partition, as it is read" $(($(stat -c %s "$OUT"/update/*.root.raw) / 1000000))
    for file in "$OUT"/update/*.efi "$OUT/$NAME.raw.zst" "$OUT/$NAME.qcow2"; do
        [ ! -e "$file" ] || printf '%-44s %8s MB\n' "${file##*/}" $(($(stat -c %s "$file") / 1000000))
    done
    printf '\n%s\n' "packages, as installed (kB), the largest of $(wc -l <"$OUT/packages.tsv")"
    sort -t $'\t' -k 4,4nr "$OUT/packages.tsv" | awk -F '\t' 'NR <= 25 { printf "%10d  %s %s\n", $4, $1, $2 }'
}
