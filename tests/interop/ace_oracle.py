"""ACE potentials that are made up, their .yace files, and what NumPy and SciPy say of their energies.

A potential is a dict in the shape of the file. Its functions are invariant under rotations by themselves: legs of one l
in pairs, Σ_m (−1)^m A_lm A_l−m, or of l = 0.
"""

import itertools

import numpy as np
from ase.data import atomic_numbers
from ase.neighborlist import neighbor_list
from scipy.special import sph_harm_y

LEGS = [(1, 0)], [(2, 0)], [(3, 0)], [(1, 1), (1, 1)], [(1, 1), (2, 1)], [(1, 2), (2, 2)], [(2, 3), (2, 3)], \
    [(1, 1), (2, 1), (2, 0)], [(2, 2), (2, 2), (1, 0)], [(1, 1), (1, 1), (1, 1), (1, 1)], \
    [(1, 1), (2, 1), (1, 2), (2, 2)], [(1, 1), (2, 1), (1, 2), (1, 2), (2, 0)]  # (n, l) of each


def combinations(ls):
    """Combinations of m, and the factor of each."""
    pairs = [range(-l, l + 1) if l > 0 else None for l in ls]
    first = [k for k in range(0, len(ls) - 1, 2) if ls[k] > 0]
    found = []
    for chosen in itertools.product(*(pairs[k] for k in first)):
        ms = [0] * len(ls)
        for k, m in zip(first, chosen):
            ms[k], ms[k + 1] = m, -m
        found.append((ms, (-1) ** sum(chosen)))
    return found


def make_functions(element, nelements, ndensity, rng):
    functions = []
    for legs in LEGS:
        elements = list(itertools.product(range(nelements), repeat=len(legs))) if len(legs) < 3 else \
            [tuple(rng.integers(0, nelements, len(legs)))]
        for mus in elements:
            ns, ls = zip(*legs)
            combos = combinations(ls)
            scale = 0.3 / len(combos) * rng.normal(size=ndensity)
            functions.append({"mu0": element, "rank": len(legs), "ndensity": ndensity, "num_ms_combs": len(combos),
                              "mus": [int(mu) for mu in mus], "ns": list(ns), "ls": list(ls),
                              "ms_combs": [m for ms, _ in combos for m in ms],
                              "ctildes": [float(c) for _, sign in combos for c in sign * scale]})
    return functions


def made_up(elements, radial="ChebExpCos", inner="distance", embedding=("FinnisSinclair", [1.0, 1.0]), core=0.0,
            cutoff=4.6, seed=1):
    """A potential; with `core`, neighbours at some 2.6 Å add to ρ_core what fades the embedding out. For ZBL it is a factor,
    and bonds begin to give way to it at different distances, both ways of a pair."""
    rng = np.random.default_rng(seed)
    ndensity = len(embedding[1]) // 2
    model = {"elements": elements, "E0": [-1.5 + k for k in range(len(elements))], "embeddings": {}, "bonds": {},
             "functions": {}}
    for e in range(len(elements)):
        model["embeddings"][e] = {"ndensity": ndensity, "FS_parameters": embedding[1], "npoti": embedding[0],
                                  "rho_core_cutoff": 1.5 if core else 100000.0, "drho_core_cutoff": 1.4 if core else 250.0}
        model["functions"][e] = make_functions(e, len(elements), ndensity, rng)
        for other in range(len(elements)):
            low, high = min(e, other), max(e, other)
            crad = np.random.default_rng([seed, low, high]).normal(size=(2, 4, 5)).round(6)
            model["bonds"][e, other] = {
                "nradmax": 2, "lmax": 3, "nradbasemax": 5, "radbasename": radial,
                "radparameters": [2.0 if radial == "ChebPow" else 3.3 + 0.2 * low], "radcoefficients": crad.tolist(),
                "prehc": core, "lambdahc": 0.4, "rcut": cutoff - 0.3 * high - 0.1 * low,
                "dcut": 2.5 if inner == "zbl" else 0.3,
                "rcut_in": {"distance": 2.7, "density": 0.0, "zbl": 3.2 - 0.4 * e - 0.1 * other}[inner],
                "dcut_in": {"distance": 0.8, "density": 0.0, "zbl": 1.1 - 0.3 * other}[inner],
                "inner_cutoff_type": inner}
    return model


