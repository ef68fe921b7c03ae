import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from dorec.domain.errors import ConfigError, IntegrityError, NotFinite  # noqa: E402
from dorec.domain.run import RunContext  # noqa: E402
from dorec.neural import Training, perceptron, random_stream, train, write_tensors  # noqa: E402
from dorec.neural.checkpoint import MANIFEST  # noqa: E402
from dorec.neural.loop import in_mixed_precision  # noqa: E402

X = torch.linspace(-2, 2, 60)[:, None]
Y = torch.sin(2 * X)
QUICK = {"learning_rate": 0.02, "batch_size": 16}


def network(seed=0, sizes=(1, 16, 1)):
    with random_stream(RunContext(seed=seed), "weights"):
        return nn.Sequential(perceptron(sizes), nn.Dropout(0.1))


def fitted(epochs, seed=0, module=None, checkpoint=None, validated=True, **settings):
    module = network(seed) if module is None else module

    def squares(rows):
        return ((module(X[rows]) - Y[rows]) ** 2).mean()

    done = train(
        module,
        squares,
        60,
        Training(**{"epochs": epochs, **QUICK, **settings}),
        validation=(lambda: float(squares(torch.arange(60)))) if validated else None,
        context=RunContext(seed=seed, threads=1),
        checkpoint=checkpoint,
    )
    return module, done


def weights(module):
    return {name: values.numpy().copy() for name, values in module.state_dict().items()}


def same(one, two):
    return all((one[name] == two[name]).all() for name in one)


def test_a_curve_is_learned():
    assert fitted(60)[1].best < 0.1


def test_a_seed_repeats_another_differs_and_the_global_state_matters_to_neither():
    torch.manual_seed(1)
    one = weights(fitted(3)[0])
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert same(one, weights(fitted(3)[0]))
    assert torch.equal(before, torch.get_rng_state())
    assert not same(one, weights(fitted(3, seed=1)[0]))


@pytest.mark.parametrize("validated", [True, False])
def test_ten_epochs_are_five_and_five_to_the_last_bit(tmp_path, validated):
    whole, done = fitted(10, validated=validated)
    fitted(5, checkpoint=tmp_path, validated=validated)
    halves, again = fitted(10, checkpoint=tmp_path, validated=validated, module=network(seed=9))
    assert done == again
    assert same(weights(whole), weights(halves))


