#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: builds the plugin for it, shows that it computes what it should, and times it beside diffusers.
#
#   bench/cuda.sh [--minutes N] [--peers VENV] [--plugin FILE] [--models sd15,sdxl] [--out FOLDER]
#
# --minutes: nothing new is begun after so long (default 12). --peers: a virtual environment with torch for CUDA and diffusers.
# --plugin: one that was built elsewhere; without it nvcc is needed (docs/cuda.md). Models have random weights, written into
# build/bench-models. Everything is written to FOLDER (default build/cuda-report) as it comes. Ends with 1 where something is wrong.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

minutes=12 peers="" plugin="" models=sd15,sdxl out=build/cuda-report
while [ $# -gt 0 ]; do
  case "$1" in
    --minutes) minutes=$2 ;;
    --peers) peers=$2 ;;
    --plugin) plugin=$2 ;;
    --models) models=$2 ;;
    --out) out=$2 ;;
    *) sed -n '2,9p' "$0" | cut -c3-; exit 2 ;;
  esac
  shift 2
done
mkdir -p "$out"
failed=()
left() { echo $((minutes * 60 - SECONDS)); }

# NAME SECONDS COMMAND...: where there is time; a wrong end is remembered.
step() {
  local name=$1 most=$2 room
  shift 2
  room=$(left)
  [ "$room" -lt "$most" ] && most=$room
  if [ "$most" -lt 10 ]; then echo "left out: $name, there is no time left"; return 0; fi
  echo "==> $name"
  timeout "$most" "$@" >"$out/$name.txt" 2>&1
  local code=$?
  tail -n 4 "$out/$name.txt"
  if [ $code -ne 0 ]; then failed+=("$name (exit code $code)"); fi
  return $code
}

if ! nvidia-smi --query-gpu=index,name,compute_cap,driver_version,memory.total --format=csv >"$out/gpu.txt" 2>&1; then
  echo "no figures: nvidia-smi finds no NVIDIA GPU here"
  exit 0
fi
cat "$out/gpu.txt"

step build 600 npm run --silent build || exit 1
if [ -z "$plugin" ]; then
  arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d '. ')
  plugin=$PWD/build/cuda/this.so
  step plugin 600 node tools/build/cuda.mjs --arch "$arch" --jobs "$(nproc)" --out "$plugin" || exit 1
fi
export NODE_IP_ADAPTER_CUDA="$plugin"

# Right before fast: op by op against the CPU, then every op and network test of the CPU on the device.
step doctor 180 node dist/cli/main.js doctor --device cuda
step ops-f16 120 build/Release/native_tests --report --device cuda-f16 --plugin "$plugin" ^ops_ ^graph_
step ops-f32 120 build/Release/native_tests --report --device cuda-f32 --plugin "$plugin" ^ops_ ^graph_
step networks-f16 180 build/Release/native_tests --report --device cuda-f16 --plugin "$plugin" ^models_ ^pipeline_
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck synccheck; do
    step "sanitizer-$tool" 120 compute-sanitizer --tool "$tool" --error-exitcode 1 \
      build/Release/native_tests --device cuda-f16 --plugin "$plugin" ops_linear ops_attention ops_norm
  done
else
  echo "left out: compute-sanitizer is not installed"
fi

room=$(($(left) / 60))
if [ "$room" -ge 1 ]; then
  step bench $((room * 60 + 30)) npm run --silent bench -- --device cuda:0 --models "$models" --minutes "$room" \
    --json "$PWD/$out/bench.json" ${peers:+--peers "$peers"}
fi

if [ ${#failed[@]} -gt 0 ]; then printf 'failed: %s\n' "${failed[@]}"; exit 1; fi
echo "all right: $out"
