#!/bin/sh
# Makes the folder that goes to a GPU machine without network: wheels, training store, two CTs with labels, scripts.
#
#   sh prepare.sh KIT DATA [measure]
#
# With "measure" the kit is for run.py --measure alone: without what training needs, and with SimpleITK, which is too large
# beside that. Run it in the root of a project checkout whose .venv holds flareseg[train], or name another Python: PYTHON=python3.12.
# DATA holds label_maps/ and ct/.
# What is in KIT already is kept, so a second call is quick. Fails if KIT is above 45 MB.
set -eu
python=${PYTHON:-.venv/bin/python}
kit=$1 data=$2 purpose=${3:-train} here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$kit/wheels" "$kit/ct"
for file in run.py steps.py job.py checks.py timing.py variants.py processes.py training.py step_parts.py kit_fixtures.py shipped.yaml scratch.yaml rehearsal.yaml README.md; do
    [ "$here/$file" -ef "$kit/$file" ] || cp "$here/$file" "$kit/$file"
done

# Wheels for the GPU machine's Python 3.12, of which it lacks these.
download() {
    "$python" -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux2014_x86_64 -d "$@"
}
download "$kit/wheels" connected-components-3d==4.1.1 dynamic-network-architectures==0.4.4
if [ "$purpose" = measure ]; then
    [ -e "$kit/simpleitk.tar.xz" ] || {
        download "$kit/simpleitk" simpleitk==2.5.7
        "$python" - "$kit" <<'PYTHON'
import shutil, sys, tarfile, zipfile
from pathlib import Path

kit = Path(sys.argv[1])
(wheel,) = (kit / "simpleitk").glob("*.whl")
zipfile.ZipFile(wheel).extractall(kit / "simpleitk" / "site")
with tarfile.open(kit / "simpleitk.part", "w:xz") as archive:  # 29 MB; 52 as a wheel
    archive.add(kit / "simpleitk" / "site", arcname=".")
(kit / "simpleitk.part").rename(kit / "simpleitk.tar.xz")
shutil.rmtree(kit / "simpleitk")
PYTHON
    }
else
    download "$kit/wheels" monai==1.6.1 pydantic==2.14.3 pydantic_core==2.50.4 annotated-types==0.8.0 \
        typing-inspection==0.4.5 typing_extensions==4.15.0 lightning-fabric==2.6.6
    import_cases() {
        said=$("$python" -m flareseg prepare "$@") || { echo "$said" >&2; exit 1; }
        echo "$said" | tail -n 1
    }
    import_cases "$data/label_maps/targets.npz" "$kit/store" --map targets
    import_cases "$data/label_maps/targets_flare22.npz" "$kit/store" --map flare22
    import_cases "$data/label_maps/backbones.npz" "$kit/store" --map backbones
    import_cases phantom:4 "$kit/store" --as bodies
fi

"$python" - "$data/ct" "$kit" <<'PYTHON'
import hashlib, io, json, sys, zipfile
from pathlib import Path

import numpy as np
from flareseg.io.reading import read_volume

source, kit = map(Path, sys.argv[1:])


def write(path, arrays):
    """An .npz that numpy.load reads as any other, a third smaller."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_LZMA)


for case, labels in (("spl_abdomen", "label.nii.gz"), ("totalsegmentator_example", "label_model.nii.gz")):
    scan, ground_truth = read_volume(source / case / "ct.nii.gz"), read_volume(source / case / labels)
    if not scan.geometry.is_close_to(ground_truth.geometry):
        sys.exit(f"{case}: the labels do not lie on the grid of the CT")
    voxels, marks = np.rint(scan.voxels).clip(-32768, 32767).astype(np.int16), ground_truth.voxels.astype(np.uint8)
    write(kit / "ct" / f"{case}.npz", {"voxels": voxels, "labels": marks, "ijk_to_ras": scan.geometry.ijk_to_ras()})

if not (kit / "store").exists():
    sys.exit()
index, ledger = (json.loads((kit / "store" / name).read_text()) for name in ("store.json", "prepared.json"))
for facts in index["cases"]:
    path = kit / "store" / "cases" / f"{facts['name']}.npz"
    if zipfile.ZipFile(path).infolist()[0].compress_type == zipfile.ZIP_LZMA:
        continue
    with np.load(path) as file:
        write(path, dict(file))
    facts["sha256"] = ledger[facts["name"]][1] = hashlib.sha256(path.read_bytes()).hexdigest()
(kit / "store" / "store.json").write_text(json.dumps(index, indent=1))
(kit / "store" / "prepared.json").write_text(json.dumps(ledger, indent=1))
PYTHON

rm -f "$kit"/store/registration-*.safetensors # 60 MB; the GPU makes it again
bytes() { du -sb "$1" | cut -f 1; }
for part in wheels store ct simpleitk.tar.xz; do
    [ ! -e "$kit/$part" ] || echo "$part: $(($(bytes "$kit/$part") / 1000)) kB"
done
echo "$kit: $(($(bytes "$kit") / 1000)) kB"
[ "$(bytes "$kit")" -le 45000000 ] || { echo "above 45 MB" >&2; exit 1; }
