"""The comparison of Hotseat with its floor and its peers; `scripts/bench` runs it.

`systems` starts what is compared, `load` puts load on it, `sections` measures in interleaved rounds, `wanted` judges by
ratio, `page` and `plots` write docs/benchmarks.md. Python's standard library is all that it needs. Only ratios within a
section are meant to be read: what was measured there was measured in turns, on the same machine in the same minutes.
"""
