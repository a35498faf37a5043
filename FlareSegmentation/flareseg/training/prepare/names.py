"""The tissue of a structure, by the names that data sets use ("kidney_left", "Right kidney", "vertebrae_L3")."""

from __future__ import annotations

import re

from flareseg.training.prepare.values import KIDNEYS
from flareseg.training.tissues import Tissue

# The first rule whose text begins a word of the name holds. Structures of TotalSegmentator (versions 1 and 2), FLARE22,
# BTCV, AMOS and AbdomenAtlas. A cyst is a body of its own there: neither kidney nor air.
_RULES: tuple[tuple[Tissue, tuple[str, ...]], ...] = (
    (Tissue.SOFT, ("kidney_cyst",)),
    (Tissue.ADRENAL, ("adrenal",)),
    (Tissue.LIVER_VESSEL, ("hepatic_vessel", "liver_vessel")),
    (Tissue.ARTERY, ("aorta", "celiac", "coeliac", "artery", "brachiocephalic_trunk")),
    (Tissue.VEIN, ("vein", "veins", "vena", "postcava", "ivc", "portal", "brachiocephalic_vein")),
    (Tissue.MUSCLE, ("muscle", "autochthon", "gluteus", "iliopsoas", "psoas")),
    (Tissue.CARTILAGE, ("costal_cartilage", "intervertebral")),
    (Tissue.BONE, ("bone", "rib_", "vertebra", "hip_", "sacrum", "femur", "humerus", "scapula", "clavicula")),
    (Tissue.BONE, ("sternum", "skull")),
    (Tissue.COLON, ("colon", "rectum")),
    (Tissue.DUODENUM, ("duodenum",)),
    (Tissue.SMALL_BOWEL, ("small_bowel", "small_intestine", "intestine", "bowel")),
    (Tissue.OESOPHAGUS, ("oesophagus", "esophagus")),
    (Tissue.STOMACH, ("stomach",)),
    (Tissue.GALLBLADDER, ("gallbladder", "gall_bladder", "common_bile_duct")),
    (Tissue.BLADDER, ("bladder", "urinary_bladder")),
    (Tissue.HEART, ("heart", "atrial_appendage")),
    (Tissue.LUNG, ("lung",)),
    (Tissue.GAS, ("trachea",)),
    (Tissue.CORD, ("spinal_cord",)),
    (Tissue.SOFT, ("prostate", "uterus", "thyroid", "brain", "face")),
    (Tissue.FAT, ("fat",)),
    (Tissue.WALL, ("skin",)),
    (Tissue.LIVER, ("liver",)),
    (Tissue.SPLEEN, ("spleen",)),
    (Tissue.PANCREAS, ("pancreas", "pancreatic")),
)
_BACKGROUND = ("background", "unlabelled", "unlabeled")


def tissue_name(structure: str) -> str | None:
    """A name of values.VALID_NAMES for a structure; None for one that no rule knows."""
    name = "_" + re.sub(r"[^a-z0-9]+", "_", structure.lower()).strip("_") + "_"
    if name.strip("_") in _BACKGROUND:
        return Tissue.AIR.name.lower()
    if "_kidney" in name and "_kidney_cyst" not in name:
        return _kidney(name)
    found = next((tissue for tissue, texts in _RULES if any(f"_{text}" in name for text in texts)), None)
    return found.name.lower() if found else None


def _kidney(name: str) -> str:
    side = next((side for side in ("right", "left") if f"_{side}_" in name), None)
    return f"{side}_kidney" if side else KIDNEYS
