# Sourced by the other scripts: the same surroundings for every command.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CGO_ENABLED=0
export GOTOOLCHAIN=${GOTOOLCHAIN:-local}
export GOFLAGS="${GOFLAGS:-} -buildvcs=false" # a checkout owned by somebody else is no obstacle
export LC_ALL=C TZ=UTC

die() {
  printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
  exit 1
}

command -v go >/dev/null || die "Go is not installed, or not in PATH; Muster needs the version that go.mod names"