def test_another_process_goes_on_to_the_same_bits(tmp_path):
    whole, _ = fitted(6)
    fitted(3, checkpoint=tmp_path)
    code = f"""
import sys, importlib.util, pathlib
spec = importlib.util.spec_from_file_location("t", {__file__!r})
t = importlib.util.module_from_spec(spec); spec.loader.exec_module(t)
module, _ = t.fitted(6, checkpoint=pathlib.Path({str(tmp_path)!r}))
print(*[v.tobytes().hex() for v in t.weights(module).values()])
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == [v.tobytes().hex() for v in weights(whole).values()]


def test_accumulated_batches_are_one_batch():
    plain = network(sizes=(1, 8, 1))[0]
    split = network(sizes=(1, 8, 1))[0]
    fitted(4, module=plain, batch_size=32)
    fitted(4, module=split, batch_size=8, accumulate=4)
    for one, two in zip(weights(plain).values(), weights(split).values(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def scripted(values, **settings):
    """Validations as told; the weight is the number of the epoch."""
    module, told = nn.Linear(1, 1), iter(values)
    module.bias.requires_grad_(False)
    epochs = []

    def asked():
        epochs.append(1)
        module.weight.fill_(len(epochs))
        return next(told)

    done = train(
        module,
        lambda rows: module(X[rows]).square().mean() * 0,
        60,
        Training(**{"epochs": len(values), **settings}),
        validation=asked,
        context=RunContext(threads=1),
    )
    return module, done


def test_it_stops_when_nothing_improves_and_keeps_the_best_weights():
    module, done = scripted([3.0, 2.0, 2.0, 2.5, 2.1, 1.0], patience=2)
    assert done.validations == (3.0, 2.0, 2.0, 2.5)
    assert (done.stopped_early, done.best, done.best_epoch) == (True, 2.0, 2)
    assert float(module.weight.detach()) == 2.0


def test_without_patience_it_goes_on():
    module, done = scripted([3.0, 2.0, 2.5, 2.5, 2.5, 1.0], patience=None)
    assert (done.stopped_early, done.epochs, float(module.weight.detach())) == (False, 6, 6.0)


@pytest.mark.parametrize("where", ["loss", "gradient", "validation"])
def test_what_is_not_finite_is_refused_with_the_epoch(where):
    module = nn.Linear(1, 1)

    def loss(rows):
        value = module(X[rows]).square().mean()
        if where == "gradient":
            return value + torch.sqrt(module.weight.square().sum() * 0)
        return value * (torch.nan if where == "loss" else 1)

    with pytest.raises(NotFinite, match="epoch 1") as caught:
        train(
            module,
            loss,
            60,
            Training(epochs=3),
            validation=(lambda: torch.inf) if where == "validation" else None,
            context=RunContext(threads=1),
        )
    assert caught.value.evidence["epoch"] == 1


def test_every_row_is_in_one_batch_of_an_epoch_and_the_order_changes():
    seen, weight = [], nn.Linear(1, 1)

    def loss(rows):
        seen.extend(rows.tolist())
        return weight(X[rows]).mean()

    train(weight, loss, 50, Training(epochs=2, batch_size=7), context=RunContext(threads=1))
    assert sorted(seen[:50]) == list(range(50)) == sorted(seen[50:])
    assert seen[:50] != seen[50:]


def test_a_long_gradient_is_shortened():
    module = nn.Linear(1, 1)
    lengths = []

    def loss(rows):
        if module.weight.grad is not None:
            lengths.append(float(module.weight.grad.square().sum() + module.bias.grad.square().sum()) ** 0.5)
        return 1e6 * module(X[rows]).square().mean()

    train(
        module, loss, 60, Training(epochs=2, batch_size=60, max_norm=0.5, accumulate=1), context=RunContext(threads=1)
    )
    assert all(length <= 0.5 + 1e-6 for length in lengths)


def test_a_changed_byte_is_found_before_anything_is_parsed(tmp_path):
    fitted(2, checkpoint=tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    with pytest.raises(IntegrityError, match="SHA-256"):
        fitted(4, checkpoint=tmp_path)
    file.unlink()
    with pytest.raises(IntegrityError, match="incomplete"):
        fitted(4, checkpoint=tmp_path)
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(IntegrityError, match="incomplete"):
        fitted(4, checkpoint=tmp_path)


def test_one_file_is_left_and_a_crash_leaves_the_former(tmp_path, monkeypatch):
    fitted(3, checkpoint=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    before = (tmp_path / MANIFEST).read_bytes()
    monkeypatch.setattr("dorec.neural.checkpoint.json.dumps", lambda facts: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_tensors(tmp_path, {"w": torch.ones(1)}, {})
    monkeypatch.undo()
    assert (tmp_path / MANIFEST).read_bytes() == before
    assert fitted(4, checkpoint=tmp_path)[1].epochs == 4


@pytest.mark.parametrize("change", [{"seed": 5}, {"batch_size": 8}, {"learning_rate": 0.5}])
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change):
    fitted(2, checkpoint=tmp_path)
    with pytest.raises(ConfigError, match=next(iter(change))):
        fitted(4, checkpoint=tmp_path, **change)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    fitted(2, checkpoint=tmp_path)
    with pytest.raises(ConfigError, match="another network"):
        fitted(4, checkpoint=tmp_path, module=network(sizes=(1, 5, 1)))


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 0}, {"accumulate": 0}, {"learning_rate": 0.0}, {"patience": 0}, {"reg": -1}]
)
def test_settings_out_of_bounds_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Training(**wrong)


@pytest.mark.parametrize(
    ("device", "has_it", "expected"), [("cuda", True, True), ("cuda:0", False, False), ("cpu", True, False)]
)
def test_mixed_precision_is_for_gpus_that_compute_in_it(device, has_it, expected, monkeypatch):
    asked = []

    def supported(*, including_emulation):
        asked.append(including_emulation)
        return has_it

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert in_mixed_precision(device) is expected
    assert asked == ([] if device == "cpu" else [False])


def test_on_the_cpu_the_precision_stays():
    module, kinds = network(), []

    def loss(rows):
        said = module(X[rows])
        kinds.append(said.dtype)
        return (said - Y[rows]).square().mean()

    train(module, loss, 60, Training(epochs=1, **QUICK), context=RunContext(device="cpu", threads=1))
    assert set(kinds) == {torch.float32}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_learns_in_mixed_precision():
    module, x, y = network(), X.cuda(), Y.cuda()
    kinds = []

    def loss(rows):
        said = module(x[rows])
        kinds.append(said.dtype)
        return ((said.float() - y[rows]) ** 2).mean()

    done = train(module, loss, 60, Training(epochs=60, **QUICK), context=RunContext(device="cuda"))
    assert done.losses[-1] < 0.3 * done.losses[0]
    assert set(kinds) == {torch.bfloat16}
