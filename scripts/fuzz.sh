#!/usr/bin/env bash
# Fuzzes every target of the tree, one after the other. What breaks one becomes
# a file under its testdata/fuzz, which every test run tries again.
#
#   FUZZ_TIME=10m   how long each; 1m by default
#   FUZZ_ONLY=REGEX only targets whose folder and name match
set -euo pipefail
. "$(dirname "$0")/env.sh"

failed=0
while IFS=: read -r file target; do
  folder=$(dirname "$file")
  [[ "$folder $target" =~ ${FUZZ_ONLY:-.} ]] || continue
  echo "fuzz: $folder $target"
  go test "./$folder" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZ_TIME:-1m}" -parallel 1 "$@" || failed=1
done < <(git grep -oE '^func Fuzz[A-Za-z]+' -- '*_test.go' | sed 's|:func |:|')
exit $failed
