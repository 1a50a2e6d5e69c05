"""Photographs in DICOM files: their pixels, and nothing else of them.

Knows pixels and how they are meant; reads no name, date or number of a patient. Needs pydicom, the
extra ``dicom``. Source: DICOM PS3.3, C.7.6.3 (pixels), C.11.1 and C.11.2 (rescaling and window).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from foldgrid.specs.extras import MissingExtraError, import_extra

WHITE = 255.0


class DicomImageFile(ImageFile.ImageFile):
    """A DICOM file as Pillow opens pictures: the header now, the first frame when it is loaded.

    RGB, YBR, palette and monochrome pixels of 8 to 16 bits, in any encapsulation for which pydicom
    has a decoder. Monochrome pixels go through the file's rescaling and its window (or lookup
    table), where there are, else over all the bits that are stored; MONOCHROME1 is inverted then.
    """

    format = "DICOM"
    format_description = "DICOM"

    def _open(self) -> None:
        try:
            pydicom = import_extra("pydicom", "dicom")
        except MissingExtraError as error:
            raise MissingExtraError(f"is a DICOM file, which {error}") from error
        # Whatever else is in the header stays in the file: only these are looked at.
        self._dataset = pydicom.dcmread(self.fp, force=False)
        if "PixelData" not in self._dataset:
            raise ValueError("is a DICOM file without a picture")
        self._size = (int(self._dataset.Columns), int(self._dataset.Rows))
        self._mode = "RGB" if self._has_colours else "L"
        self.tile = []

    @property
    def _has_colours(self) -> bool:
        return not str(self._dataset.PhotometricInterpretation).startswith("MONOCHROME")

    def load(self) -> Any:
        """The pixels, decoded once."""
        if self._im is None:
            self._im = Image.fromarray(_pixels(self._dataset)).im
        return super().load()


def _pixels(dataset: Any) -> NDArray[np.uint8]:
    """(H, W) grey or (H, W, 3) RGB, 0 to 255, of the first frame."""
    pixels = import_extra("pydicom.pixels", "dicom")
    try:
        stored = pixels.pixel_array(dataset, index=0)
    except (RuntimeError, NotImplementedError) as error:
        name = dataset.file_meta.TransferSyntaxUID.name
        raise ValueError(
            f"is a DICOM file whose pixels are packed as {name}, for which no decoder is installed"
        ) from error
    kind = str(dataset.PhotometricInterpretation)
    if kind.startswith("MONOCHROME"):
        grey = _windowed(pixels.apply_modality_lut(stored, dataset), dataset, pixels)
        return _rounded(WHITE - grey if kind == "MONOCHROME1" else grey)
    if kind == "PALETTE COLOR":
        stored = pixels.apply_color_lut(stored, dataset)
        return _rounded(stored[..., :3] * (WHITE / np.iinfo(stored.dtype).max))
    return _rounded(stored * (WHITE / (2 ** int(dataset.BitsStored) - 1)))


def _windowed(values: NDArray[Any], dataset: Any, pixels: Any) -> NDArray[np.float64]:
    """Rescaled values as grey from 0 to 255, by the file's window."""
    if "VOILUTSequence" in dataset:
        looked_up = pixels.apply_voi(values, dataset)
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return np.asarray(looked_up * (WHITE / (2**bits - 1)), dtype=np.float64)
    if "WindowCenter" in dataset:
        center, width = (_first(dataset[key].value) for key in ("WindowCenter", "WindowWidth"))
        function = str(dataset.get("VOILUTFunction", "LINEAR"))
        if function == "SIGMOID":
            return np.asarray(WHITE / (1 + np.exp(-4 * (values - center) / width)))
        if function == "LINEAR_EXACT":
            return np.asarray(((values - center) / width + 0.5) * WHITE)
        return np.asarray(((values - (center - 0.5)) / max(width - 1, 1e-9) + 0.5) * WHITE)
    bits = int(dataset.BitsStored)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dataset.PixelRepresentation else (
        0, 2**bits - 1
    )  # fmt: skip
    slope = float(dataset.get("RescaleSlope", 1))
    intercept = float(dataset.get("RescaleIntercept", 0))
    low, high = sorted((low * slope + intercept, high * slope + intercept))
    return np.asarray((values.astype(np.float64) - low) * (WHITE / (high - low)))


def _first(value: Any) -> float:
    return float(value if isinstance(value, (int, float, str)) else next(iter(value)))


def _rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(values), 0, WHITE), dtype=np.uint8)
