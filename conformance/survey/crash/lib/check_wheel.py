"""What pip lists as installed can be imported, and is there if that was printed."""

import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

try:
    found = version("demo")
except PackageNotFoundError:
    sys.exit("printed installed, and pip knows no demo" if os.environ["TORNPROOF_LAST"] else 0)
except Exception as error:
    sys.exit(f"the metadata cannot be read: {type(error).__name__}")
if found is None:
    sys.exit("pip lists demo without a version")
try:
    sound = import_module("demo").A == 1 and len(import_module("demo.b").TABLE) == 400
except Exception as error:
    sys.exit(f"pip lists demo, and importing it fails: {type(error).__name__}")
if not sound:
    sys.exit("pip lists demo, and it is not whole")