def write_yace(path, model, spline_step=0.001):
    """The file, as pacemaker writes it."""
    lines = [f"elements: [{', '.join(model['elements'])}]", f"E0: {model['E0']}", f"deltaSplineBins: {spline_step}",
             "embeddings:"]
    flow = lambda mapping: "{" + ", ".join(f"{key}: {value}" for key, value in mapping.items()) + "}"  # noqa: E731
    lines += [f"  {e}: {flow(embedding)}" for e, embedding in model["embeddings"].items()] + ["bonds:"]
    lines += [f"  [{i}, {j}]: {flow(bond)}" for (i, j), bond in model["bonds"].items()] + ["functions:"]
    for e, functions in model["functions"].items():
        lines += [f"  {e}:"] + [f"    - {flow(function)}" for function in functions]
    path.write_text("\n".join(lines).replace("'", "") + "\n")
    return path


# ---- energies ----

def fall(x, end, width):
    """1 below end − width, a polynomial to 0 at the end."""
    t = np.clip((x - end + width) / width, 0, 1) if width > 0 else np.asarray(x >= end, float)
    return 1 - t**3 * (10 - 15 * t + 6 * t**2)


def radial_functions(bond, r):
    """gₖ: nbase × neighbours."""
    x, k = r / bond["rcut"], np.arange(bond["nradbasemax"])[:, None]
    lam = bond["radparameters"][0]
    if bond["radbasename"] == "ChebExpCos":
        scaled = 1 - 2 * (np.exp(-lam * x) - np.exp(-lam)) / (1 - np.exp(-lam))
        g = np.where(k == 0, 1, 0.5 - 0.5 * np.cos(k * np.arccos(scaled))) * 0.5 * (1 + np.cos(np.pi * x))
        g = g * 0.5 * (1 + np.cos(np.pi * np.clip((r - bond["rcut"] + bond["dcut"]) / bond["dcut"], 0, 1)))
    elif bond["radbasename"] == "ChebPow":
        g = 0.5 - 0.5 * np.cos((k + 1) * np.arccos(1 - 2 * (1 - x) ** lam))
    else:
        g = bessel(bond["nradbasemax"], bond["rcut"], x)
    return g if bond["inner_cutoff_type"] != "distance" else g * (1 - fall(r, bond["rcut_in"], bond["dcut_in"]))


def bessel(count, cutoff, x):
    """Kocer, Mason and Erturk's: Σ of two sinc, made orthogonal with the weight r² by Gram and Schmidt."""
    grid, weights = np.polynomial.legendre.leggauss(60)
    grid, weights = 0.5 * (grid + 1), 0.5 * weights
    raw = lambda n, x: (-1) ** n * (np.sinc((n + 1) * x) + np.sinc((n + 2) * x))  # noqa: E731
    on_grid, values = [], []
    for n in range(count):
        here, there = raw(n, grid), raw(n, x)
        for before, at in zip(on_grid, values):
            overlap = (weights * grid**2 * here * before).sum() * cutoff**3
            here, there = here - overlap * before, there - overlap * at
        norm = np.sqrt((weights * grid**2 * here**2).sum() * cutoff**3)
        on_grid.append(here / norm)
        values.append(there / norm)
    return np.array(values)


def embed(embedding, rho):
    total = 0.0
    for p, density in enumerate(rho):
        weight, power = embedding["FS_parameters"][2 * p:2 * p + 2]
        size = abs(density)
        if embedding["npoti"] == "FinnisSinclair" or power == 1.0:  # far from ρ = 0
            value = size**power
        else:
            inverse = 1 / power
            shift, offset = (inverse ** (e / (1 - inverse)) * np.exp(-size) for e in (inverse, 1))
            value = (shift + size) ** power - offset
        total += weight * np.sign(density) * value
    return total


