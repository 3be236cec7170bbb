"""How fast the pages, the sweep and the workers are, as ratios inside one run.

`python -m benchmarks --help`; how to read the figures: docs/performance.md.
"""
