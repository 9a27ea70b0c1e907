# shellcheck shell=bash
# What every finding needs: a temporary environment of pinned packages, and checks that print what they saw.
#
# FINDINGS_CACHE, if set, names a folder where the WebAssembly tools keep what they compile on their first run.
# PYTHON names the Python that makes the environment; otherwise it is python3.

# packages NAME==VERSION...: install them into a new folder, which goes when the script ends, and enter it.
packages() {
  local cache="${FINDINGS_CACHE:-}"
  [[ -z "$cache" ]] || cache=$(realpath -m "$cache")
  work=$(mktemp -d)
  trap 'cd / && rm -rf "$work"' EXIT
  cd "$work" || return
  "${PYTHON:-python3}" -m venv venv
  venv/bin/pip install --quiet --disable-pip-version-check "$@"
  export PATH="$work/venv/bin:$PATH" YOWASP_CACHE_DIR="${cache:-$work/cache}"
  printf 'packages: %s\n' "$*"
}

# expected TEXT: print what a good guess is.
expected() {
  printf 'expected: %s\n' "$1"
}

# same WHAT WAS NOW: print what is seen now, and end with an error if it is not what was seen.
same() {
  printf 'seen:     %s: %s\n' "$1" "$3"
  if [[ "$3" != "$2" ]]; then
    printf 'CHANGED:  %s was %s\n' "$1" "$2" >&2
    exit 1
  fi
}

# logged FILE COMMAND...: run a command with its output in a file, of which the end is printed if the command fails.
logged() {
  local file="$1"
  shift
  if ! "$@" > "$file" 2>&1; then
    tail -n 5 "$file" >&2
    exit 1
  fi
}

# cells TYPE FILE: how many cells of a type the output of Yosys's `stat` lists.
cells() {
  awk -v type="$1" '$NF == type { found = $1 } END { print found + 0 }' "$2"
}