def screened(first, second, r):
    """ZBL of two nuclei, and its first two derivatives; the constant is python-ace's."""
    length = 0.46850 / (first**0.23 + second**0.23)
    amplitudes, decays = np.array([(0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162)]).T
    terms = 14.399645351950543 * first * second * amplitudes[:, None] * np.exp(-np.outer(decays / length, r))
    phi, phi1, phi2 = (((-decays[:, None] / length) ** n * terms).sum(axis=0) for n in range(3))
    return phi / r, phi1 / r - phi / r**2, phi2 / r - 2 * phi1 / r**2 + 2 * phi / r**3


def zbl(bond, first, second, r):
    """Half of it, with LAMMPS's polynomial to 0 at the end, and then the switch `fall` as well."""
    (end,), (slope,), (curvature,) = screened(first, second, np.array([bond["rcut"]]))
    width, past = bond["dcut"], np.maximum(r - bond["rcut"] + bond["dcut"], 0)
    cubic, quartic = (width * curvature - 3 * slope) / (3 * width**2), (2 * slope - width * curvature) / (4 * width**3)
    shift = -end + width * slope / 2 - width**2 * curvature / 12
    whole = screened(first, second, r)[0] + past**3 * (cubic + quartic * past) + shift
    return (0.5 * bond["prehc"] * whole * fall(r, bond["rcut"], bond["dcut"])).sum()


def core_repulsion(bond, r):
    core = bond["prehc"] * np.exp(-bond["lambdahc"] * r**2) / r * 0.5 * (1 + np.cos(np.pi * r / bond["rcut"]))
    return (core * (fall(r, bond["rcut_in"], bond["dcut_in"]) if bond["inner_cutoff_type"] == "distance" else 1)).sum()


def energies(model, atoms, chosen):
    """Energies of the chosen atoms."""
    index = np.array([model["elements"].index(symbol) for symbol in atoms.symbols])
    centres, others, vectors = neighbor_list("ijD", atoms, max(bond["rcut"] for bond in model["bonds"].values()))
    result = np.zeros(len(chosen))
    for at, i in enumerate(chosen):
        e, mine = index[i], centres == i
        base, single, core, nearest = {}, {}, 0.0, (np.inf, 0.0)
        for mu in range(len(model["elements"])):
            bond = model["bonds"][e, mu]
            d = vectors[mine & (index[others] == mu)]
            r = np.linalg.norm(d, axis=1)
            d, r = d[r < bond["rcut"]], r[r < bond["rcut"]]
            g = radial_functions(bond, r)
            if bond["inner_cutoff_type"] == "zbl":
                core += zbl(bond, atoms.numbers[i], atomic_numbers[model["elements"][mu]], r)
                nearest = min([nearest, *zip(r - bond["rcut_in"] + bond["dcut_in"],
                                             fall(r, bond["rcut_in"], bond["dcut_in"]))])
            elif bond["prehc"]:
                core += core_repulsion(bond, r)
            theta, phi = np.arccos(d[:, 2] / r), np.arctan2(d[:, 1], d[:, 0])
            crad = np.array(bond["radcoefficients"])
            for k in range(len(g)):
                single[mu, k + 1] = g[k].sum()
            for n, l in itertools.product(range(bond["nradmax"]), range(bond["lmax"] + 1)):
                for m in range(-l, l + 1):
                    base[mu, n + 1, l, m] = np.sqrt(4 * np.pi) * (crad[n, l] @ g * sph_harm_y(l, m, theta, phi)).sum()
        rho = np.zeros(model["embeddings"][e]["ndensity"])
        for f in model["functions"][e]:
            combos = np.array(f["ms_combs"]).reshape(f["num_ms_combs"], f["rank"])
            for ms, c in zip(combos, np.array(f["ctildes"]).reshape(f["num_ms_combs"], -1)):
                factors = [single[f["mus"][0], f["ns"][0]]] if f["rank"] == 1 else \
                    [base[leg] for leg in zip(f["mus"], f["ns"], f["ls"], ms)]
                rho += c * np.prod(factors).real
        embedding = model["embeddings"][e]
        if bond["inner_cutoff_type"] == "zbl":
            share = nearest[1]
            result[at] = embed(embedding, rho) * (1 - share) + core * share + model["E0"][e]
            continue
        fade = fall(core, embedding["rho_core_cutoff"], embedding["drho_core_cutoff"])
        result[at] = embed(embedding, rho) * fade + core + model["E0"][e]
    return result
