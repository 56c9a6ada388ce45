#!/bin/sh
# Regenerate the pinned requirements beside this file from pyproject.toml.
#
# usage: requirements/compile.sh [uv pip compile options, such as --upgrade]
#
# Each file pins exact versions with hashes; what two files share has one version in both.
set -eu
cd "$(dirname "$0")/.."

compile() {
    name=$1
    shift
    uv pip compile --quiet --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links \
        --python-version 3.10 --python-platform x86_64-manylinux_2_28 \
        --output-file "requirements/$name.txt" "$@"
    echo "requirements/$name.txt: $(grep -c == "requirements/$name.txt") packages" >&2
}

compile run pyproject.toml "$@"
compile view pyproject.toml --extra view -c requirements/run.txt "$@"
compile cuda pyproject.toml --extra cuda -c requirements/view.txt "$@"
compile onnx pyproject.toml --extra onnx -c requirements/view.txt "$@"
compile slurm pyproject.toml --extra slurm -c requirements/view.txt "$@"
compile docs pyproject.toml --extra docs -c requirements/onnx.txt "$@"
compile test pyproject.toml --extra test -c requirements/view.txt -c requirements/docs.txt \
    -c requirements/onnx.txt "$@"
echo "uv<0.14" | compile uv - "$@"
