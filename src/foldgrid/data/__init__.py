"""From a manifest of photographs to mosaics and splits. Knows nothing of models or training."""
