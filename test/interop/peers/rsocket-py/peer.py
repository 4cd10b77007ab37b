# SPDX-License-Identifier: Apache-2.0
"""The interop peer on rsocket-py: `peer.py server …` and `peer.py client …`, with the arguments of ../../server.ts and
../../client.ts."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "dist" / "messages"))

import client  # noqa: E402
import server  # noqa: E402


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=["server", "client"])
    parser.add_argument("--listen", action="append", default=[])
    parser.add_argument("--connect")
    parser.add_argument("--case", default="all")
    parser.add_argument("--mode", choices=["rpc", "composite"], default="rpc")
    parser.add_argument("--mtu", type=int)
    parser.add_argument("--lease", type=int)
    parser.add_argument("--quick", action="store_true")
    for file in ("--cert", "--key", "--ca"):
        parser.add_argument(file)
    return parser.parse_args()


def main() -> int:
    logging.disable(logging.CRITICAL)  # the library logs each failure of a handler
    options = read_options()
    program = server.serve if options.program == "server" else client.run
    return asyncio.run(program(options))


if __name__ == "__main__":
    sys.exit(main())
