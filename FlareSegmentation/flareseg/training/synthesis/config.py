"""The parameters of the synthesis: the probability of each effect, and the ranges of its values.

Ranges are (low, high); features are sizes in mm of what varies; the HU of the tissues are in phases.py.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from flareseg.training.settings import (
    Amount,
    Counts,
    Length,
    Positive,
    Probability,
    Range,
    Settings,
    TissueName,
    Weight,
)
from flareseg.training.synthesis.gut_config import GutConfig


class CaseSelection(Settings):
    """Which cases: glob patterns of their names or their sources."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()


class CasesConfig(Settings):
    """``scans``: the label maps of CTs serve as organ maps too. ``untrusted``: so do maps with organs whose labels are
    not trusted. ``body_weights``: how often a body is drawn, by pattern; 1 for those that no pattern names."""

    maps: CaseSelection = CaseSelection()
    bodies: CaseSelection = CaseSelection()
    scans: bool = False
    untrusted: bool = False
    body_weights: dict[str, Positive] = Field(default_factory=dict)


class RegistrationConfig(Settings):
    """``spacing_mm``, ``shape``: the grid around the organs on which a body is fitted to them. ``iterations``: steps
    with a coarse and then a finer field. ``bending``, ``stretching``: weights of smoothness. ``batch``: organ maps at a
    time. ``channels``: tissues that are brought together, with their weights."""

    spacing_mm: Positive = 6.0
    shape: tuple[int, int, int] = (72, 48, 64)
    iterations: tuple[int, int] = (60, 100)
    step_mm: tuple[Positive, Positive] = (3.0, 1.5)
    stretching: Weight = 0.25
    bending: Weight = 0.5
    batch: Annotated[int, Field(ge=1)] = 32
    channels: Annotated[dict[TissueName, Positive], Field(min_length=1)] = Field(
        default={
            "liver": 1.0,
            "right_kidney": 1.0,
            "left_kidney": 1.0,
            "spleen": 1.0,
            "pancreas": 1.2,
            "stomach": 0.5,
        }
    )

    @field_validator("shape")
    @classmethod
    def _halves_twice(cls, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        if any(n < 8 or n % 4 for n in shape):
            raise ValueError("each side of the grid must be divisible by 4, and 8 or more")
        return shape


class ViewConfig(Settings):
    """What the grid shows. ``slab``: scans of both stages that are only ``slab_mm`` high, somewhere on the organs.

    ORGANS: ``margin_mm`` around the organs, now and then ``far_margin_mm`` more along one axis; ``cut_share`` of the
    organs' height is missing in scans that end within them. ABDOMEN: ``half_width_mm`` of the square slices,
    ``centre_mm`` (mean and SD along j, i) of their middle off the organs'; scans that end near the organs
    (``short_mm`` beyond them) or further away (``long_mm``).

    Without any organ, where the body goes on for long enough below or above them: ``nothing`` of the ABDOMEN samples,
    scans of ``nothing_mm`` whose half width is times ``narrow`` (those of heads are); ``nothing_in_box`` of the ORGANS
    samples, as high and half as wide as a wrong ROI may be."""

    margin_mm: Range = (3.0, 42.0)
    far_margin: Probability = 0.12
    far_margin_mm: Amount = (0.0, 60.0)
    cut: Probability = 0.25
    cut_share: Amount = (0.0, 0.6)
    slab: Probability = 0.1
    slab_mm: Length = (50.0, 130.0)
    nothing: Probability = 0.2
    nothing_mm: Length = (100.0, 450.0)
    narrow: Length = (0.55, 1.0)
    nothing_in_box: Probability = 0.04
    wrong_box_mm: Length = (100.0, 250.0)
    wrong_box_half_mm: Length = (70.0, 170.0)
    half_width_mm: Length = (160.0, 270.0)
    centre_j_mm: Range = (-15.0, 35.0)
    centre_i_sd_mm: Weight = 12.0
    short: Probability = 0.5
    short_mm: Range = (-60.0, 60.0)
    long_mm: Amount = (0.0, 420.0)


class ElsewhereConfig(Settings):
    """What some of the scans without an organ show instead of a part of a body: a ``head``, or a ``phantom`` for checks
    of scanners. ``head_radii_mm``: along (k, j, i)."""

    head: Probability = 0.35
    head_radii_mm: tuple[Length, Length, Length] = ((85.0, 115.0), (85.0, 105.0), (65.0, 82.0))
    skull_mm: Length = (4.0, 10.0)
    phantom: Probability = 0.1
    phantom_radius_mm: Length = (60.0, 160.0)
    rods: Annotated[int, Field(ge=0)] = 6
    rod_radius_mm: Length = (5.0, 30.0)


class DeformationConfig(Settings):
    """``rotation_degrees``: SD about the axes k, j, i. Bends with features of ``coarse_mm`` and ``fine_mm`` and an SD
    drawn from ``coarse_sd_mm`` and ``fine_sd_mm``. ``missing_slice``: ``missing_mm`` of the patient are left out of
    the scan, whose slices are taken as even all the same."""

    rotation_degrees: tuple[Weight, Weight, Weight] = (4.8, 2.8, 2.8)
    coarse_mm: Positive = 70.0
    coarse_sd_mm: Amount = (0.0, 7.8)
    fine_mm: Positive = 28.0
    fine_sd_mm: Amount = (0.0, 2.3)
    missing_slice: Probability = 0.05
    missing_mm: Length = (2.0, 8.0)


class SurgeryConfig(Settings):
    """How likely each organ, or a part of it, has been taken out. ``offset_mm``: where the cut through liver or
    pancreas lies, from the middle of the organ; what is beyond it is gone."""

    kidney: Probability = 0.03
    spleen: Probability = 0.03
    part_of_liver: Probability = 0.05
    part_of_pancreas: Probability = 0.03
    offset_mm: Range = (-10.0, 45.0)


class BodyConfig(Settings):
    """``wobble``: bends of the body against the organs. ``new_layers``: a body whose skin was labelled gets other
    layers of ``muscle_mm`` and ``fat_mm`` (bare bodies always do), of ``skin_mm``; ``fat_variation``: relative SD round
    the body. ``shield_mm``: no air within it of an organ."""

    wobble_mm: Positive = 60.0
    wobble_sd_mm: Amount = (0.0, 3.3)
    new_layers: Probability = 0.5
    muscle_mm: Amount = (0.0, 9.0)
    fat_mm: Length = (5.0, 45.0)
    fat_variation: Weight = 0.35
    fat_in_front: Range = (-0.5, 0.5)
    skin_mm: Positive = 2.2
    shield_mm: Positive = 8.0


class AtrophyConfig(Settings):
    """A pancreas that has lost some of its surface. ``peel``: the share of pancreas around a voxel below which it is
    lost, where a field with ``feature_mm`` is above a threshold from ``patchy`` (in SD)."""

    probability: Probability = 0.22
    peel: Range = (0.5, 0.8)
    feature_mm: Positive = 25.0
    patchy: Range = (-1.5, 0.8)


class NeighboursConfig(Settings):
    """Vessels and bowel loops in the fat within ``reach_mm`` of the pancreas, where they are easily taken for it.
    ``vessel_radius``: in SD of the fields they are cut from; ``loop_threshold``: in SD, the lower the larger.
    ``contacts``: heart, stomach, vena cava and others that touch an organ, with no fat or lung between the two where
    both are within ``contact_mm``. ``lean``: bowel and muscle instead of fat within ``lean_mm`` of the organs, but for
    the share of it where a field is within ``lean_gap`` (SD)."""

    reach_mm: Positive = 18.0
    vessels: Probability = 0.35
    vessel_mm: Length = (20.0, 40.0)
    vessel_radius: Amount = (0.15, 0.4)
    loops: Probability = 0.3
    loop_mm: Length = (18.0, 34.0)
    loop_threshold: Range = (0.5, 1.6)
    contacts: Probability = 0.35
    contact_mm: Length = (4.0, 10.0)
    lean: Probability = 0.12
    lean_mm: Length = (6.0, 18.0)
    lean_gap: Amount = (0.1, 0.6)


class PhasesConfig(Settings):
    """``weights`` of the contrast phases: native, arterial, portal venous, late. ``jitter_sd``: HU, of each tissue.
    ``unusual``: organs with any enhancement within ``unusual_hu``. ``alike``: tissues beside an organ that enhance as
    it does, but for ``alike_sd`` HU."""

    weights: tuple[Weight, Weight, Weight, Weight] = (0.27, 0.2, 0.4, 0.13)
    jitter_sd: Weight = 5.0
    fatty_liver: Probability = 0.15
    fatty_liver_loss: Amount = (10.0, 50.0)
    dense_bile: Probability = 0.15
    dense_bile_hu: Range = (40.0, 200.0)
    liver_vessels_seen: Probability = 0.7
    unusual: Probability = 0.12
    unusual_hu: Range = (20.0, 190.0)
    alike: Probability = 0.3
    alike_sd: Weight = 6.0

    @field_validator("weights")
    @classmethod
    def _one_above_zero(cls, weights: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        if not sum(weights):
            raise ValueError("one contrast phase at least needs a weight above 0")
        return weights


class TextureConfig(Settings):
    """``fine_voxels``: SD of the grain's blur. ``coarse_mm``: size of the mottling."""

    fine_voxels: Amount = (0.5, 1.1)
    fine_share: Weight = 0.6
    coarse_mm: Length = (9.0, 16.0)
    coarse_share: Weight = 0.8


class ParenchymaConfig(Settings):
    """``mottled_spleen``: the striped spleen of the arterial phase, ``stripe_hu`` up and down.
    ``lobulated_pancreas``: fat between its lobules, of ``lobule_mm``, where a field is above ``fat_threshold`` (SD)."""

    mottled_spleen: Probability = 0.6
    stripe_hu: Amount = (10.0, 40.0)
    stripe_mm: Positive = 30.0
    lobulated_pancreas: Probability = 0.6
    lobule_mm: Length = (6.0, 12.0)
    fat_threshold: Range = (0.7, 2.2)


class VesselsConfig(Settings):
    """Tubes in liver, abdominal fat and lungs, and ``blobs`` of soft tissue in the fat that no label names (nodes,
    gut). Radii and thresholds are in SD of the fields they are cut from."""

    liver_mm: Length = (28.0, 50.0)
    liver_radius: Amount = (0.12, 0.3)
    liver_contrast: Range = (0.3, 1.0)
    more_in_liver: Probability = 0.5
    more_mm: Length = (20.0, 40.0)
    more_radius: Amount = (0.08, 0.2)
    fat_mm: Length = (18.0, 40.0)
    fat_radius: Amount = (0.15, 0.4)
    blobs: Probability = 0.5
    blob_mm: Length = (25.0, 60.0)
    blob_threshold: Range = (1.2, 3.0)
    lung_mm: Length = (25.0, 45.0)
    lung_radius: Amount = (0.1, 0.25)


class LungsConfig(Settings):
    """Collapsed lung or effusion at the back. ``threshold``: in SD, the lower the more lung is lost."""

    effusion: Probability = 0.2
    feature_mm: Positive = 90.0
    threshold: Range = (1.0, 2.5)


class KidneysConfig(Settings):
    """Medulla lies where the share of kidney in a box of ``medulla_depth_mm`` is above ``medulla_share`` and a field of
    ``pyramid_mm`` above ``pyramid_threshold`` (SD); the pelvis deeper. ``fatty_sinus``: fat instead of urine."""

    medulla_depth_mm: Positive = 15.0
    medulla_share: Range = (0.7, 0.85)
    pyramid_mm: Length = (10.0, 16.0)
    pyramid_threshold: Range = (-0.6, 0.6)
    pelvis_depth_mm: Positive = 18.0
    pelvis_share: Probability = 0.93
    pelvis_mm: Positive = 20.0
    pelvis_threshold: Range = (0.2, 2.0)
    fatty_sinus: Probability = 0.4


class Lesions(Settings):
    """``count`` at most; ``radius_mm`` of the largest, others are down to 40 % of it."""

    probability: Probability
    count: Annotated[int, Field(ge=1)]
    radius_mm: Length


class LesionsConfig(Settings):
    """Cysts and tumours, which keep their organ's label. ``contrast_hu``: of tumours, darker twice as often as
    brighter. ``roughness``: of the outline."""

    liver: Lesions = Lesions(probability=0.35, count=5, radius_mm=(4.0, 28.0))
    kidneys: Lesions = Lesions(probability=0.3, count=4, radius_mm=(4.0, 22.0))
    spleen: Lesions = Lesions(probability=0.12, count=2, radius_mm=(4.0, 20.0))
    pancreas: Lesions = Lesions(probability=0.12, count=1, radius_mm=(4.0, 14.0))
    cyst: Probability = 0.5
    contrast_hu: Amount = (10.0, 60.0)
    roughness: Weight = 0.35


class TableConfig(Settings):
    """``gap_mm`` below the body, ``thickness_mm``; its ends rise by ``curve`` of the grid's height at most."""

    probability: Probability = 0.6
    gap_mm: Amount = (0.0, 6.0)
    thickness_mm: Length = (3.0, 25.0)
    shell_mm: Positive = 2.0
    curve: Amount = (0.0, 0.15)
    foam_hu: Range = (-900.0, -300.0)
    shell_hu: Range = (-400.0, 150.0)


class ArmsConfig(Settings):
    """Arms beside the body. ``one``: how likely only one of them lies there."""

    probability: Probability = 0.12
    one: Probability = 0.25
    radius_mm: Length = (32.0, 55.0)
    gap_mm: Range = (-12.0, 25.0)
    bone_mm: Length = (8.0, 13.0)
    fat_mm: Length = (3.0, 14.0)


class MetalConfig(Settings):
    """Clips, screws and leads, ``count`` at most, with the bright and dark streaks of their slices."""

    probability: Probability = 0.06
    count: Annotated[int, Field(ge=1)] = 3
    radius_mm: Length = (1.5, 6.0)
    in_bone: Probability = 0.5
    hu: Range = (2000.0, 3000.0)
    streak_hu: Amount = (30.0, 250.0)
    streak_reach_mm: Length = (15.0, 60.0)
    rays: Counts = (3, 15)


class AcquisitionConfig(Settings):
    """What the scanner does. ``shading_hu``: SD of slow drifts. ``blur_k_voxels``, ``blur_ji_voxels``: SD of the point
    spread. Slices of ``thickness_mm``, averaged or (``thin_gaps``) sampled. ``noise_hu``: SD, each octave as likely;
    ``grain_*_voxels``: SD of its blur. ``streaks``: horizontal, as between shoulders or arms. ``gain``, ``offset_sd``:
    calibration."""

    shading_hu: Amount = (0.0, 6.0)
    blur_k_voxels: Amount = (0.2, 1.1)
    blur_ji_voxels: Amount = (0.3, 0.95)
    thick: Probability = 0.5
    thickness_mm: Length = (3.0, 10.0)
    thin_gaps: Probability = 0.3
    noise_hu: Length = (2.0, 32.0)
    grain_k_voxels: Amount = (0.0, 0.8)
    grain_ji_voxels: Amount = (0.0, 1.1)
    streaks: Probability = 0.15
    streak_hu: Amount = (4.0, 18.0)
    gain: Length = (0.96, 1.04)
    offset_sd: Weight = 5.0


class FieldOfViewConfig(Settings):
    """The round field of a scanner: outside it lies padding, and nothing has a label. ``radius_mm`` about the middle of
    the slices."""

    probability: Probability = 0.2
    radius_mm: Length = (170.0, 260.0)
    paddings_hu: tuple[float, ...] = (-1000.0, -1024.0, -2000.0, -2048.0, -3024.0)


class SynthesisConfig(Settings):
    """All of the synthesis."""

    cases: CasesConfig = CasesConfig()
    registration: RegistrationConfig = RegistrationConfig()
    view: ViewConfig = ViewConfig()
    elsewhere: ElsewhereConfig = ElsewhereConfig()
    deformation: DeformationConfig = DeformationConfig()
    surgery: SurgeryConfig = SurgeryConfig()
    body: BodyConfig = BodyConfig()
    atrophy: AtrophyConfig = AtrophyConfig()
    neighbours: NeighboursConfig = NeighboursConfig()
    phases: PhasesConfig = PhasesConfig()
    texture: TextureConfig = TextureConfig()
    parenchyma: ParenchymaConfig = ParenchymaConfig()
    gut: GutConfig = GutConfig()
    vessels: VesselsConfig = VesselsConfig()
    lungs: LungsConfig = LungsConfig()
    kidneys: KidneysConfig = KidneysConfig()
    lesions: LesionsConfig = LesionsConfig()
    table: TableConfig = TableConfig()
    arms: ArmsConfig = ArmsConfig()
    metal: MetalConfig = MetalConfig()
    acquisition: AcquisitionConfig = AcquisitionConfig()
    field_of_view: FieldOfViewConfig = FieldOfViewConfig()
