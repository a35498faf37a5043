"""The source of synthetic CT samples, which applies all effects in order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flareseg.inference.resample import Size
from flareseg.training.chance import Chance
from flareseg.training.sample import Sample, Stage
from flareseg.training.store import Store
from flareseg.training.synthesis.acquisition import acquired, round_field
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.cases import Body, OrganMap, bodies, organ_maps
from flareseg.training.synthesis.composition import atrophied, body_around, joined, shielded
from flareseg.training.synthesis.config import SynthesisConfig
from flareseg.training.synthesis.deformation import deformed
from flareseg.training.synthesis.elsewhere import elsewhere
from flareseg.training.synthesis.fields import Field, Fields
from flareseg.training.synthesis.gut import gut
from flareseg.training.synthesis.kidneys import kidneys
from flareseg.training.synthesis.lesions import lesions
from flareseg.training.synthesis.lungs import effusion
from flareseg.training.synthesis.masks import lookup
from flareseg.training.synthesis.neighbours import with_neighbours
from flareseg.training.synthesis.parenchyma import lobulated_pancreas, marrow, mottled_spleen
from flareseg.training.synthesis.phases import palette
from flareseg.training.synthesis.registration import registered
from flareseg.training.synthesis.shares import organ_shares
from flareseg.training.synthesis.surgery import operated
from flareseg.training.synthesis.surroundings import metal, table, with_arms
from flareseg.training.synthesis.texture import Scene, grain, painted
from flareseg.training.synthesis.vessels import fat_vessels, liver_vessels, lung_vessels, soft_blobs
from flareseg.training.synthesis.view import View, view
from flareseg.training.tissues import label_table

LOWEST_HU = -4096.0  # of any padding
HIGHEST_HU = 3071.0  # of a 12-bit scanner


@dataclass(frozen=True)
class _Pair:
    case: OrganMap
    body: Body
    field: Field


class Synthesizer:
    """Makes CTs of synthetic patients from the organ maps and bodies of a store.

    ``fields``: the registration (register_store); by default it is read from the store's folder, or made and kept
    there. ``fractions``: samples tell the share of each organ in each voxel.
    Raises DataError when the store lacks organ maps or bodies that ``config`` allows, or ``fields`` are of
    other cases.
    """

    def __init__(
        self,
        store: Store,
        config: SynthesisConfig,
        device: torch.device | str,
        fields: Fields | None = None,
        fractions: bool = False,
    ) -> None:
        self._config, self._fractions = config, fractions
        self._device = torch.device(device)
        self._maps = organ_maps(store, config.cases, self._device)
        self._bodies = bodies(store, config.cases, self._device)
        fields = fields or registered(store, self._maps, self._bodies, config.registration)
        self._fields = {
            (case.name, body.name): fields.of(case, body).to(self._device)
            for case in self._maps
            for body in self._bodies
        }
        self._labels = torch.from_numpy(label_table()).to(self._device)

    @torch.no_grad()
    def sample(self, stage: Stage, grid: Size, chance: Chance) -> Sample:
        """A new patient. ``chance`` must be on the synthesizer's device."""
        pair = self._draw(chance)
        shown = view(stage, grid, pair.case, pair.field.body_height(pair.body.top_mm), self._config.view, chance)
        points = deformed(shown.points(self._device), shown, self._config.deformation, chance)
        anatomy = None if shown.shows_organs else elsewhere(shown, self._config.elsewhere, chance)
        anatomy = anatomy or self._anatomy(pair, shown, points, chance)
        labels = self._labels[anatomy.tissues]
        image = self._image(anatomy, chance)
        image, labels = round_field(image, labels, shown, self._config.field_of_view, chance)
        shares = organ_shares(labels, pair.case, points, self._labels) if self._fractions else None
        return Sample(image.clamp(LOWEST_HU, HIGHEST_HU), labels, shares, shown.voxel).continued(grid[0])

    def _anatomy(self, pair: _Pair, shown: View, points: Tensor, chance: Chance) -> Anatomy:
        """Which tissue lies where. ``points``: (3, k, j, i), mm of the voxel centres in the organ map."""
        config = self._config
        organs = lookup(pair.case.tissues, points, pair.case.spacing).int()
        organs = operated(organs, points, pair.case, config.surgery, chance)
        around = body_around(points, shown, pair.case, pair.body, pair.field, config.body, chance)
        anatomy = Anatomy(joined(organs, around), shown.voxel)
        anatomy = replace(anatomy, tissues=atrophied(anatomy, config.atrophy, chance))
        anatomy = with_neighbours(anatomy, config.neighbours, chance)
        anatomy = replace(anatomy, tissues=shielded(anatomy, config.body))
        return replace(anatomy, tissues=with_arms(anatomy, config.arms, chance))

    def _image(self, anatomy: Anatomy, chance: Chance) -> Tensor:
        """HU (k, j, i) of the anatomy as scanned."""
        config = self._config
        scene = Scene(anatomy, palette(config.phases, chance), grain(anatomy, config.texture, chance))
        hu = marrow(painted(scene), scene)
        hu = gut(hu, scene, config.gut, chance)
        hu = liver_vessels(hu, scene, config.vessels, chance)
        hu = fat_vessels(hu, scene, config.vessels, chance)
        hu = soft_blobs(hu, scene, config.vessels, chance)
        hu = lung_vessels(hu, scene, config.vessels, chance)
        hu = effusion(hu, scene, config.lungs, chance)
        hu = kidneys(hu, scene, config.kidneys, chance)
        hu = mottled_spleen(hu, scene, config.parenchyma, chance)
        hu = lobulated_pancreas(hu, scene, config.parenchyma, chance)
        hu = lesions(hu, scene, config.lesions, chance)
        hu = metal(hu, anatomy, config.metal, chance)
        hu = table(hu, anatomy, config.table, chance)
        return acquired(hu, anatomy, config.acquisition, chance)

    def _draw(self, chance: Chance) -> _Pair:
        case = chance.choose(self._maps)
        body = chance.choose(self._bodies, [body.weight for body in self._bodies])
        return _Pair(case, body, self._fields[case.name, body.name])
