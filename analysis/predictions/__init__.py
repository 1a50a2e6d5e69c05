"""Records in, checked tables out: who was predicted by whom, by sample and by visit."""
