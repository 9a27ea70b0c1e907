"""All checks, as CI runs them: lint, types, then the tests, whose summary is the last line. Exits 1 if any fails.

Arguments are passed on to pytest: `python tests/check.py -k mvu`.
"""

import subprocess
import sys
from pathlib import Path

CHECKS = (["ruff", "check"], ["mypy"], ["pytest"])


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    failed = []
    for tool, *arguments in CHECKS:
        if tool == "pytest":
            arguments += sys.argv[1:]
        print(f"== {tool}", flush=True)
        if subprocess.run([sys.executable, "-m", tool, *arguments], cwd=root).returncode:
            failed.append(tool)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
