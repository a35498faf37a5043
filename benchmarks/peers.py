"""The peers, run by nnU-Net's own predictor: FLARE21's nnU-Net baseline, TotalSegmentator's 3 mm and 6 mm networks.

Weights are random: time and memory of a network do not depend on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from flareseg.core.geometry import Vector
from flareseg.core.measure import StageClock
from flareseg.inference.resample import Size
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import nn

from benchmarks.methods import NNUNET, TOTAL_FAST, TOTAL_FASTEST
from benchmarks.sampling import SampledNetwork
from benchmarks.subject import Subject

CONFIGURATION = "3d_fullres"
_HALVES = (2, 2, 2)


@dataclass(frozen=True)
class Configuration:
    """What nnU-Net's plans say of a network; sizes, strides and spacing (mm) in (k, j, i) order."""

    features: tuple[int, ...]
    strides: tuple[Size, ...]
    patch: Size
    spacing: Vector
    classes: int
    step: float

    def network(self) -> nn.Module:
        """A PlainConvUNet as nnU-Net builds it: two convolutions a stage, instance norm, leaky ReLU."""
        stages = len(self.features)
        return PlainConvUNet(
            input_channels=1,
            n_stages=stages,
            features_per_stage=list(self.features),
            conv_op=nn.Conv3d,
            kernel_sizes=[[3, 3, 3]] * stages,
            strides=[list(stride) for stride in self.strides],
            n_conv_per_stage=2,
            num_classes=self.classes,
            n_conv_per_stage_decoder=2,
            conv_bias=True,
            norm_op=nn.InstanceNorm3d,
            norm_op_kwargs={"eps": 1e-5, "affine": True},
            nonlin=nn.LeakyReLU,
            nonlin_kwargs={"inplace": True},
        )

    def plans(self) -> dict[str, Any]:
        """What of a plans file the predictor asks for, with nnU-Net's default resampling and CT normalisation."""
        resampling: dict[str, Any] = {}
        for what, order in (("data", 3), ("seg", 1), ("probabilities", 1)):
            resampling[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
            resampling[f"resampling_fn_{what}_kwargs"] = {
                "is_seg": what == "seg",
                "order": order,
                "order_z": 0,
                "force_separate_z": None,
            }
        configuration = {
            "preprocessor_name": "DefaultPreprocessor",
            "patch_size": list(self.patch),
            "spacing": list(self.spacing),
            "normalization_schemes": ["CTNormalization"],
            "use_mask_for_norm": [False],
            "architecture": {},
            **resampling,
        }
        # intensities of abdominal organs; they change no time
        intensities = {"mean": 80.0, "std": 140.0, "percentile_00_5": -960.0, "percentile_99_5": 330.0}
        return {
            "image_reader_writer": "SimpleITKIO",
            "transpose_forward": [0, 1, 2],
            "transpose_backward": [0, 1, 2],
            "foreground_intensity_properties_per_channel": {"0": intensities},
            "configurations": {CONFIGURATION: configuration},
        }


BASELINE = Configuration(
    features=(32, 64, 128, 256, 320, 320),
    strides=((1, 1, 1), *[_HALVES] * 4, (1, 2, 2)),
    patch=(80, 192, 160),
    spacing=(2.5, 0.8, 0.8),
    classes=5,
    step=0.5,
)
FAST = Configuration(
    features=(32, 64, 128, 256, 320),
    strides=((1, 1, 1), *[_HALVES] * 4),
    patch=(112, 112, 128),
    spacing=(3.0, 3.0, 3.0),
    classes=118,
    step=0.8,
)
# The plans lie with the weights only. The network is that of 3 mm; four halvings of every axis, planned by nnU-Net for
# bodies of about 60 voxels, make a patch of 64.
FASTEST = replace(FAST, patch=(64, 64, 64), spacing=(6.0, 6.0, 6.0))


@dataclass
class Image:
    """``voxels`` float32 (1, k, j, i) in HU and nnU-Net's ``properties`` of them."""

    voxels: np.ndarray
    properties: dict[str, Any]


def load(method: str, device: str) -> NnUnet:
    """A peer of METHODS on "cuda", where it runs whole, or on "cpu", where its network is sampled."""
    if method == NNUNET:
        return NnUnet(BASELINE, device)
    return TotalSegmentator({TOTAL_FAST: FAST, TOTAL_FASTEST: FASTEST}[method], device)


class NnUnet(Subject):
    """A configuration run by nnUNetPredictor, between nnU-Net's own reading, preprocessing and export."""

    def __init__(self, configuration: Configuration, device: str) -> None:
        self._configuration, self._device = configuration, torch.device(device)
        self.dtype = "float32" if device == "cpu" else "float16 by autocast"
        network = configuration.network()
        self.sampled = SampledNetwork(network) if device == "cpu" else None
        labels = {"background": 0, **{f"organ {n}": n for n in range(1, configuration.classes)}}
        self._dataset = {"labels": labels, "channel_names": {"0": "CT"}, "file_ending": ".nii.gz"}
        self._plans = PlansManager(configuration.plans())
        self._predictor = nnUNetPredictor(
            tile_step_size=configuration.step,
            use_mirroring=False,
            perform_everything_on_device=device != "cpu",
            device=self._device,
            allow_tqdm=False,
        )
        self._predictor.manual_initialization(
            network=self.sampled or network,
            plans_manager=self._plans,
            configuration_manager=self._plans.get_configuration(CONFIGURATION),
            parameters=[(self.sampled or network).state_dict()],
            dataset_json=self._dataset,
            trainer_name="nnUNetTrainer",
            inference_allowed_mirroring_axes=None,
        )

    def read(self, scan: Path) -> Image:
        return Image(*SimpleITKIO().read_images([str(scan)]))

    def segment(self, image: Image, clock: StageClock) -> np.ndarray:
        if self.sampled:
            self.sampled.begin()
        clock.synchronise = self._synchronise
        manager = self._plans.get_configuration(CONFIGURATION)
        with clock.stage("preprocess"):
            data, _, properties = manager.preprocessor_class(verbose=False).run_case_npy(
                image.voxels, None, dict(image.properties), self._plans, manager, self._dataset
            )
        with clock.stage("network"):
            logits = self._predictor.predict_logits_from_preprocessed_data(torch.from_numpy(data)).cpu()
        with clock.stage("postprocess"):
            return convert_predicted_logits_to_segmentation_with_correct_shape(
                logits, self._plans, manager, self._predictor.label_manager, properties
            )

    def write(self, path: Path, labels: np.ndarray, image: Image) -> None:
        SimpleITKIO().write_seg(labels, str(path), image.properties)

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


class TotalSegmentator(NnUnet):
    """TotalSegmentator's way around the predictor, as its releases since 2.16 do it by default.

    The scan is interpolated linearly to the network's spacing (``--resampling_order 1``; cubic splines before 2.16);
    each voxel of the scan takes the nearest label on the way back.
    """

    def segment(self, image: Image, clock: StageClock) -> np.ndarray:
        spacing = self._configuration.spacing
        with clock.stage("preprocess"):
            factors = np.array(image.properties["spacing"]) / spacing
            coarse = scipy.ndimage.zoom(image.voxels[0], factors, order=1, mode="nearest")[None]
        labels = super().segment(Image(coarse, {**image.properties, "spacing": list(spacing)}), clock)
        with clock.stage("postprocess"):
            factors = np.array(image.voxels.shape[1:]) / labels.shape
            return scipy.ndimage.zoom(labels, factors, order=0, mode="nearest")
