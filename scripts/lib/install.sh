#!/usr/bin/env bash
# Installs what the tests need and is missing. Where it can't, it says what is missing and fails: a test that is
# skipped because its tool is missing proves nothing.
#
# Run as `install.sh VENV`; sourcing it only defines the functions.

# Pinned, so that a run of today and one of next year judge alike.
nextest_version=0.9.143
deny_version=0.20.2
node_version=22.23.3

# A command and the Debian package that has it.
debian_tools=(
  "cc build-essential"
  "redis-server redis-server"
  "redis-sentinel redis-sentinel"
  "chromium chromium"
  "nginx nginx"
  "prometheus prometheus"
  "promtool prometheus"
  "curl curl"
  "openssl openssl"
  "node nodejs"
  "npm npm"
  "python3 python3"
)

fail() {
  echo "error: $*" >&2
  exit 1
}

# The packages of `debian_tools` whose command is missing. Debian keeps some in /usr/sbin.
missing_packages() {
  local tool
  for tool in "${debian_tools[@]}"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${tool% *}" >/dev/null || echo "${tool#* }"
  done | sort -u
  python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
}

install_packages() {
  local missing sudo=()
  missing=$(missing_packages | paste -sd ' ')
  [[ -n $missing ]] || return 0
  command -v apt-get >/dev/null ||
    fail "the tests need $missing (Debian's names), and only apt-get is known here: install them and run again"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "the tests need $missing: install them as root and run again"
    sudo=(sudo -n)
  fi
  # The servers are started by the tests, each on a port of its own; Debian's units must not start theirs.
  echo "installing $missing"
  "${sudo[@]}" apt-get update -qq
  # shellcheck disable=SC2086  # one word a package
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y --no-install-recommends $missing
  missing=$(missing_packages | paste -sd ' ')
  [[ -z $missing ]] || fail "still missing after apt-get install: $missing"
}

install_cargo_tools() {
  command -v cargo >/dev/null || fail "Rust is missing: https://rustup.rs"
  if ! cargo clippy --version >/dev/null 2>&1 || ! cargo fmt --version >/dev/null 2>&1; then
    rustup component add clippy rustfmt || fail "clippy and rustfmt are missing, and rustup can't add them"
  fi
  # A debug build of a tool that runs for seconds is ready minutes earlier.
  cargo nextest --version >/dev/null 2>&1 || cargo install --quiet --locked --debug cargo-nextest@$nextest_version
  cargo deny --version >/dev/null 2>&1 || cargo install --quiet --locked --debug cargo-deny@$deny_version
  # `cargo deny --offline` and the build must find every crate.
  cargo fetch --quiet --locked
}

# Debian 12 has Node 18, and the browser tests need 20: the npm registry has the program itself. scripts/test looks
# in target/test-node/bin first.
install_node() {
  local major arch
  major=$(node --print 'process.versions.node.split(".")[0]')
  ((major < 20)) || return 0
  arch=$(node --print process.arch)
  npm install --prefix target/test-node --silent --no-audit --no-fund --no-save "node-linux-$arch@$node_version"
  ln -sfn "node_modules/node-linux-$arch/bin" target/test-node/bin
}

# install_venv VENV REQUIREMENTS: Python programs of ours in an environment of their own.
install_venv() {
  local venv=$1 wanted=$2
  if [[ -x $venv/bin/python ]] && cmp -s "$wanted" "$venv/installed.txt"; then return 0; fi
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$wanted"
  cp "$wanted" "$venv/installed.txt"
}

install_node_packages() {
  local dir=$1
  if [[ -d $dir/node_modules ]] && cmp -s "$dir/package-lock.json" "$dir/node_modules/.installed.json"; then return 0; fi
  npm ci --prefix "$dir" --silent --no-audit --no-fund --ignore-scripts
  cp "$dir/package-lock.json" "$dir/node_modules/.installed.json"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  install_packages
  install_cargo_tools
  install_node
  install_venv "$1" tests/foreign/python/requirements.txt
  install_node_packages tests/foreign/node
fi
