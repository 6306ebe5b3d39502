#!/usr/bin/env bash
# Everything about the source that is not a test of behaviour. All steps run,
# whatever the earlier ones say; the last lines name those that failed.
set -euo pipefail
. "$(dirname "$0")/env.sh"

tools=bin/tools
failed=()

# step TEXT COMMAND... runs one step and remembers whether it failed.
step() {
  local text=$1
  shift
  printf '== %s\n' "$text"
  "$@" || failed+=("$text")
}

formatted() {
  local files
  files=$(find . -name '*.go' -not -path './bin/*' -not -path '*/testdata/*' -print0 | xargs -0 gofmt -s -l)
  [ -z "$files" ] || {
    printf '%s\nnot formatted; run make fmt\n' "$files"
    return 1
  }
}

# tool NAME PACKAGE builds a tool from tools/go.mod; the second time takes a moment.
tool() {
  go build -C tools -o "../$tools/$1" "$2"
}

lint() {
  tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint && $tools/golangci-lint run
}

# state prints a sum for every file that a generator might write.
state() {
  find . -type f -not -path './.git/*' -not -path './bin/*' -print0 | sort -z | xargs -0 sha256sum
}

generated() {
  local before
  before=$(state)
  go generate ./... || return 1
  diff <(echo "$before") <(state) | sed -n 's/^[<>] [0-9a-f]*  /  /p' | sort -u >bin/stale
  [ ! -s bin/stale ] || {
    cat bin/stale
    echo 'were not fresh and have been written again; add them to the change'
    return 1
  }
}

windows() {
  GOOS=windows go build ./... && GOOS=windows go vet ./...
}

# vulnerabilities fails only on what it found: a machine without a way to the
# database can still check everything else.
vulnerabilities() {
  local code=0
  tool govulncheck golang.org/x/vuln/cmd/govulncheck || return 1
  timeout 300 $tools/govulncheck ./... >bin/vulnerabilities 2>&1 || code=$?
  case $code in
  0) tail -n 1 bin/vulnerabilities ;;
  3)
    cat bin/vulnerabilities
    return 1
    ;;
  *) echo "not checked: the vulnerability database cannot be reached from here (bin/vulnerabilities has the details)" ;;
  esac
}

mkdir -p $tools
step 'format' formatted
step 'vet' go vet ./...
step 'lint' lint
step 'the house: map and laws' go test -count=1 .
step 'generated files' generated
step 'Windows' windows
step 'known vulnerabilities' vulnerabilities

if [ ${#failed[@]} -gt 0 ]; then
  printf 'check: failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo 'check: all good'
