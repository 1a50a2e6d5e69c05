"""What a recipe says, in the words of a methods section."""

from __future__ import annotations

from foldgrid.analysis.drawing.numbers import count, listed
from foldgrid.specs.heads import ATTENTION
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.phases import describe_phases
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import Augmentation


def rate_falls(recipe: TrainingRecipe) -> str:
    """How the learning rate rose and fell, a part of a sentence."""
    plateau, steps, warmup = recipe.plateau, recipe.steps, recipe.warmup
    final = recipe.cosine.final_fraction
    end = "the end of each phase" if recipe.phases else "the last epoch planned"
    falls = {
        "plateau": f"multiplied by {plateau.factor:g} after {plateau.patience} epochs without a "
        f"relative improvement of {plateau.threshold:g}",
        "steps": f"multiplied by {steps.factor:g} every {count(steps.every_epochs, 'epoch')}",
        "cosine": f"falling step by step along half a cosine to {final:g} of it at {end} "
        "(Loshchilov and Hutter 2017)",
        "constant": "the same in all epochs",
    }[recipe.schedule]
    if not warmup.epochs:
        return falls
    epochs = "first epoch" if warmup.epochs == 1 else f"first {warmup.epochs} epochs"
    of = "of each phase " if recipe.phases else ""
    return (
        f"rising step by step from {warmup.start_fraction:g} of it over the {epochs} {of}(Goyal "
        f"and others 2017), then {falls}"
    )


def phases_sentence(recipe: TrainingRecipe) -> str:
    """What trained when, after a space; "" where everything trained in every epoch."""
    if not recipe.phases:
        return ""
    return f" Training had {count(len(recipe.phases), 'phase')}: {describe_phases(recipe.phases)}."


_POOLED = {
    "network": "the last hidden layer",
    "mean": "the mean over the last map, or over the patches' tokens,",
    "mean_max": "the mean and the maximum over the last map, or over the patches' tokens,",
    "class_token": "the class token",
    "attention": "the last hidden layer, pooled over the photographs of an evaluation unit by "
    "gated attention (Ilse et al. 2018),",
}


def head_words(recipe: TrainingRecipe) -> str:
    """Which head was put on which features; "" where the network's own last layer was trained."""
    own = recipe.own_head
    if own is None:
        return ""
    is_frozen = recipe.solved_head is not None or recipe.pooling == ATTENTION
    of = "a frozen network" if is_frozen else "the network"
    return f"{own.head.words(own.own)}, on {_POOLED[recipe.pooling]} of {of}"


def optimizer_sentence(recipe: TrainingRecipe) -> str:
    """What followed the gradients, how fast and when; for a head that is solved, that none did."""
    if recipe.solved_head is not None:
        return "Nothing was trained by gradients; the head was solved at once"
    named, own = OPTIMIZERS.named(recipe.optimizer), recipe.settings_of(recipe.optimizer)
    spares = recipe.weight_decay > 0 and not recipe.decay_norms_and_biases
    spared = " (not of norms, biases and embeddings)" if spares else ""
    parts = [
        f"{named.words(recipe, own)}{spared}, batches of {recipe.batch_size} and a learning rate "
        f"of {recipe.learning_rate:g}, {rate_falls(recipe)}"
    ]
    if recipe.layer_decay != 1:
        parts.append(
            f"Each layer learned {recipe.layer_decay:g} times as fast as the one behind it (Bao "
            "and others 2022)"
        )
    if recipe.clip_gradients is not None:
        parts.append(f"The gradient's norm was clipped at {recipe.clip_gradients:g}")
    if recipe.drop_path is not None:
        parts.append(
            f"Residual blocks were left out at random, the last with a chance of "
            f"{recipe.drop_path:g}, earlier ones in proportion to their depth (Huang and others "
            "2016)"
        )
    if recipe.ema_decay is not None:
        parts.append(
            "What was monitored and predicted was an exponential moving average of the weights, "
            f"{recipe.ema_decay:g} of which stayed at each step (Polyak and Juditsky 1992)"
        )
    return ". ".join([*parts, *_loss_sentences(recipe), *_sampling_sentences(recipe)])


def _loss_sentences(recipe: TrainingRecipe) -> list[str]:
    """What the task's own loss was replaced by, or became."""
    found = []
    if recipe.loss == "huber":
        found.append("Steps followed Huber's loss, absolute beyond an error of 1 (Huber 1964)")
    if recipe.loss == "focal":
        gamma = f"{recipe.focal_gamma:g}"
        found.append(f"Steps followed the focal loss with gamma {gamma} (Lin and others 2017)")
    if recipe.class_weights == "balanced":
        found.append("Each class weighed by the inverse of its number of training samples")
    if recipe.label_smoothing:
        found.append(
            f"Labels were smoothed by {recipe.label_smoothing:g} (Szegedy and others 2016)"
        )
    return found


