"""Made-up SNAP potentials: coefficient files with small random coefficients that give forces of a few eV/Å."""

import itertools

import numpy as np
import oracle


def components(twojmax):
    """(2j₁, 2j₂, 2j) of the bispectrum components in LAMMPS's order."""
    return [(j1, j2, j) for j1 in range(twojmax + 1) for j2 in range(j1 + 1)
            for j in range(j1 - j2, min(twojmax, j1 + j2) + 1, 2) if j >= j1]


def exchange_average(twojmax, nelements):
    """The matrix that averages chemflag coefficients over exchanges of the elements at equal j's.

    LAMMPS multiplies one coefficient by two or three where j's are equal, which is the gradient of its own energy
    only if the components with exchanged elements there have the same coefficients; with others, its forces disagree
    with finite differences of its energy. Published potentials have such coefficients, so made-up ones must too.
    """
    triples = components(twojmax)
    shape = (nelements, nelements, nelements, len(triples))
    matrix = np.zeros((np.prod(shape), np.prod(shape)))
    for index, js in enumerate(triples):
        exchanges = [order for order in itertools.permutations(range(3))
                     if all(js[order[i]] == js[i] for i in range(3))]
        for elements in itertools.product(range(nelements), repeat=3):
            row = np.ravel_multi_index((*elements, index), shape)
            for order in exchanges:
                matrix[row, np.ravel_multi_index((*(elements[i] for i in order), index), shape)] += 1 / len(exchanges)
    return matrix


def write_potential(folder, settings, elements, atoms, seed):
    """Write made-up.snapcoeff and .snapparam into `folder`; the coefficients are scaled so that each component
    contributes like the others to the forces on `atoms`. elements: (symbol, radius, weight) of each."""
    chemical = settings.get("chemflag", 0)
    nlinear = len(components(settings["twojmax"])) * (len(elements) ** 3 if chemical else 1)
    ncomponents = nlinear * (nlinear + 3) // 2 if settings.get("quadraticflag") else nlinear
    path = folder / "made-up.snapcoeff"
    path.with_suffix(".snapparam").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    write_coefficients(path, elements, np.zeros((len(elements), 1 + ncomponents)))

    gradients = oracle.gradients(atoms, oracle.Potential(path))
    size = np.sqrt(np.mean(gradients**2, axis=(0, 1, 2)))
    rng = np.random.default_rng(seed)
    scale = np.divide(1.0, size, out=np.zeros(ncomponents), where=size > 1e-12 * size.max()) / np.sqrt(ncomponents)
    coefficients = rng.normal(size=(len(elements), ncomponents)) * scale
    if chemical:
        coefficients = average_exchanges(coefficients, exchange_average(settings["twojmax"], len(elements)))
    write_coefficients(path, elements, np.hstack([rng.normal(size=(len(elements), 1)), coefficients]))
    return path


def average_exchanges(coefficients, average):
    """Coefficients (without the constant) with the same energies that are equal under exchange: averaged by the matrix of
    `exchange_average`, quadratic ones as the symmetric matrix of a form."""
    nlinear = len(average)
    linear = coefficients[:, :nlinear] @ average.T
    if coefficients.shape[1] == nlinear:
        return linear
    rows, columns = np.triu_indices(nlinear)
    quadratic = np.zeros((len(coefficients), nlinear, nlinear))
    quadratic[:, rows, columns] = quadratic[:, columns, rows] = coefficients[:, nlinear:]
    quadratic = average @ quadratic @ average.T
    return np.hstack([linear, quadratic[:, rows, columns]])


def write_coefficients(path, elements, coefficients):
    with open(path, "w") as file:
        file.write(f"# made up\n{len(elements)} {coefficients.shape[1]}\n")
        for (symbol, radius, weight), row in zip(elements, coefficients):
            file.write(f"{symbol} {radius} {weight}\n")
            file.writelines(f"{value!r}\n" for value in row.tolist())
