"""The jars of the broker: fetched once with Maven into a cache folder and checked against jars.sha256 before each use.

class_archive() makes a start cheaper still: the JVM maps the classes of an earlier run in place of reading the jars.

The cache is $KENG_KAFKA_HOME, or ~/.cache/keng/kafka-3.9.1. Any number of processes may ask for it at once.
"""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
VERSION = "3.9.1"
FETCHES_MAX = 4


class JarsMissing(Exception):
    """The jars could not be fetched, or are not the pinned ones."""


def home():
    return pathlib.Path(os.environ.get("KENG_KAFKA_HOME") or pathlib.Path.home() / f".cache/keng/kafka-{VERSION}")


def pinned():
    """File name to SHA-256, in hexadecimal digits."""
    lines = (HERE / "jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def fault(libs):
    """What is wrong with a folder of jars, or None. A jar too many is a fault too: it would be on the class path."""
    wanted = pinned()
    found = {path.name for path in libs.glob("*.jar")} if libs.is_dir() else set()
    if found != set(wanted):
        return f"{libs}: {len(set(wanted) - found)} jars are missing, {len(found - set(wanted))} are not ours"
    for name, digest in wanted.items():
        if hashlib.sha256((libs / name).read_bytes()).hexdigest() != digest:
            return f"{libs / name}: not the pinned content"
    return None


def fetch(into):
    """Runs Maven once. An exception says what it said."""
    done = subprocess.run(["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies",
                           f"-DoutputDirectory={into}"], capture_output=True, text=True)
    if done.returncode != 0:
        raise JarsMissing(f"mvn ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")


def libs():
    """The folder with exactly the pinned jars, fetched when it lacks any. JarsMissing after FETCHES_MAX attempts."""
    root = home()
    root.mkdir(parents=True, exist_ok=True)
    target = root / "libs"
    with open(root / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wrong = fault(target)
        for attempt in range(FETCHES_MAX):
            if wrong is None:
                return target
            # Never in place: whoever runs a broker from the old folder keeps its open files.
            fresh = pathlib.Path(tempfile.mkdtemp(prefix="libs.", dir=root))
            try:
                fetch(fresh)
                wrong = fault(fresh)
                if wrong is None:
                    shutil.rmtree(target, ignore_errors=True)
                    for stale in root.glob("*.jsa"):
                        stale.unlink()
                    fresh.rename(target)
            except JarsMissing as failure:
                wrong = str(failure)
                time.sleep(2**attempt)  # the registry may be busy
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
        if wrong is not None:
            raise JarsMissing(f"{wrong}; try: rm -r {root}")
        return target


def class_archive(make):
    """The file of classes for this JVM and these jars. Where there is none, `make(path)` is to write one, and None is
    returned when it does not."""
    modules = pathlib.Path(shutil.which("java")).resolve().parent.parent / "lib/modules"
    archive = home() / f"classes-{modules.stat().st_mtime_ns if modules.exists() else 0}.jsa"
    if archive.exists():
        return archive
    with open(home() / "archive.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            fresh = home() / "classes.new"
            fresh.unlink(missing_ok=True)
            make(fresh)
            if fresh.exists():
                fresh.rename(archive)
    return archive if archive.exists() else None
