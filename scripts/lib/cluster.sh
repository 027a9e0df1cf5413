# Sourced after common.sh (POSIX sh): a private installation ("stage") of PostgreSQL with this
# extension in it, and private clusters that run from it. Nothing here writes to PostgreSQL's own
# folders or speaks to a server that it did not start.
#
#   stage_install              builds the extension and makes a stage; sets STASH_STAGE (the stage),
#                              STASH_BIN (its bin), STASH_TREE (a readable copy of the tree).
#                              An exported STASH_STAGE that holds a stage is used as it is.
#   stage_remove               removes a stage that this process made
#   cluster_start DIR [LINE…]  makes DIR (initdb) unless it is there, adds the LINEs to its
#                              postgresql.conf and starts it: unix socket DIR/sock, log DIR/log
#   cluster_init DIR [LINE…]   the same without the start
#   cluster_stop DIR [MODE]    fast unless MODE says otherwise
#   cluster_env DIR            exports PGHOST PGPORT PGUSER PGDATABASE PGDATA PATH
#   cluster_psql DIR [ARG…]    psql in it, as the superuser `postgres`
#   cluster_remove DIR         stops it and any other server whose data lies under DIR; deletes DIR
#   demo_folder, demo_remove   where scripts/demo keeps its server; stops that and deletes the folder
#
# How a stage works: a server finds its share and lib folders relative to its own binary, so the
# binaries are copied to STAGE/usr/lib/postgresql/15/bin (or wherever pg_config says), and share and
# lib beside them are folders of symbolic links with our files added. That is the layout which
# `make install DESTDIR=STAGE` writes to.

# Builds in the tree, or, where the caller may not write to it, in the stage's copy.
stage_build_dir() {
  if [ -w "$stash_top" ]; then printf '%s\n' "$stash_top"; else printf '%s\n' "$STASH_TREE"; fi
}

# Fills $2 with links to what is in $1.
stage_link_all() {
  mkdir -p "$2"
  find "$1" -mindepth 1 -maxdepth 1 -exec ln -s -t "$2" {} +
}

stage_install() {
  stash_pg_config=$(stash_find_pg_config) || stash_die "no PostgreSQL with build files; run scripts/setup"
  stash_real_bin=$("$stash_pg_config" --bindir)
  stash_pgxs=$("$stash_pg_config" --pgxs)
  stash_pgxs=${stash_pgxs%/makefiles/pgxs.mk}
  if [ -n "${STASH_STAGE:-}" ] && [ -e "$STASH_STAGE/complete" ]; then
    STASH_TREE=$STASH_STAGE/tree
    STASH_BIN=$STASH_STAGE$stash_real_bin
    export STASH_STAGE STASH_TREE STASH_BIN
    return 0
  fi

  if [ -z "${STASH_STAGE:-}" ]; then
    STASH_STAGE=$(mktemp -d "$(stash_temp_base)/pg_stash-stage.XXXXXX")
    stage_is_ours=1
  fi
  mkdir -p "$STASH_STAGE"
  chmod 755 "$STASH_STAGE"
  STASH_TREE=$STASH_STAGE/tree
  STASH_BIN=$STASH_STAGE$stash_real_bin
  export STASH_STAGE STASH_TREE STASH_BIN

  mkdir -p "$STASH_TREE"
  tar -C "$stash_top" --exclude=./.git --exclude=./build --exclude='*.o' -cf - . |
    tar -C "$STASH_TREE" --no-same-owner -xf -
  chmod -R a+rX "$STASH_TREE"

  (
    umask 022
    share=$("$stash_pg_config" --sharedir)
    lib=$("$stash_pg_config" --pkglibdir)
    include=$("$stash_pg_config" --pkgincludedir)
    mkdir -p "$STASH_BIN"
    cp -RL "$stash_real_bin/." "$STASH_BIN"
    stage_link_all "$share" "$STASH_STAGE$share"
    rm -f "$STASH_STAGE$share/extension"
    stage_link_all "$share/extension" "$STASH_STAGE$share/extension"
    stage_link_all "$lib" "$STASH_STAGE$lib"
    mkdir -p "$STASH_STAGE$(dirname "$include")"
    ln -sfn "$include" "$STASH_STAGE$include"
    # A version of ours that is installed for real must not be written through its links.
    rm -f "$STASH_STAGE$share/extension"/pg_stash* "$STASH_STAGE$lib"/pg_stash*
  ) || stash_die "cannot copy PostgreSQL to $STASH_STAGE"

  stage_src=$(stage_build_dir)
  (
    umask 022
    mkdir -p "$stage_src/build"
    exec 9>"$stage_src/build/.lock"
    flock 9
    make -s -C "$stage_src" -j"$(stash_cpus)" PG_CONFIG="$stash_pg_config" all &&
      make -s -C "$stage_src" PG_CONFIG="$stash_pg_config" DESTDIR="$STASH_STAGE" install
  ) >&2 || stash_die "the build failed"

  "$STASH_BIN/postgres" --version >/dev/null ||
    stash_die "programs do not start from $STASH_STAGE; set TMPDIR to a folder that allows it"
  : >"$STASH_STAGE/complete"
}

