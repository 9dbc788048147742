"""Call a gateway with all that its document allows and forbids: `python -m tests.gateway.schema --examples 200`.

schemathesis makes the requests, `--examples` for each operation, and runs all its checks: no answer may be
undocumented. The gateway's contact centre is an emulator. `readUpdates` is left out: it waits; `test_updates.py` is
its test.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from statemachine.gateway import GatewaySettings, TokenSetting
from statemachine.gateway.server import Gateway
from statemachine.testing import EmulatedCentre
from tests.gateway.harness import OPTIONS, SECRET


async def run(examples: int, seed: int) -> int:
    """The exit status of schemathesis."""
    with tempfile.TemporaryDirectory() as name, EmulatedCentre("plain", {"pace": 0.01}) as centre:
        folder = Path(name)
        (folder / "token").write_text(SECRET)
        settings = GatewaySettings(
            store=folder / "chats.sqlite",
            port=0,
            tokens=(TokenSetting(name="bridge", file=folder / "token"),),
            requests_per_second=100_000,
        )
        async with Gateway(centre.url, tenant="example", app_id="chat", settings=settings, options=OPTIONS) as gateway:
            process = await asyncio.create_subprocess_exec(
                *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{gateway.url}/openapi.json"),
                *("--checks", "all", "--max-examples", str(examples), "--seed", str(seed)),
                *("--header", f"Authorization: Bearer {SECRET}", "--exclude-operation-id", "readUpdates"),
                *("--max-response-time", "30", "--request-timeout", "60", "--no-color"),
                cwd=folder,
            )
            return await process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.schema", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    return asyncio.run(run(given.examples, given.seed))


if __name__ == "__main__":
    sys.exit(main())
