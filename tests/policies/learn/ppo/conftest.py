import sys
from pathlib import Path

# The tests here share `tiny_env`, a module beside them that belongs to no package.
sys.path.insert(0, str(Path(__file__).parent))
