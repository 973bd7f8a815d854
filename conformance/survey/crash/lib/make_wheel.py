"""Make a wheel of two modules."""

import sys
from zipfile import ZipFile

FILES = {
    "demo/__init__.py": "A = 1\n",
    "demo/b.py": f"TABLE = {list(range(400))}\n",
    "demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
    "demo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
with ZipFile(sys.argv[1], "w") as wheel:
    for name, text in FILES.items():
        wheel.writestr(name, text)
    record = "".join(f"{name},,\n" for name in FILES)
    wheel.writestr("demo-1.0.dist-info/RECORD", record + "demo-1.0.dist-info/RECORD,,\n")
