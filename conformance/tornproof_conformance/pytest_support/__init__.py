"""
Support for pytest.

- `plugin`: ties tests to requirements
- `adapter_tests`: the checks of an adapter as tests
"""
