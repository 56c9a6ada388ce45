#!/bin/sh
# Every experiment of examples/ as a named job, in an order in which a search comes before the
# training that reads its architecture. Algorithm and output folder stand in each JSON file.
set -eu

usage() {
    cat <<'TEXT'
usage: ./jobs.sh                      list the jobs and the command of each
       ./jobs.sh NAME...              run jobs, one after the other
       ./jobs.sh --small NAME...|all  run their small twins: seconds each, on any CPU
       ./jobs.sh --dry ...            only print the commands that would run
TEXT
}

jobs='
darts_search
darts_train
pnas_search
pnas_train
pnas_search_latency
pnas_train_latency
mobilenet_cifar10_search
mobilenet_cifar10_train
mobilenet_cifar10_reference
mobilenet_cifar10_search_latency
mobilenet_cifar10_train_latency
mobilenet_imagenet_search
mobilenet_imagenet_train
mobilenet_imagenet_reference
mobilenet_imagenet_search_latency
mobilenet_imagenet_train_latency
mobilenet_imagenet_search_songhan
mobilenet_imagenet_train_songhan
pnas_zoph_search
darts_zoph_search
zoph_train
zoph_train_continue
zoph_train_random
zoph_train_random_merge_add
random_wired_train
'

root=$(dirname -- "$0")
folder=examples
small=no
dry=no
names=

for argument in "$@"; do
    case $argument in
    --small) small=yes folder=examples/small ;;
    --dry) dry=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    -*)
        echo "jobs.sh: unknown option '$argument'" >&2
        usage >&2
        exit 2
        ;;
    *) names="$names $argument" ;;
    esac
done

cd -- "$root"

exists() { [ -f "$folder/$1.json" ]; }

if [ -z "$names" ]; then
    for name in $jobs; do
        exists "$name" && printf '%-36s python main.py -f %s/%s.json\n' "$name" "$folder" "$name"
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
    case $jobs in
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

for name in $names; do
    echo "python main.py -f $folder/$name.json"
    if [ "$dry" = no ]; then
        ./run.sh python main.py -f "$folder/$name.json"
    fi
done
