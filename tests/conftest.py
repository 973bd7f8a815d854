"""
Profiles of Hypothesis, shared by all tests.

- `pr` (the default): the same cases in every run, few enough to wait for.
- `dev`: new random cases each time; what failed is kept and tried first.
- `nightly`: many random cases, for a machine with time.

Choose one with `pytest --hypothesis-profile=nightly`.
"""

from hypothesis import Phase, settings

settings.register_profile(
    "pr",
    derandomize=True,
    deadline=None,
    max_examples=50,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    print_blob=True,
)
settings.register_profile("dev", deadline=None, max_examples=100, print_blob=True)
settings.register_profile("nightly", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile("pr")
