"""A close view of skin, or a limb far away: base skin, what lies on it, light.

Knows no diagnosis: painters hand in layers. Shape letters: H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from foldgrid.simulation.labelled.shots import Radiance, StudyShot, StudyStream
from foldgrid.simulation.pasi.body import Body
from foldgrid.simulation.pasi.body_parts import draw_body
from foldgrid.simulation.pasi.fields import Plane, look_up, smooth_texture, texture_size
from foldgrid.simulation.pasi.frame import Frame, Pose
from foldgrid.simulation.pasi.lighting import draw_backdrop, light_body
from foldgrid.simulation.pasi.photograph import compose
from foldgrid.simulation.pasi.plaques import Plaques
from foldgrid.simulation.pasi.skin import BLOOD_DENSITY, MELANIN_DENSITY, colour_skin
from foldgrid.simulation.pasi.streams import stream
from foldgrid.simulation.pasi.surface import Surface
from foldgrid.simulation.pasi.traits import Colour, Studio, SubjectTraits
from foldgrid.specs.synthetic import StudySettings

CREASE_RELIEF = 0.0011


@dataclass
class Layers:
    """What lies in and on the skin, H x W each unless said otherwise.

    Attributes:
        plaques: Redness (in grades), relief, silvery scale and stain, as the PASI trial draws.
        melanin: Optical density added, negative where pigment is lost.
        blood: Likewise.
        veils: Colours laid over the skin, each with its opacity (0 to 1): keratin, crust, pearl.
        crease: Depth of the skin's fine lines, 1 for ordinary skin.
        hair: Factor of the person's hair.
        shine: Factor of the gloss.
    """

    plaques: Plaques
    melanin: Plane
    blood: Plane
    veils: list[tuple[Colour, Plane]]
    crease: float = 1.0
    hair: float = 1.0
    shine: float = 1.0


def bare_layers(shape: tuple[int, int]) -> Layers:
    """Skin with nothing on it."""
    nothing = [np.zeros(shape, dtype=np.float32) for _ in range(7)]
    return Layers(Plaques(*nothing[:5]), nothing[5], nothing[6], [])


def skin_stream(settings: StudySettings, shot: StudyShot) -> np.random.Generator:
    """The stream of a place's skin: the same on every photograph of it."""
    return stream(settings.seed, StudyStream.SKIN, shot.subject, shot.place)


def shot_stream(settings: StudySettings, shot: StudyShot) -> np.random.Generator:
    """The stream of one picture: how the camera is held."""
    return stream(settings.seed, StudyStream.SHOT, shot.picture)


def near_body(rng: np.random.Generator, rows: int, cols: int) -> Body:
    """A patch of skin that fills the picture, slightly rounded, held a little differently."""
    pose = Pose(
        horizontal=bool(rng.random() < 0.5),
        flipped=bool(rng.random() < 0.5),
        tilt=float(rng.normal(0.0, 0.35)),
        scale=float(np.exp(rng.normal(0.0, 0.12))),
        shift=(float(rng.normal(0.0, 0.04)), float(rng.normal(0.0, 0.04))),
    )
    surface = Surface(Frame(rows, cols, pose))
    surface.cover[:] = 1.0
    round_across, round_along = float(rng.uniform(0.2, 0.95)), float(rng.uniform(-0.15, 0.15))
    across = round_across * surface.frame.across
    along = round_along * (surface.frame.along - 0.5)
    length = np.sqrt(1.0 + across * across + along * along)
    surface.normal_across[:] = across / length
    surface.normal_along[:] = along / length
    surface.normal_out[:] = 1.0 / length
    return Body(surface)


def far_body(rng: np.random.Generator, traits: SubjectTraits, rows: int, cols: int) -> Body:
    """A whole arm, small before the backdrop: what a far-away shot shows."""
    pose = Pose(
        horizontal=True,
        mirrored=bool(rng.random() < 0.5),
        tilt=float(rng.normal(0.0, 0.3)),
        scale=float(rng.uniform(0.42, 0.58)),
        shift=(float(rng.normal(0.0, 0.06)), float(rng.normal(0.0, 0.06))),
    )
    surface = Surface(Frame(rows, cols, pose))
    return draw_body(surface, "upper_extremities", 0, traits.build)


def light_skin(
    body: Body,
    layers: Layers,
    traits: SubjectTraits,
    studio: Studio,
    skin_map: np.random.Generator,
    rng: np.random.Generator,
) -> Radiance:
    """Colour the skin, lay the layers on it, and light it.

    Args:
        body: Where the skin is.
        layers: What lies on it.
        traits: Whose skin.
        studio: The light.
        skin_map: The stream of this place's skin.
        rng: The stream of this picture.
    """
    surface = body.surface
    size = texture_size(surface.frame.unit_pixels)
    lines = smooth_texture(skin_map, size, ((38.0, 10.0, 1.0), (17.0, 6.0, 0.6)), stretch=1.6)
    crease = look_up(lines, surface.skin_along, surface.skin_across)
    surface.height += CREASE_RELIEF * layers.crease * crease
    # A patch is a hand's breadth, not a whole limb: as many moles in a smaller area.
    person = replace(traits, hair=traits.hair * layers.hair, num_moles=traits.num_moles // 8)
    colours = colour_skin(body, layers.plaques, person, skin_map)
    colours = _absorb(colours, layers, crease)
    light, gloss = light_body(surface, layers.plaques, studio)
    gloss = gloss * layers.shine * (1.0 - 0.7 * layers.plaques.scale)
    return compose(
        surface, colours, traits.cloth, light, gloss, draw_backdrop(rng, surface, traits, studio)
    )


def _absorb(colours: Sequence[Plane], layers: Layers, crease: Plane) -> list[Plane]:
    """Dim the skin's reflectance by what the layers add, then lay the veils over it."""
    # Lines are darker at their bottom.
    melanin = layers.melanin - 0.03 * layers.crease * np.minimum(crease, 0.0)
    changed = []
    for channel, colour in enumerate(colours):
        density = melanin * MELANIN_DENSITY[channel] + layers.blood * BLOOD_DENSITY[channel]
        seen = colour * np.exp(-np.maximum(density, -0.9))
        for veil, opacity in layers.veils:
            seen = seen + opacity * (veil[channel] - seen)
        changed.append(np.asarray(np.clip(seen, 0.0, 0.95), dtype=np.float32))
    return changed


def add_spots(
    plane: Plane,
    surface: Surface,
    rng: np.random.Generator,
    number: int,
    size: tuple[float, float],
    strength: float,
    where: Plane | None = None,
) -> None:
    """Add round spots at random places of a patch.

    Args:
        plane: What they are added to.
        surface: The patch.
        rng: Where their places come from; the same number of draws whatever ``where`` is.
        number: How many.
        size: Least and greatest standard deviation, in body units.
        strength: Their height.
        where: Factor by place, H x W; everywhere alike for none.
    """
    for along, across, wide in rng.random((number, 3)):
        radius = size[0] + (size[1] - size[0]) * float(wide)
        at = (float(along), float(across) - 0.5)
        window, spot = surface.spot(at, (radius, radius))
        plane[window] += strength * spot * (1.0 if where is None else where[window])
