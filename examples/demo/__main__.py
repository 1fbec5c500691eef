"""`python -m examples.demo [--once]`."""

import argparse
import os
import sys

from examples.demo.run import demo


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description="A mesh on this machine.")
    parser.add_argument(
        "--once",
        action="store_true",
        default=os.environ.get("ONCE", "") not in ("", "0"),
        help="play the story and leave; fails when a step fails or a request is lost",
    )
    # children are started beside running clients: nothing to be saved by a fork
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    return demo(once=parser.parse_args().once)


if __name__ == "__main__":
    sys.exit(main())
