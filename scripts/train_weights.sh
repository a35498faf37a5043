#!/bin/sh
# Trains better weights on a machine with a GPU, in one command, and measures them on CTs that no run has seen.
#
#   scripts/train_weights.sh LABEL_MAPS CTS PLACE [MINUTES]
#
# LABEL_MAPS: folder with targets.npz, targets_flare22.npz and backbones.npz. CTS: folder of cases, each with ct.nii.gz and
# a label map label*.nii.gz. PLACE: where everything goes. MINUTES (a whole number): stop about then, saved, with exit code 1;
# the same command goes on where it stopped, and measures when all runs are complete. Needs flareseg[train] on the PATH.
# To carry a run from machine to machine, take PLACE/store without its registration (18 MB; the registration is made again)
# and the stage that is under way (PLACE/PRESET/organs: 18 MB, or abdomen: 29 MB).
set -eu
maps=$1 cts=$2 place=$3 minutes=${4:-}
mkdir -p "$place"
end=$([ -z "$minutes" ] || echo $(($(date +%s) + minutes * 60)))

if [ ! -e "$place/store.ready" ]; then
    flareseg prepare "$maps/targets.npz" "$place/store" --map targets
    flareseg prepare "$maps/targets_flare22.npz" "$place/store" --map flare22
    flareseg prepare "$maps/backbones.npz" "$place/store" --map backbones
    flareseg prepare phantom:4 "$place/store" --as bodies
    touch "$place/store.ready"
fi

# How many minutes are left, as an option; nothing when they do not matter.
time_left() {
    [ -n "$end" ] || return 0
    left=$(((end - $(date +%s)) / 60))
    echo "--minutes $((left > 0 ? left : 0))"
}

# All maps against those with the clearest terms; then the same judged by sources that a fold has not seen.
for preset in flareseg flareseg-clean flareseg-without-flare22 flareseg-without-btcv; do
    # shellcheck disable=SC2046 # two words or none
    flareseg train $preset --store "$place/store" --output "$place/$preset" $(time_left) || exit $?
    echo "$preset, Dice on what judged it:"
    tail -n 1 "$place/$preset/organs/log.csv"
done

mkdir -p "$place/ground_truths" "$place/scans"
for case in "$cts"/*/; do
    [ -e "$case/ct.nii.gz" ] || continue
    set -- "$case"label*.nii.gz
    [ -e "$1" ] || continue
    cp "$case/ct.nii.gz" "$place/scans/$(basename "$case")_0000.nii.gz"
    cp "$1" "$place/ground_truths/$(basename "$case").nii.gz"
done
failed=0
for preset in flareseg flareseg-clean; do
    results=$place/$preset
    flareseg export "$results" --output "$results/weights"
    flareseg segment-folder "$place/scans" "$results/predictions" --weights "$results/weights" \
        --reports "$results/predictions" || failed=1
    flareseg evaluate "$results/predictions" "$place/ground_truths" --output "$results/scores" --scans "$place/scans" || failed=1
    flareseg export "$results" --output "$results/weights" --metrics "$results/scores/summary.json"
done
flareseg rank "all=$place/flareseg/scores" "clean=$place/flareseg-clean/scores"
exit $failed
