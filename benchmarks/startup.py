"""What registering the nodes adds to a ComfyUI that has torch already: seconds of the processor, in fresh processes.

python -m benchmarks.startup [--times 5]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile

REGISTER = (
    "import time, torch; begun = time.process_time(); import dva; dva.NODE_CLASS_MAPPINGS; "
    "print(time.process_time() - begun)"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as elsewhere:
        command = [sys.executable, "-c", REGISTER]
        found = [
            float(subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True).stdout)
            for _ in range(options.times)
        ]
    print(f"{statistics.median(found):.2f} s, the median of {', '.join(f'{seconds:.2f}' for seconds in found)}")


if __name__ == "__main__":
    main()