def _sampling_sentences(recipe: TrainingRecipe) -> list[str]:
    """How pictures were drawn and mixed, and from how many views they were predicted."""
    found = []
    if recipe.sampler == "balanced":
        found.append("Training pictures were drawn with replacement, each class equally often")
    mixed = {
        f"by mixup with alpha {recipe.mixup:g} (Zhang and others 2018)": recipe.mixup,
        f"by cutmix with alpha {recipe.cutmix:g} (Yun and others 2019)": recipe.cutmix,
    }
    if recipe.mixes:
        ways = " or ".join(words for words, is_on in mixed.items() if is_on)
        found.append(f"The pictures of a batch were mixed in pairs {ways}")
    if recipe.test_time_augmentation != "none":
        views = {
            "flips": "four mirror images",
            "turns": "four turns by 90 degrees",
            "flips_and_turns": "eight mirror images and turns",
        }
        found.append(
            f"Predictions are means over {views[recipe.test_time_augmentation]} of each picture"
        )
    return found


def augmentations(drawn: Augmentation, has_tiles: bool) -> list[str]:
    """What varied, a part of a sentence each.

    Args:
        drawn: The recipe's.
        has_tiles: Whether a sample is made of several pictures.
    """
    each = "of each tile " if has_tiles else ""
    axes = {"horizontal": drawn.flip_horizontally, "vertical": drawn.flip_vertically}
    flips = [axis for axis, is_on in axes.items() if is_on]
    words = {
        f"rotation {each}by up to {drawn.rotation_degrees:g} degrees": drawn.rotate_tiles,
        f"{listed(flips)} flips": flips,
        f"crops down to {drawn.smallest_crop:g} of the side": drawn.smallest_crop < 1,
        f"zooms by a factor within {1 - drawn.zoom:g} to {1 + drawn.zoom:g}": drawn.zoom,
        "shuffling of the tiles' places": drawn.shuffle_tiles and has_tiles,
        f"brightness by a factor within {1 - drawn.brightness:g} to {1 + drawn.brightness:g}": (
            drawn.brightness
        ),
        f"contrast by a factor within {1 - drawn.contrast:g} to {1 + drawn.contrast:g}": (
            drawn.contrast
        ),
    }
    return [text for text, is_drawn in words.items() if is_drawn]


def augmentation_sentence(recipe: TrainingRecipe, sample: str, has_tiles: bool) -> str:
    """What varied, and whether it was drawn once or at each epoch.

    Args:
        recipe: Of the fits; one that solves its head trains on the pictures as they are.
        sample: A sample's name, for people.
        has_tiles: Whether a sample is made of several pictures.
    """
    drawn = recipe.augmentation
    changes = listed(augmentations(drawn, has_tiles))
    if recipe.solved_head is not None or not changes:
        return f"Training {sample}s were not augmented."
    if drawn.copies is None:
        return f"Training {sample}s were augmented at random: {changes}."
    copies = count(drawn.copies, "augmented copy", "augmented copies")
    return f"Of each training {sample} {copies} were drawn once and trained on: {changes}."


def stopping_sentence(recipe: TrainingRecipe) -> str:
    """When a fit ended, which weights predicted, and which samples decided."""
    if recipe.solved_head is not None:
        return "No epoch was chosen: a fit was one solution on all of its training samples."
    stopping, cut = recipe.early_stopping, recipe.max_batches_per_epoch
    epochs = count(recipe.planned_epochs, "epoch")
    epochs += f" of {count(cut, 'batch', 'batches')}" if cut else ""
    if stopping.policy == "none":
        return f"Every fit trained {epochs}; its last weights predicted, and nothing was chosen."
    monitored = {
        "inner_split": f"{100 * stopping.inner_fraction:g} % of the training samples, whole "
        "subjects of the training folds, never of the fold that the fit then predicts",
        "held_out_fold": "the very fold that the fit then predicts, which makes the out-of-fold "
        "values optimistic",
    }
    return (
        f"A fit ended after {stopping.patience} epochs without a new lowest validation loss, at "
        f"the latest after {epochs}; the weights of its best epoch were kept. Monitored were "
        f"{monitored[stopping.policy]}."
    )
