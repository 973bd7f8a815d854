"""
What a test needs that records processes.
"""

import pytest
from tornproof_conformance.recorder.recorders import why_not_ptrace

needs_recorder = pytest.mark.skipif(bool(why_not_ptrace()), reason=why_not_ptrace() or "is there")
"""Skips a test, with the reason, where no process can be traced."""
