#!/usr/bin/env bash
# Fails when a stored snapshot belongs to no test any more. At once.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
cd "$ROOT"

result=0
while IFS= read -r snapshot; do
    source=$(sed -n 's/^source: //p' "$snapshot" | head -n 1)
    name=$(basename "$snapshot" .snap)
    name=${name##*__}
    # The second and later ones of a test end in -2, -3 …
    name=${name%-[0-9]*}
    if [ -z "$source" ] || ! grep -qsw -- "$name" "$source"; then
        printf 'error: %s belongs to no test in %s\n' "$snapshot" "${source:-any file}" >&2
        result=1
    fi
done < <(find app benchmark frontend migrations server -name '*.snap')
exit $result