stage_remove() {
  if [ "${stage_is_ours:-0}" = 1 ]; then rm -rf "$STASH_STAGE"; fi
  stage_is_ours=0
}

# Runs a program of the stage as the unprivileged user, who may not be allowed to enter our folder.
stage_run() {
  (
    cd /
    program=$STASH_BIN/$1
    shift
    stash_as_user "$program" "$@"
  )
}

cluster_init() {
  cluster=$1
  shift
  if [ ! -e "$cluster/data/PG_VERSION" ]; then
    mkdir -p "$cluster"
    chmod 755 "$cluster"
    mkdir -p "$cluster/data" "$cluster/sock" "$cluster/tmp"
    chmod 700 "$cluster/data" "$cluster/sock"
    : >"$cluster/log"
    if [ "$stash_is_root" = 1 ]; then
      chown "$stash_user" "$cluster/data" "$cluster/sock" "$cluster/tmp" "$cluster/log"
    fi
    stage_run initdb -D "$cluster/data" -A trust -U postgres -E UTF8 --locale=C \
      --no-sync >"$cluster/initdb.log" 2>&1 || {
      cat "$cluster/initdb.log" >&2
      stash_say "initdb failed"
      return 1
    }
    cat >>"$cluster/data/postgresql.conf" <<EOF
listen_addresses = ''
unix_socket_directories = '$cluster/sock'
port = 5432
shared_preload_libraries = 'pg_stash'
fsync = off
max_prepared_transactions = 10
log_line_prefix = '%m [%p] %q%a '
EOF
  fi
  for line in "$@"; do printf '%s\n' "$line" >>"$cluster/data/postgresql.conf"; done
}

cluster_start() {
  cluster_init "$@" || return 1
  stage_run pg_ctl -D "$1/data" -l "$1/log" -w -t 60 start >/dev/null || {
    tail -n 40 "$1/log" >&2
    stash_say "the private server did not start"
    return 1
  }
}

cluster_stop() {
  [ -e "$1/data/postmaster.pid" ] || return 0
  stage_run pg_ctl -D "$1/data" -w -t 60 -m "${2:-fast}" stop >/dev/null
}

cluster_env() {
  PGHOST=$1/sock
  PGPORT=5432
  PGUSER=postgres
  PGDATABASE=postgres
  PGDATA=$1/data
  PATH=$STASH_BIN:$PATH
  export PGHOST PGPORT PGUSER PGDATABASE PGDATA PATH
  unset PGSERVICE PGSERVICEFILE PGPASSFILE PGPASSWORD PGSSLMODE PGOPTIONS PGHOSTADDR
}

cluster_psql() {
  (
    cluster_env "$1"
    shift
    exec psql -X "$@"
  )
}

cluster_remove() {
  [ -d "$1" ] || return 0
  find "$1" -name postmaster.pid -type f 2>/dev/null | while read -r pid_file; do
    stage_run pg_ctl -D "$(dirname "$pid_file")" -w -t 30 -m immediate stop \
      >/dev/null 2>&1
  done
  rm -rf "$1"
}

demo_folder() { printf '%s\n' "$(stash_temp_base)/pg_stash-demo-$(id -u)"; }

# The folder's name can be guessed, so one that somebody else put there is left alone.
demo_remove() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  if [ -L "$1" ] || [ ! -d "$1" ] || [ "$(stat -c %u "$1")" != "$(id -u)" ]; then
    stash_die "$1 is not a folder of yours; remove it or set TMPDIR"
  fi
  STASH_BIN=$(dirname "$(find "$1/stage" -path '*/bin/pg_ctl' 2>/dev/null | head -n 1)")
  if [ -d "$1/server" ]; then
    cluster_stop "$1/server" || true
    cluster_remove "$1/server"
  fi
  if [ -d "$1/weaviate" ]; then "$stash_top/scripts/weaviate" stop "$1/weaviate" || true; fi
  rm -rf "$1"
}
