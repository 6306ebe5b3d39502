#!/usr/bin/env bash
# Runs every test. Arguments go to `go test`.
#
# Some tests talk to a real OpenLDAP and a real PostgreSQL. They start servers
# of their own, on free ports of this machine, and stop them again; no service
# of the system is used or started. This script only sees to it that the
# programs are there, and installs them on Debian and its relatives.
#
#   MUSTER_LONG=1          many more random histories, and a kill at every statement
#   MUSTER_RACE="PKG ..."  afterwards, these packages under the race detector
#                          (which alone of all needs a C compiler)
set -euo pipefail
. "$(dirname "$0")/env.sh"

# where NAME prints the path of a program, looking also where Debian keeps servers.
where() {
  local found
  for found in $(type -P "$1") /usr/sbin/"$1" /usr/local/sbin/"$1" /usr/lib/postgresql/*/bin/"$1" /usr/libexec/"$1"; do
    if [ -x "$found" ]; then
      echo "$found"
      return
    fi
  done
  return 1
}

# missing prints the packages whose programs are not on this machine.
missing() {
  where slapd >/dev/null || echo slapd
  where ldapmodify >/dev/null || echo ldap-utils
  { where postgres && where initdb; } >/dev/null || echo postgresql
}

# as_root runs a command with the rights that installing needs.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

# no_services forbids packages to start services until this shell ends, which
# is what Debian asks policy-rc.d for; a policy that is there is kept.
policy=/usr/sbin/policy-rc.d
no_services() {
  if [ -e $policy ]; then
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
  trap 'as_root rm -f $policy' EXIT
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null
}

# install_packages NAME... tries with the package lists as they are, then with
# new ones. Call it in a subshell.
install_packages() {
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || return 1
  no_services
  apt install --no-install-recommends "$@" >bin/install.log 2>&1 && return
  apt update >>bin/install.log 2>&1 || true
  apt install --no-install-recommends "$@" >>bin/install.log 2>&1
}

mkdir -p bin
need=$(missing)
if [ -n "$need" ]; then
  echo "test: installing" $need
  # shellcheck disable=SC2086 # one word a package
  (install_packages $need) || true
  need=$(missing)
  if [ -n "$need" ]; then
    [ ! -s bin/install.log ] || tail -n 20 bin/install.log >&2
    die "the tests need programs that are not on this machine and could not be installed:" $need "
Install them (Debian: apt-get install" $need"; elsewhere OpenLDAP's server and tools, and PostgreSQL's server)
and run make test again. No service has to run."
  fi
fi

go test -timeout 15m "$@" ./...

if [ -n "${MUSTER_RACE:-}" ]; then
  # shellcheck disable=SC2086 # one word a package
  CGO_ENABLED=1 go test -race -timeout 15m $MUSTER_RACE
fi
