"""Settings for all tests: kernels compile on their first call, so Hypothesis must not take that for a slow example."""

from hypothesis import settings

settings.register_profile("g1", deadline=None, print_blob=True)
settings.load_profile("g1")
