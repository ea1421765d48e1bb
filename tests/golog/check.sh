#!/bin/sh
# check.sh DIRECTORY|URL VKEYFILE [OLDSIZE[=ROOT]]...
# check.sh --receipt FILE VKEYFILE
#
# Checks a tiled log, or one receipt of it, with Go's own tree and note code (main.go). Exit status 0: all holds; 1: it does not; 2: wrong usage;
# 77: there is no Go here, or not golang-golang-x-mod-dev.
set -eu
[ $# -ge 2 ] || { echo "usage: check.sh DIRECTORY|URL VKEYFILE [OLDSIZE[=ROOT]]... | --receipt FILE VKEYFILE" >&2; exit 2; }

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$here/../.." && pwd)/build/golog
gopath=/usr/share/gocode

go=$(command -v go || ls /usr/local/go/bin/go /usr/lib/go/bin/go 2>/dev/null | head -n 1) || true
[ -n "$go" ] || { echo "check.sh: no Go compiler; install golang-go" >&2; exit 77; }
[ -d "$gopath/src/golang.org/x/mod" ] || { echo "check.sh: install golang-golang-x-mod-dev" >&2; exit 77; }

# Built anew only when a source is newer; under another name first, for several tests may get here at once.
if [ -z "$(find "$build/golog" -newer "$here/main.go" -newer "$here/checkpoint.go" -newer "$here/files.go" \
                -newer "$here/log.go" -newer "$here/receipt.go" 2>/dev/null)" ]; then
  mkdir -p "$build"
  (cd "$here" && GO111MODULE=off GOFLAGS='' GOPATH=$gopath GOCACHE=$build/cache "$go" build -o "$build/golog.$$" .)
  mv "$build/golog.$$" "$build/golog"
fi

exec "$build/golog" "$@"
