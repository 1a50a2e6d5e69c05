"""The PASI task: four scores a region, from photographs of four regions."""
