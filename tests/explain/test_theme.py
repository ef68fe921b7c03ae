from itertools import combinations

import numpy as np
import pytest

from dorec.explain.theme import DARK, LIGHT, SERIES, color, series_color, variables

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB
BLINDNESS = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(hexed):
    rgb = np.array([int(hexed[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    light, dark = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb):
    xyz = np.clip(rgb, 0, 1) @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    f = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_has_contrast_aa_on_every_ground_it_stands_on(scheme):
    pairs = [(text, ground) for text in ("ink", "muted", "accent") for ground in ("paper", "panel")]
    pairs += [("accent", "accent-soft"), ("ink", "accent-soft"), ("paper", "accent"), ("paper", "ink")]
    pairs += [(tone, ground) for tone in ("good", "warn", "bad") for ground in ("paper", f"{tone}-soft")]
    pairs += [("ink", f"{tone}-soft") for tone in ("good", "warn", "bad")]
    low = {pair: round(c, 2) for pair in pairs if (c := contrast(scheme[pair[0]], scheme[pair[1]])) < 4.5}
    assert low == {}


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_marks_have_contrast_3_on_paper(scheme):
    names = [*SERIES, "strong-line"]
    assert {n: c for n in names if (c := contrast(scheme[n], scheme["paper"])) < 3} == {}


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eye", BLINDNESS)
def test_the_first_colours_differ_for_every_eye(scheme, eye):
    seen = {name: lab(BLINDNESS[eye] @ linear(scheme[name])) for name in SERIES[:3]}
    distances = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(SERIES[:3], 2)}
    assert min(distances.values()) > 15, distances


def test_both_schemes_name_the_same_colours():
    assert set(LIGHT) == set(DARK)
    assert variables(DARK).count("--") == len(DARK) + sum(name.count("--") for name in DARK)


def test_colours_carry_their_light_value():
    assert color("ink") == f"var(--ink,{LIGHT['ink']})"
    assert series_color(5) == series_color(0)
