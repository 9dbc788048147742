"""The JUnit runner of the kit's archive, with Debian's JDK: it passes our engine, and fails one that is deaf."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

JARS = Path("/usr/share/java")
NEEDED = ("gson", "junit-platform-console-standalone", "junit-jupiter-api")
HERE = Path(__file__).parent
RUNNER = HERE.parents[1] / "statemachine" / "conformance" / "runners" / "junit" / "ConformanceTest.java"
VECTORS = RUNNER.parents[2] / "vectors"
LIBRARIES = (
    "gson junit-jupiter-api junit-jupiter-engine junit-jupiter-params junit-platform-commons junit-platform-console "
    "junit-platform-engine junit-platform-launcher junit-platform-reporting opentest4j apiguardian-api picocli "
    "univocity-parsers opentest4j-reporting-events opentest4j-reporting-schema"
).split()
CLASSPATH = ":".join(str(JARS / f"{one}.jar") for one in LIBRARIES)
DEAF = (
    "from tests.conformance.strangers import speak; from tests.conformance.deaf import Deaf; "
    "speak(Deaf('status','queued'))"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("javac") is None or not (JARS / "junit-platform-console.jar").exists(),
        reason="needs a JDK and JUnit: apt-get install default-jdk-headless junit5 libgoogle-gson-java",
    ),
]


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("classes")
    sources = [str(RUNNER), str(HERE / "junit" / "PipedEngineTest.java")]
    subprocess.run(["javac", "-d", str(out), "-cp", CLASSPATH, *sources], check=True)
    return out


def ran(classes: Path, engine: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            "java",
            f"-Dconformance.vectors={VECTORS}",
            f"-Dconformance.engine={engine}",
            "-cp",
            f"{classes}:{CLASSPATH}",
            "org.junit.platform.console.ConsoleLauncher",
            "--select-class=PipedEngineTest",
            "--details=summary",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_our_engine_passes_the_junit_runner(classes: Path) -> None:
    done = ran(classes, f"{sys.executable} -m statemachine engine")
    assert done.returncode == 0, done.stdout[-4_000:]
    assert "0 tests failed" in done.stdout
    assert "0 tests aborted" in done.stdout
    vectors = [one for path in VECTORS.rglob("*.json") for one in json.loads(path.read_text("utf-8"))]
    assert f"{len(vectors)} tests successful" in done.stdout


def test_a_deaf_engine_fails_it(classes: Path, tmp_path: Path) -> None:
    script = tmp_path / "deaf.py"
    script.write_text(DEAF, encoding="utf-8")
    done = ran(classes, f"{sys.executable} {script}")
    assert done.returncode == 1
    assert "lifecycle/queued/status" in done.stdout
