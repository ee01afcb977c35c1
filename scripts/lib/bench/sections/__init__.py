"""What is measured. A section starts what it needs, measures in turns, and answers its figures."""

from . import check, idle, memory, sizes, storm, takeover

# By the names that `--only` knows, in the order of the page.
SECTIONS = {
    "takeover": takeover.measure,
    "memory": memory.measure,
    "check": check.measure,
    "idle": idle.measure,
    "storm": storm.measure,
    "redis_memory": sizes.redis_memory,
    "sweep": sizes.sweep,
    "list": sizes.listing,
    "start": sizes.start,
}
