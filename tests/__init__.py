"""The tests, in folders that mirror those of the package."""

import os

# Threads that wait for a busy processor do not keep it busy. torch reads it when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
