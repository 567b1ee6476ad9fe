#!/usr/bin/env bash
# A release without the publishing: builds, checks, installs as a stranger would, and plays the demo from what was built.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/.venv-release/bin
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
export SOURCE_DATE_EPOCH; SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)

# From a clean copy, so that nothing travels that is not in git: the source, the wheel made of it, and one made of the tree.
mkdir "$room/tree" "$room/home" "$room/elsewhere"
git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$room/tree"
rm -rf dist
"$tools/python" -m build --no-isolation --outdir dist "$room/tree"
"$tools/python" -m build --no-isolation --wheel --outdir "$room/direct" "$room/tree"
cmp dist/*.whl "$room"/direct/*.whl
"$tools/twine" check --strict dist/*
"$tools/python" scripts/_toolchain/check_release.py dist/*

# Another folder, another home, and a path with Python's own environment on it and nothing else: no Node, no compiler.
python3 -m venv "$room/venv"
alone() { (cd "$room/elsewhere" && env -i PATH="$room/venv/bin" HOME="$room/home" "$@"); }
alone "$room/venv/bin/python" -c 'import shutil; assert not any(map(shutil.which, ("node", "npm", "anvil", "solc")))'
for built in dist/*.whl dist/*.tar.gz; do
  HOME=$room/home "$room/venv/bin/pip" install -q --force-reinstall "$built[data,server]"
  "$room/venv/bin/pip" check
  alone registry --version
  alone python -c "import registry; assert registry.__file__.startswith('$room/venv/'), registry.__file__"
  alone registry demo > "$room/demo.txt" || { cat "$room/demo.txt"; exit 1; }
  tail -n 1 "$room/demo.txt"
done

# Each extra alone: what it is for is imported beside nothing but what it asks for. The one of ape has tests of its own.
declare -A needs=(
  [arrays]=registry.ipfs.arrays [charts]=registry.system.picture,matplotlib [gradio]=registry.apps.gradio
  [data]=registry.index.finding,pandas [dask]=registry.compute.dask_engine [mcp]=registry.agents.mcp_server
  [notebook]=registry.apps.notebook,anywidget [run]=registry.sandbox.runs.lock,uv [streamlit]=registry.apps.streamlit
  [server]=registry.gateway.gateway_server,registry.ipfs.server [hub]=registry.hub.hub_server,registry.index.search.tantivy
)
offered=$(alone python -c 'from importlib.metadata import metadata as told
print(*sorted({*told("asset-registry").get_all("Provides-Extra")} - {"ape", "dev"}), sep="\n")')
[ "$offered" = "$(printf '%s\n' "${!needs[@]}" | sort)" ]
for extra in $offered; do
  HOME=$room/home python3 scripts/_toolchain/install.py "$room/$extra" "$(echo dist/*.whl)[$extra]"
  (cd "$room/elsewhere" && env -i PATH="$room/$extra/bin" HOME="$room/home" "$room/$extra/bin/python" -c "import ${needs[$extra]}")
  (cd "$room/elsewhere" && env -i PATH="$room/$extra/bin" HOME="$room/home" "$room/$extra/bin/registry" --version) > "$room/version.txt"
  echo "[$extra] alone: ${needs[$extra]}"
  rm -rf "${room:?}/$extra"
done

# What the package makes its users install. By their own metadata pyrage names no licence and siwe a wrong one: their
# files say MIT, and MIT or Apache-2.0.
"$tools/pip-licenses" --python "$room/venv/bin/python" --ignore-packages asset-registry pyrage siwe \
  --partial-match --allow-only "MIT;Apache;BSD;ISC;PSF-2.0;Python Software Foundation;MPL 2.0;CC0" --summary
