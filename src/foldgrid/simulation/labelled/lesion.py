"""One lesion on a patch of skin, drawn from its features: form, border, pigment, blood, surface.

Knows no disease: diagnoses are sets of features, see `skin_taxonomy.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from foldgrid.simulation.labelled.skin_patch import Layers, add_spots, bare_layers
from foldgrid.simulation.pasi.fields import (
    Plane,
    look_up,
    smooth_step,
    smooth_texture,
    texture_size,
)
from foldgrid.simulation.pasi.surface import Surface
from foldgrid.simulation.pasi.traits import Colour

KERATIN: Colour = (0.54, 0.42, 0.29)
PEARL: Colour = (0.72, 0.54, 0.49)
BLUE_VEIL: Colour = (0.10, 0.125, 0.20)
YELLOW: Colour = (0.80, 0.58, 0.26)
CRUST: Colour = (0.20, 0.07, 0.04)


@dataclass(frozen=True)
class Features:
    """How a lesion looks. All are strengths about 0 to 1 unless said otherwise.

    Attributes:
        size: Radius in the patch's breadth, 0.05 to 0.4.
        number: Lesions on the patch; above 1 they are scattered.
        irregular: Raggedness of the outline.
        asymmetry: Length over breadth, less 1.
        edge: Width of the border against the radius: 0.05 sharp, 0.6 fading.
        pigment: Melanin added, optical density up to 2.5.
        variegation: Unevenness of the pigment.
        network: Net or globules in the pigment.
        blue: Blue-grey veil.
        blood: Redness, optical density up to 1.5.
        dome: Height.
        pearl: Translucent, pale sheen.
        keratin: Rough yellow-grey surface.
        yellow: Fatty yellow.
        ulcer: Dark crust in the middle.
        vessels: Fine dilated vessels.
        ring: Cleared middle.
    """

    size: float = 0.18
    number: float = 1.0
    irregular: float = 0.15
    asymmetry: float = 0.1
    edge: float = 0.2
    pigment: float = 0.0
    variegation: float = 0.0
    network: float = 0.0
    blue: float = 0.0
    blood: float = 0.0
    dome: float = 0.2
    pearl: float = 0.0
    keratin: float = 0.0
    yellow: float = 0.0
    ulcer: float = 0.0
    vessels: float = 0.0
    ring: float = 0.0

    def varied(self, rng: np.random.Generator, spread: float) -> Features:
        """The same disease on another patient: every feature stronger or weaker by chance."""
        factors = np.exp(rng.normal(0.0, spread, len(fields(self))))
        values = {
            field.name: getattr(self, field.name) * float(factor)
            for field, factor in zip(fields(self), factors, strict=True)
        }
        return Features(**values)


def draw_lesion(surface: Surface, features: Features, lesion_map: np.random.Generator) -> Layers:
    """Lay a lesion, or several, on a patch of skin."""
    depth = _depth(surface, features, lesion_map)
    cover = smooth_step(depth / max(features.edge, 0.04) + 0.5)
    fine, coarse = _textures(surface, lesion_map)
    layers = bare_layers(surface.frame.shape)
    body = cover * (1.0 - features.ring * smooth_step((depth - 0.35) / 0.4))
    uneven = 1.0 + features.variegation * 0.3 * coarse + features.network * 0.25 * fine
    layers.melanin += features.pigment * body * np.clip(uneven, 0.55, 1.8)
    layers.blood += features.blood * body * (1.0 + 0.2 * coarse)
    relief = np.sqrt(np.clip(depth, 0.0, 1.0)) * (1.0 - 0.6 * features.ring)
    layers.plaques.height[:] = 0.03 * features.dome * features.size / 0.18 * relief * body
    layers.plaques.height[:] += 0.002 * features.keratin * fine * body
    _lay_veils(layers, features, depth, body, fine, coarse)
    if features.vessels > 0.02:
        vessels = np.zeros_like(cover)
        number = round(14 * features.vessels)
        add_spots(vessels, surface, lesion_map, 4 * number, (0.006, 0.012), 1.0, where=cover)
        layers.blood += vessels
    layers.crease = 0.9
    layers.hair = 0.6
    layers.shine = 1.0 + 2.5 * features.pearl
    return layers


def _depth(surface: Surface, features: Features, lesion_map: np.random.Generator) -> Plane:
    """How far inside a lesion each pixel is: 1 in its middle, 0 on its border, below outside."""
    number = max(1, round(features.number))
    along, across = surface.skin_along - 0.5, surface.skin_across
    ragged = look_up(
        smooth_texture(lesion_map, 256, ((2.2, 1.2, 1.0), (6.0, 2.5, 0.35))), along, across
    )
    deepest = np.full_like(along, -4.0)
    for at in range(number):
        shift = lesion_map.normal(0.0, 0.03 if number == 1 else 0.2, 2)
        angle = float(lesion_map.uniform(0, np.pi))
        radius = features.size * (1.0 if at == 0 else float(lesion_map.uniform(0.5, 1.0)))
        x, y = along - float(shift[0]), across - float(shift[1])
        u = (x * np.cos(angle) + y * np.sin(angle)) / (1.0 + features.asymmetry)
        v = y * np.cos(angle) - x * np.sin(angle)
        depth = 1.0 - np.hypot(u, v) / max(radius, 0.02) + 0.42 * features.irregular * ragged
        deepest = np.maximum(deepest, depth)
    return np.asarray(deepest, dtype=np.float32)


def _textures(surface: Surface, lesion_map: np.random.Generator) -> tuple[Plane, Plane]:
    size = texture_size(surface.frame.unit_pixels)
    bands = (((30.0, 8.0, 1.0),), ((5.0, 2.5, 1.0), (11.0, 4.0, 0.5)))
    fine, coarse = (
        look_up(smooth_texture(lesion_map, size, each), surface.skin_along, surface.skin_across)
        for each in bands
    )
    return fine, coarse


def _lay_veils(
    layers: Layers, features: Features, depth: Plane, body: Plane, fine: Plane, coarse: Plane
) -> None:
    rough = np.clip(0.65 + 0.3 * fine + 0.2 * coarse, 0.0, 1.0)
    inner = smooth_step((depth - 0.45) / 0.3)
    rim = np.exp(-(((depth - 0.15) / 0.2) ** 2))
    veils = (
        (YELLOW, 0.75 * features.yellow * body),
        (PEARL, features.pearl * (0.22 * body + 0.3 * rim * body)),
        (BLUE_VEIL, 0.6 * features.blue * body * smooth_step((coarse - 0.1) / 2.0)),
        (KERATIN, 0.8 * features.keratin * body * rough),
        (CRUST, 0.9 * features.ulcer * inner * np.clip(0.8 + 0.3 * coarse, 0.0, 1.0)),
    )
    for colour, opacity in veils:
        clipped = np.asarray(np.clip(opacity, 0.0, 0.95), dtype=np.float32)
        layers.veils.append((colour, clipped))
