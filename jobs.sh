#!/bin/sh
# Every experiment of examples/ as a named job, in an order in which a search comes before the
# training that reads its architecture. The jobs are a study, examples/study/jobs.json; algorithm
# and output folder stand in each experiment's JSON file.
set -eu

usage() {
    cat <<'TEXT'
usage: ./jobs.sh                      list the jobs and the command of each
       ./jobs.sh NAME...|all          run jobs, one after the other; what is finished is skipped
       ./jobs.sh -j N NAME...|all     run N of them at a time
       ./jobs.sh --small NAME...|all  run their small twins: seconds each, on any CPU
       ./jobs.sh --dry ...            only print the commands that would run
TEXT
}

root=$(dirname -- "$0")
folder=examples
study=examples/study/jobs.json
at_once=1
small=no
dry=no
names=

while [ $# -gt 0 ]; do
    case $1 in
    --small) small=yes folder=examples/small study=examples/study/small_jobs.json ;;
    --dry) dry=yes ;;
    -j)
        at_once=${2-}
        [ $# -eq 1 ] || shift
        ;;
    -j*) at_once=${1#-j} ;;
    -h | --help)
        usage
        exit 0
        ;;
    -*)
        echo "jobs.sh: unknown option '$1'" >&2
        usage >&2
        exit 2
        ;;
    *) names="$names $1" ;;
    esac
    shift
done

case $at_once in
"" | *[!0-9]* | 0*)
    echo "jobs.sh: -j: got '$at_once'; allowed a number from 1" >&2
    exit 2
    ;;
esac

cd -- "$root"

# One experiment per line.
jobs=$(sed -n 's/^ *"\([a-z0-9_]*\)": {"file": .*/\1/p' "$study")

exists() { [ -f "$folder/$1.json" ]; }

# Print the command that a job is, with the algorithm and the output folder of its file.
command_of() {
    text=$(tr -s '\n ' ' ' <"$folder/$1.json")
    algorithm=$(echo "$text" |
        sed -n 's/.*"algorithm": \({ *"name": \)\{0,1\}"\([^"]*\)".*/\2/p')
    output=$(echo "$text" | sed -n 's/.*"output_path": "\([^"]*\)".*/\1/p')
    echo "python main.py -f $folder/$1.json -a $algorithm -o $output"
}

if [ -z "$names" ]; then
    for name in $jobs; do
        exists "$name" && printf '%-36s %s\n' "$name" "$(command_of "$name")"
    done
    [ "$dry$small" = nono ] && echo && usage
    exit 0
fi

if [ "$names" = " all" ]; then
    names=
    for name in $jobs; do
        if exists "$name"; then names="$names $name"; fi
    done
fi

for name in $names; do
    case "
$jobs
" in
    *"
$name
"*) ;;
    *)
        echo "jobs.sh: unknown job '$name'; ./jobs.sh lists them" >&2
        exit 2
        ;;
    esac
    if ! exists "$name"; then
        echo "jobs.sh: '$name' has no small twin" >&2
        exit 2
    fi
done

if [ "$dry" = yes ]; then
    for name in $names; do
        command_of "$name"
    done
    exit 0
fi
# shellcheck disable=SC2086 # names hold no blanks
exec ./run.sh python -m nnabla_nas study "$study" --jobs "$at_once" --only $names
