"""The programs of the guide, as they stand there, with the database and the contact centre of this test."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

import statemachine
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator

GUIDE = Path(statemachine.__file__).parent / "cluster" / "README.md"


async def test_the_programs_of_the_guide_run(postgres: str, tmp_path: Path) -> None:
    async with Emulator("plain", Knobs(pace=0.05, hold_ms=1_000)) as centre, asyncio.timeout(120):
        for code in re.findall(r"^```python database\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            name = re.match(r"# (\w+\.py): ", code)
            assert name
            code = code.replace("https://chat.example.com", centre.url)
            code = re.sub(r"postgresql://bridge@db[^\"]*", lambda _: postgres, code)
            (tmp_path / name[1]).write_text(code, "utf-8")
        worker = await started(tmp_path / "worker.py")
        assert worker.stdout
        while True:  # until a worker has used the database
            webhook = await started(tmp_path / "webhook.py")
            assert webhook.stdout
            if line := await webhook.stdout.readline():
                break
        assert line.startswith(b"visitor-1 1")
        webhook.kill()
        await webhook.wait()
        assert await worker.stdout.readline()
        worker.send_signal(signal.SIGTERM)
        assert await worker.wait() == 0


async def started(program: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(program), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
