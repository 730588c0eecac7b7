"""Texts of which it is known beforehand what keng must see in them: filler that no rule and no place matches and of which
no two are near-duplicates, and the wards of today by their official names."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ONSETS = "b ch d g h kh l m n ng ph s t th tr v x".split()
RIMES = "a an anh ao e em eo i im in iu o oi om on u un uon y yen".split()


def filler(rng, count):
    """`count` syllables."""
    return " ".join(rng.choice(ONSETS) + rng.choice(RIMES) for _ in range(count))


def report(rng, phrase, ward_name):
    """A text in which `phrase` is said of one ward of An Giang."""
    return f"{filler(rng, 12)}, {phrase} ở {ward_name}, An Giang. {filler(rng, 18)}"


def wards():
    """Code and full name of every unit of today, from the gazetteer."""
    found = []
    for line in (ROOT / "rules/places/an_giang.yaml").read_text().splitlines():
        match = re.search(r'code: "(\d{5})", type: ([^,]+), name: ([^,}]+)', line)
        if match:
            found.append((match.group(1), f"{match.group(2)} {match.group(3).strip()}"))
    return found
