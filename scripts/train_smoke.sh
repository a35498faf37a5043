#!/bin/sh
# The training chain in small: phantoms become a data set, a store, samples, weights, a segmentation, and a scored report.
# Everything stays under the folder given (build/train-smoke by default). Needs flareseg[train] on the PATH.
set -eu
place=${1:-build/train-smoke}
if [ -e "$place" ] && [ ! -e "$place/data/dataset.json" ]; then
    echo "$place is there and is not of an earlier trial: give another folder." >&2
    exit 2
fi
rm -rf "$place"
mkdir -p "$place/data/imagesTr" "$place/data/labelsTr"

for seed in 0 1 2; do
    flareseg phantom "$place/phantom" --seed $seed --size 128,128,80 --spacing 3,3,4
    mv "$place/phantom/ct.nii.gz" "$place/data/imagesTr/train_00${seed}_0000.nii.gz"
    mv "$place/phantom/labels.nii.gz" "$place/data/labelsTr/train_00$seed.nii.gz"
done
cat > "$place/data/dataset.json" << 'EOF'
{"channel_names": {"0": "CT"}, "numTraining": 3, "file_ending": ".nii.gz",
 "labels": {"background": 0, "liver": 1, "kidney": 2, "spleen": 3, "pancreas": 4}}
EOF

flareseg prepare "$place/data" "$place/store" --licence "none needed: a phantom" --spacing 3
flareseg prepare phantom:4 "$place/store" --as organs --spacing 3
flareseg prepare phantom:2 "$place/store" --as bodies --spacing 4
flareseg train smoke --store "$place/store" --output "$place/run" --device cpu --preview
flareseg train smoke --store "$place/store" --output "$place/run" --device cpu
flareseg export "$place/run" --output "$place/weights"
flareseg segment-folder "$place/data/imagesTr" "$place/predictions" --weights "$place/weights" --device cpu \
    --reports "$place/predictions" || true
flareseg evaluate "$place/predictions" "$place/data/labelsTr" --output "$place/scores" --scans "$place/data/imagesTr"
echo "Pictures: $place/run/preview-organs.png, $place/run/organs/curves.png; report: $place/scores/report/index.html"
