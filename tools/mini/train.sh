#!/usr/bin/env bash
# Trains the shipped model from nothing: tools/mini/train.sh WORK PYTHON [STAGE ...]. About five hours on two cores. Every stage
# writes checkpoints to WORK and goes on from them when called again; a finished stage is passed over.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mkdir -p "$1" && cd "$1" && pwd)
python=$2
shift 2
export PYTHONPATH=$here PYTHONWARNINGS=ignore

# stage: the file that says it is done, then the command
run() {
  local stage=$1 done=$2
  shift 2
  if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $stage "* ]]; then return; fi
  if [ -e "$work/$done" ]; then echo "$stage: done before"; return; fi
  echo "==> $stage"
  "$@"
}
mini() { "$python" -m "mini.$1" "$work" "${@:2}"; }
wanted=("$@")

run data data/glyphs.json node "$here/render.mjs" "$work/data"
run tokenizer tokenizer/vocab.json mini tokens
run vae vae.pt mini vae --steps 3000
run clip clip.pt mini clip clip --steps 500
run judge judge.safetensors mini judge --steps 500
run vision vision.pt mini clip vision --steps 200
run bank bank.pt mini bank
run unet-first unet-first.pt mini unet --name unet-first --steps 2900 --batch 48 --wide-share 0.1
run unet unet.pt mini unet --from unet-first --steps 5000 --batch 48 --lr 0.0016 --hold 0.35 --wide-share 0.06
run adapter-first adapter-first.pt mini adapter --name adapter-first --steps 2600 --batch 48 --threads 1
run adapter-plus-first adapter-plus-first.pt mini adapter --plus --name adapter-plus-first --steps 2400 --batch 48 --threads 1
later=(--batch 48 --lr 0.0014 --hold 0.1 --size 0.97 --wide-share 0.12 --threads 1)
run adapter-second adapter-second.pt mini adapter --name adapter-second --from adapter-first --steps 1300 "${later[@]}"
run adapter-plus-second adapter-plus-second.pt mini adapter --plus --name adapter-plus-second --from adapter-plus-first --steps 1200 "${later[@]}"
run adapter adapter.pt mini adapter --from adapter-second --steps 400 --misnamed 0.2 "${later[@]}"
run adapter-plus adapter-plus.pt mini adapter --plus --from adapter-plus-second --steps 350 --misnamed 0.2 "${later[@]}"
run control control.pt mini control "$here/../../models/mini" --steps 4200
run t2i-first t2i-first.pt mini control "$here/../../models/mini" --t2i --name t2i-first --steps 6400
run t2i t2i.pt mini control "$here/../../models/mini" --t2i --from t2i-first --steps 1200 --batch 24 --lr 0.001 --hold 0.2 --image-prompts 0.5 --early --consistency 6
run bank-shipped bank-shipped.pt mini bank --model "$here/../../models/mini" --name bank-shipped --seed 141 --core 8000 --wide 2400
run style-first style-first.pt mini style "$here/../../models/mini" --steps 1600
run style style.pt mini style "$here/../../models/mini" --name style --from style-first --steps 2800 --style-share 0.25
run bank-sticker bank-sticker.pt mini bank --look sticker --core 5600 --wide 0
run custom pytorch_lora_weights.safetensors mini lora --steps 600 --batch 48
