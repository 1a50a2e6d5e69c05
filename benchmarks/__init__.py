"""What this project is measured against, one command each; see ``benchmarks/README.md``."""
