"""kcat, the client that has nothing of keng in it."""
import subprocess

RUN_S = 300


class KcatFailure(Exception):
    """Names the words, the status and what kcat said."""


def arguments(config, *words):
    """The command; `config`: librdkafka's settings. The user's own configuration file does not count, and the 5 s that kcat
    gives a broker to say what it has are 60 s, as on a busy machine TLS takes its time."""
    return ["kcat", "-E", "-m", "60", *(word for key, value in config.items() for word in ("-X", f"{key}={value}")), *words]


def run(config, *words, data=b""):
    """What kcat prints, as bytes; KcatFailure when it fails."""
    try:
        done = subprocess.run(arguments(config, *words), input=data, capture_output=True, timeout=RUN_S)
    except subprocess.TimeoutExpired:
        raise KcatFailure(f"kcat {' '.join(words)} was not done within {RUN_S} s") from None
    if done.returncode != 0:
        raise KcatFailure(f"kcat {' '.join(words)} ended with {done.returncode}: "
                          f"{done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def fails(config, *words, data=b""):
    """Whether kcat does."""
    try:
        run(config, *words, data=data)
    except KcatFailure:
        return True
    return False
