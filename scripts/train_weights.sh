#!/bin/sh
# Trains better weights on a machine with a GPU, in one command, and measures them on CTs that no run has seen.
#
#   scripts/train_weights.sh LABEL_MAPS CTS PLACE [MINUTES]
#
# LABEL_MAPS: folder with targets.npz, targets_flare22.npz and backbones.npz. CTS: folder of cases, each with ct.nii.gz and
# a label map label*.nii.gz. PLACE: where everything goes (under 60 MB besides pictures). MINUTES: stop after so many, saved;
# the same command goes on where it stopped, and measures when all runs are complete. Needs flareseg[train] on the PATH.
set -eu
maps=$1 cts=$2 place=$3 minutes=${4:-}
sources=$(python -c 'import flareseg.training, pathlib; print(pathlib.Path(flareseg.training.__file__).parent / "sources")')
mkdir -p "$place"

if [ ! -e "$place/store.ready" ]; then
    flareseg prepare "$maps/targets.npz" "$place/store" --map "$sources/targets.yaml"
    flareseg prepare "$maps/targets_flare22.npz" "$place/store" --map "$sources/flare22.yaml"
    flareseg prepare "$maps/backbones.npz" "$place/store" --map "$sources/backbones.yaml"
    flareseg prepare phantom:4 "$place/store" --as bodies
    touch "$place/store.ready"
fi

# All maps against those with the clearest terms; then the same held to sources that a fold has not seen.
end=$([ -z "$minutes" ] || echo $(($(date +%s) + minutes * 60)))
for preset in flareseg flareseg-clean flareseg-without-flare22 flareseg-without-btcv; do
    left=$([ -z "$end" ] || echo "--minutes $(( (end - $(date +%s)) / 60 ))")
    # shellcheck disable=SC2086 # two words or none
    flareseg train $preset --store "$place/store" --output "$place/$preset" $left || exit $?
    flareseg export "$place/$preset" --output "$place/$preset/weights"
done

mkdir -p "$place/truths" "$place/scans"
for case in "$cts"/*/; do
    [ -e "$case/ct.nii.gz" ] || continue
    set -- "$case"/label*.nii.gz
    [ -e "$1" ] || continue
    cp "$case/ct.nii.gz" "$place/scans/$(basename "$case")_0000.nii.gz"
    cp "$1" "$place/truths/$(basename "$case").nii.gz"
done
for preset in flareseg flareseg-clean; do
    flareseg segment-folder "$place/scans" "$place/$preset/predictions" --weights "$place/$preset/weights" \
        --reports "$place/$preset/predictions"
    flareseg evaluate "$place/$preset/predictions" "$place/truths" --output "$place/$preset/scores" --scans "$place/scans"
    flareseg export "$place/$preset" --output "$place/$preset/weights" --metrics "$place/$preset/scores/summary.json"
done
flareseg rank "all=$place/flareseg/scores" "clean=$place/flareseg-clean/scores"
