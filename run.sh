#!/bin/sh
# Run a command in this checkout's own environment, which is made on first use.
set -eu

usage() {
    cat <<'TEXT'
usage: ./run.sh demo [ARGS…]                 search, retrain and compare a small network
       ./run.sh test [PYTEST ARGS…]          run the tests; paths are those of the checkout
       ./run.sh [--extra NAME] COMMAND…      run any command in the environment
extras: view (TensorBoard), onnx (export to ONNX), docs (Sphinx), slurm (clusters),
        cuda (added by itself where nvidia-smi lists a GPU)
TEXT
}

say() { echo "run.sh: $*" >&2; }

fail() {
    say "$*"
    exit 2
}

# Print the path of uv, installing the pinned one into .tools where there is none.
find_uv() {
    if command -v uv >/dev/null 2>&1; then
        command -v uv
        return
    fi
    tools=$root/.tools
    if [ ! -x "$tools/bin/uv" ]; then
        say "installing uv into .tools"
        command -v python3 >/dev/null 2>&1 || fail "needs uv or python3 on PATH"
        { python3 -m venv "$tools" &&
            "$tools/bin/python" -m pip install --quiet --disable-pip-version-check \
                --require-hashes -r "$root/requirements/uv.txt"; } >&2 ||
            fail "cannot install uv with python3: install python3-venv, or put uv on PATH"
    fi
    echo "$tools/bin/uv"
}

has_gpu() {
    command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q '^GPU '
}

# Set $files to the pins this environment holds: the base, extras added before, extras asked for.
select_pins() {
    files=requirements/$base.txt
    for name in $extra_names; do
        files="$files requirements/$name.txt"
    done
}

checksum() {
    # shellcheck disable=SC2086 # $files is a list of names without blanks
    { echo "$root" && cd "$root" && cat .python-version $files; } | sha256sum
}

is_current() {
    [ -x "$environment/bin/python" ] && [ -r "$environment/pins" ] &&
        [ "$(checksum)" = "$(cat "$environment/pins")" ]
}

# Hold a lock that dies with this process: two runs must not install at once.
lock() {
    mkdir -p "$root/.tools"
    if command -v flock >/dev/null 2>&1; then
        exec 9>"$root/.tools/lock"
        flock -n 9 || { say "waiting for another run.sh to finish installing" && flock 9; }
        return
    fi
    until mkdir "$root/.tools/lock.d" 2>/dev/null; do
        holder=$(cat "$root/.tools/lock.d/pid" 2>/dev/null || echo $$)
        kill -0 "$holder" 2>/dev/null || rm -rf "$root/.tools/lock.d"
        sleep 1
    done
    trap 'rm -rf "$root/.tools/lock.d"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    echo $$ >"$root/.tools/lock.d/pid"
}

unlock() {
    if command -v flock >/dev/null 2>&1; then
        exec 9>&-
    else
        rm -rf "$root/.tools/lock.d"
        trap - EXIT INT TERM
    fi
}

install() {
    say "preparing ${environment##*/} (${files})"
    uv=$(find_uv) || exit $?
    rm -f "$environment/pins"
    (
        cd "$root"
        [ -w "${HOME:-/nonexistent}" ] || export UV_CACHE_DIR="$root/.tools/cache"
        if [ ! -x "$environment/bin/python" ]; then
            rm -rf "$environment"
            "$uv" venv --quiet --no-project --python "$(cat .python-version)" "$environment" || exit
        fi
        # shellcheck disable=SC2086
        "$uv" pip sync --quiet --require-hashes --python "$environment/bin/python" $files
    ) >&2 9>&- || fail "cannot prepare ${environment##*/}; see the lines above"
    echo "$extra_names" >"$environment/extras"
    checksum >"$environment/pins"
}

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
base=run
environment=$root/.venv
wanted=

case ${1-} in
"")
    usage >&2
    exit 2
    ;;
-h | --help)
    usage
    exit 0
    ;;
--extra)
    [ $# -ge 3 ] || fail "--extra needs a name and a command"
    case $2 in
    cuda | docs | onnx | slurm | view) wanted=$2 ;;
    *) fail "unknown extra '$2'; allowed: cuda, docs, onnx, slurm, view" ;;
    esac
    shift 2
    ;;
-*) fail "unknown option '$1'; see ./run.sh --help" ;;
esac

[ "$(uname -sm)" = "Linux x86_64" ] || fail "nnabla has packages for Linux x86-64 only, this is $(uname -sm)"

case $1 in
demo)
    shift
    set -- python -m nnabla_nas demo "$@"
    ;;
test)
    base='test'
    environment=$root/.venv-test
    shift
    # One thread per process: on a shared machine more of them only wait for each other.
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
    if [ $# -eq 0 ]; then
        set -- -n auto
    fi
    set -- python -m pytest "$@"
    cd "$root"
    ;;
esac

if has_gpu; then
    wanted="$wanted cuda"
fi
collect_extras() {
    # shellcheck disable=SC2086
    extra_names=$({ cat "$environment/extras" 2>/dev/null || true; printf '%s\n' $wanted; } |
        tr ' ' '\n' | sed '/^$/d' | sort -u | tr '\n' ' ')
    select_pins
}

collect_extras
if ! is_current; then
    lock
    collect_extras
    is_current || install
    unlock
fi

# Commands that are printed to be typed next begin with what was typed now; paths without a slash
# come from `sh run.sh`. A test must not see how the tests were started.
unset NNABLA_NAS_LAUNCHER
if [ "$base" = run ]; then
    case $0 in
    */*) export NNABLA_NAS_LAUNCHER="$0" ;;
    *) export NNABLA_NAS_LAUNCHER="./$0" ;;
    esac
fi
export PATH="$environment/bin:$PATH" VIRTUAL_ENV="$environment"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$@"
