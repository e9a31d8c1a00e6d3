#!/usr/bin/env bash
# Makes this checkout ready to run: Node 24 (found, or installed from npm into the cache folder) and the npm packages.
# Prints the folder that holds `node`, and nothing else, on standard output. Needs any Node >= 20 with npm.
set -euo pipefail

version=24.9.0
checkout=$(cd "$(dirname "$0")/../.." && pwd)
cache="${OFFBOARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/offboard}"

say() { echo "$*" >&2; }

if ! command -v npm >/dev/null 2>&1; then
  say "Offboard needs Node.js >= 20 with npm: https://nodejs.org/en/download"
  exit 1
fi

major() { "$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

# The package `node` on npm carries the official binary of the platform. Installed beside and renamed: never half there.
install_node() {
  say "Installing Node $version into $cache/node"
  mkdir -p "$cache/node"
  local fresh
  fresh=$(mktemp -d "$cache/node/.new.XXXXXX")
  echo '{"private":true,"allowScripts":{"node":true}}' > "$fresh/package.json"
  (cd "$fresh" && npm install --no-audit --no-fund --loglevel=error --prefix . "node@$version" >&2)
  # Another process may have been first. A folder that is there and does not work is replaced, as `mv` would move into it.
  if [ "$(major "$bin/node")" -ge 24 ]; then rm -rf "$fresh"; return; fi
  rm -rf "${cache:?}/node/$version"
  mv "$fresh" "$cache/node/$version"
}

bin="$cache/node/$version/node_modules/.bin"
if [ "$(major node)" -ge 24 ]; then
  bin=$(dirname "$(command -v node)")
elif [ "$(major "$bin/node")" -lt 24 ]; then
  install_node
fi
if [ "$(major "$bin/node")" -lt 24 ]; then
  say "Node $version could not be installed into $cache/node; install Node.js >= 24 and try again"
  exit 1
fi

export PATH="$bin:$PATH"
# npm writes this file last, so one that is older than the lock file belongs to another install.
if [ ! "$checkout/node_modules/.package-lock.json" -nt "$checkout/package-lock.json" ]; then
  say "Installing npm packages"
  (cd "$checkout" && npm ci --no-audit --no-fund --loglevel=error >&2)
  touch "$checkout/node_modules/.package-lock.json"
fi
echo "$bin"
