import numpy as np

from dorec.discover import GraphAutoencoder, Notears, structural_hamming_distance
from dorec.domain.run import RunContext


def test_effects_of_one_form_are_found_that_lines_miss(shared_world):
    errors = []
    for seed in range(20, 25):
        table, truth = shared_world(seed)
        ours = GraphAutoencoder(compare=False, max_steps=40, max_rounds=8).report(table, context=RunContext(threads=1))
        lines = Notears(compare=False).report(table)
        errors.append([structural_hamming_distance(truth, r.graph) for r in (ours, lines)])
    ours, lines = np.mean(errors, axis=0)
    assert ours <= 0.4 * lines
