"""From a manifest of photographs to composites and splits. Knows nothing of models or training."""
