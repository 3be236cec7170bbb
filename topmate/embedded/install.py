"""Makes .venv from a hash lock; run by the Makefile with whatever python3 there is.

    python3 topmate/embedded/install.py run    what the site needs
    python3 topmate/embedded/install.py dev    what the tests and checks need on top
    python3 topmate/embedded/install.py next   the same with the next Django, in .venv-next

Only the standard library, and nothing newer than Python 3.7 understands: an old Python must get
as far as the sentence that refuses it.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KIND = sys.argv[1] if len(sys.argv) > 1 else "run"
FOLDER = ".venv-next" if KIND == "next" else ".venv"
VENV = os.path.join(ROOT, FOLDER)
PYTHON = os.path.join(VENV, "bin", "python")
# The second lock is compiled under the first, so installing it leaves the first one satisfied.
# The third one names what is different with the next Django; it is installed over the second.
DEV = os.path.join("tests", "requirements.txt")
NEXT = os.path.join("tests", "requirements-next.txt")
LOCKS = {"run": ["requirements.txt"], "dev": [DEV], "next": [DEV, NEXT]}


def stop(sentence: str) -> None:
    sys.exit("Topmate: " + sentence)


def check_python() -> None:
    version = "%d.%d" % sys.version_info[:2]
    if sys.version_info < (3, 11):
        stop(
            "this is Python %s (%s), and 3.11 or newer is needed. "
            "Name another one: make run PYTHON=python3.12" % (version, sys.executable)
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        stop(
            "this Python cannot make a virtual environment (no %s). On Debian and Ubuntu "
            "install the package python%s-venv, then run this again." % (error.name, version)
        )


def fingerprint(kind: str) -> str:
    digest = hashlib.sha256()
    for lock in LOCKS[kind]:
        with open(os.path.join(ROOT, lock), "rb") as file:
            digest.update(file.read())
    return "%s %d.%d" % (digest.hexdigest(), sys.version_info[0], sys.version_info[1])


def stamp_of(kind: str) -> str:
    return os.path.join(VENV, ".installed-" + kind)


def is_installed(kind: str) -> bool:
    try:
        with open(stamp_of(kind)) as file:
            return file.read() == fingerprint(kind)
    except OSError:
        return False


def write_stamp(kind: str) -> None:
    with open(stamp_of(kind), "w") as file:
        file.write(fingerprint(kind))


def works() -> bool:
    """A moved folder or a removed Python leaves an environment that cannot start."""
    ask = "import sys, pip; print('%d.%d' % sys.version_info[:2], sys.prefix)"
    try:
        answer = subprocess.run(
            [PYTHON, "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    version, _, prefix = answer.stdout.decode().strip().partition(" ")
    return version == "%d.%d" % sys.version_info[:2] and os.path.realpath(
        prefix
    ) == os.path.realpath(VENV)


def make_environment() -> None:
    print("Topmate: making the virtual environment in %s" % FOLDER, flush=True)
    if os.path.exists(VENV):
        shutil.rmtree(VENV)
    if subprocess.call([sys.executable, "-m", "venv", VENV]) != 0:
        stop("the virtual environment could not be made; the lines above say why.")


def plain_pip() -> dict[str, str]:
    """Packages go into .venv, also where variables of pip say something else. Which index it asks
    stays the machine's own matter."""
    elsewhere = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN")
    return {name: value for name, value in os.environ.items() if name not in elsewhere}


def install(lock: str) -> None:
    with open(os.path.join(ROOT, lock)) as file:
        total = sum("==" in line for line in file if not line.startswith((" ", "#")))
    print("Topmate: installing %d packages of %s" % (total, lock), flush=True)
    # The lock names every package. Without --no-deps, older versions of pip (23.2 among them) look
    # for an extra like coverage[toml] anew, find a release the lock has no hash of, and give up.
    command = [PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--no-color"]
    process = subprocess.Popen(
        [*command, "-r", os.path.join(ROOT, lock)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env=plain_pip(),
    )
    output = []
    fetched = 0
    assert process.stdout is not None
    for line in process.stdout:
        output.append(line)
        if line.startswith("Collecting "):
            fetched += 1
            if fetched % 10 == 0:
                print("  %d of %d fetched" % (fetched, total), flush=True)
        elif line.startswith("Installing collected"):
            print("  all fetched, unpacking", flush=True)
    if process.wait() != 0:
        sys.stdout.write("".join(output[-15:]))
        stop("the packages could not be installed; the lines above say why.")


def main() -> None:
    check_python()
    if is_installed(KIND) and works():
        return
    if not works():
        make_environment()
    for lock in LOCKS[KIND]:
        install(lock)
    write_stamp(KIND)
    if KIND == "dev":
        write_stamp("run")


if __name__ == "__main__":
    main()
