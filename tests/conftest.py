"""Settings for the whole suite; fixtures live beside the tests that use them."""

from hypothesis import HealthCheck, settings

# The same examples on every machine and in every run: a red test is red for everybody. No verdict comes from
# the wall clock: a slow machine fails nothing. To search further: `pytest --hypothesis-profile=explore`.
_no_clock = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", _no_clock, derandomize=True, database=None)
settings.register_profile("explore", _no_clock, derandomize=False, max_examples=2_000)
settings.load_profile("steady")
