# Sourced by every script (POSIX sh): where the tree is, which PostgreSQL to use, and as whom to run
# a server. Owns no files.
#
# PostgreSQL refuses to run as root, so a caller who is root gets `postgres`, or else `nobody`, as
# the unprivileged user of everything that touches a private server.

stash_say() { printf '%s\n' "$*" >&2; }

stash_die() {
  stash_say "pg_stash: $*"
  exit 1
}

# The top of the tree. A sourcing script sets stash_top first; it must be absolute.
[ -n "${stash_top:-}" ] || stash_die "stash_top is not set"

# A script that make started makes its own decisions about jobs and variables.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

# Prints the pg_config to build against: STASH_PG_CONFIG or PG_CONFIG, the one in PATH, or the newest
# in Debian's folders. One without PGXS (libpq-dev alone brings such a pg_config) does not count.
stash_find_pg_config() {
  for candidate in "${STASH_PG_CONFIG:-}" "${PG_CONFIG:-}" pg_config \
    $(ls -d /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -t/ -k5,5nr); do
    [ -n "$candidate" ] || continue
    candidate=$(command -v "$candidate" 2>/dev/null) || continue
    pgxs=$("$candidate" --pgxs 2>/dev/null) || continue
    [ -f "$pgxs" ] && [ -x "$("$candidate" --bindir)/postgres" ] || continue
    printf '%s\n' "$candidate"
    return 0
  done
  return 1
}

if [ "$(id -u)" -eq 0 ]; then
  stash_is_root=1
  if id postgres >/dev/null 2>&1; then stash_user=postgres; else stash_user=nobody; fi
else
  stash_is_root=0
  stash_user=$(id -un 2>/dev/null || id -u)
fi

# Runs a command as the unprivileged user (a no-op for a caller who is not root).
stash_as_user() {
  if [ "$stash_is_root" = 1 ]; then
    setpriv --reuid="$stash_user" --regid="$(id -g "$stash_user")" --init-groups -- "$@"
  else
    "$@"
  fi
}

# Prints the folder for temporary files: one that the unprivileged user can write to, and short
# enough for the path of a unix socket (107 bytes).
stash_temp_base() {
  for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
    if [ "${#base}" -le 50 ] && stash_as_user test -w "$base" && stash_as_user test -x "$base"; then
      printf '%s\n' "$base"
      return 0
    fi
  done
  stash_die "no folder for temporary files that $stash_user can write to (TMPDIR, /tmp, /var/tmp)"
}

stash_cpus() { nproc 2>/dev/null || echo 2; }
