#!/usr/bin/env bash
# Put the native tools that came with the npm packages into .bin, and the compiler where its users look for it.
# npm's own wrappers of forge and anvil exit 0 when the tool failed, so they are never on the path.
set -euo pipefail
cd "$(dirname "$0")/../.."
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-amd64 ;;
  Linux-aarch64 | Linux-arm64) platform=linux-arm64 ;;
  Darwin-arm64) platform=darwin-arm64 ;;
  Darwin-x86_64) platform=darwin-amd64 ;;
  *) echo "no forge and anvil for $(uname -s) $(uname -m)" >&2; exit 1 ;;
esac
mkdir -p .bin .solcx
for tool in anvil forge; do
  native="node_modules/@foundry-rs/$tool-$platform/bin/$tool"
  test -x "$native" || { echo "$native is missing: npm left the package of this platform out" >&2; exit 1; }
  ln -sfn "../$native" ".bin/$tool"
done
version=$(node -p 'require("solc/package.json").version')
ln -sfn ../scripts/_toolchain/solc.cjs ".solcx/solc-v$version"
