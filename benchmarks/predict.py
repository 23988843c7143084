"""How many architectures a second are sampled and decoded, and how many encoded and predicted, by each predictor.

    python benchmarks/predict.py [--count 20000] [--threads 2] [--predictor boosted-trees] [--space chain]

Trained on made-up experience: the time of a prediction does not depend on what was learned. The rate asked for is
that of encoding and predicting, 10,000 a second on two cores, goal 50,000. Rates are by the clock; those per CPU
second beside them are what one core does, and what to compare where other work shares the machine. Where numba is
installed (the extra `fast`), each space is measured by NumPy as well, chunk by chunk in turn: `times NumPy` compares
CPU seconds of encoding and predicting. TAPAS (arXiv 1806.00250) reports over 100 predictions a second, on a GPU.
"""

from __future__ import annotations

import argparse
import os
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--count", type=int, default=20_000, help="architectures of each space")
parser.add_argument("--chunk", type=int, default=2_000, help="architectures at a time, as search asks for them")
parser.add_argument("--threads", type=int, default=2, help="CPU threads")
parser.add_argument("--datasets", type=int, default=28, help="datasets of the experience")
parser.add_argument("--networks", type=int, default=56, help="networks on each")
parser.add_argument("--predictor", action="append", help="may be given more than once")
parser.add_argument("--space", action="append", help="may be given more than once")
arguments = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # before NumPy and LightGBM are loaded

import numpy as np  # noqa: E402

from presage.architecture.compiled.compiling import SWITCH, is_available  # noqa: E402
from presage.architecture.spaces import SPACES, get_space  # noqa: E402
from presage.surrogate import Predictor, get_predictor  # noqa: E402
from presage.surrogate.data.encoding import Inputs  # noqa: E402
from presage.surrogate.testing import synthetic_experience, synthetic_task  # noqa: E402


def main() -> None:
    experience = synthetic_experience(arguments.datasets, arguments.networks)
    names = arguments.predictor or ["boosted-trees", "tap-lstm"]
    spaces = arguments.space or [*SPACES, "nb201:cells=5,width=16"]
    print(f"{len(experience)} experiments, {arguments.count} architectures, {arguments.threads} threads")
    for name in names:
        predictor = get_predictor(name)
        begin = time.perf_counter()
        predictor._learn(experience)
        print(f"\n{name}: learned in {time.perf_counter() - begin:.1f} s")
        print(f"{'':24} {'microseconds each':^35} {'per second':^35}")
        print(
            f"{'space':24} {'sample':>8} {'decode':>8} {'encode':>8} {'predict':>8} {'sample+decode':>14} "
            f"{'encode+predict':>15} {'per CPU second':>15} {'all':>8} {'times NumPy':>12}"
        )
        for space in spaces:
            print(measured(predictor, space))


def measured(predictor: Predictor, name: str) -> str:
    """One line: microseconds of each stage, and architectures per second of the stages two by two and of all."""
    space, task, rng = get_space(name), synthetic_task(1001), np.random.default_rng(0)
    spent, compiled, cpu, by_numpy = np.zeros(4), is_available(), 0.0, 0.0
    for warm in (True, False):
        count = arguments.chunk if warm else arguments.count
        spent[:], cpu, by_numpy = 0, 0.0, 0.0
        for start in range(0, count, arguments.chunk):
            marks = [time.perf_counter()]
            codes = space.sample(min(arguments.chunk, count - start), rng)
            marks.append(time.perf_counter())
            graphs = space.decode_batch(codes)
            marks.append(time.perf_counter())
            begin = time.process_time()
            inputs = Inputs(graphs, task)
            _ = inputs.sequence if predictor.name == "tap-lstm" else inputs.features
            marks.append(time.perf_counter())
            estimate = predictor._estimate(inputs)
            marks.append(time.perf_counter())
            cpu += time.process_time() - begin
            spent += np.diff(marks)
            if compiled:
                graphs = space.decode_batch(codes)
                os.environ[SWITCH] = "0"
                begin = time.process_time()
                again = predictor._estimate(Inputs(graphs, task))
                by_numpy += time.process_time() - begin
                del os.environ[SWITCH]
                np.testing.assert_allclose(again.value, estimate.value, rtol=0, atol=1e-3)
    stages = "".join(f" {1e6 * stage / count:6.0f}µs" for stage in spent)
    made, predicted = count / spent[:2].sum(), count / spent[2:].sum()
    rates = f"{made:14,.0f} {predicted:15,.0f} {count / cpu:15,.0f} {count / spent.sum():8,.0f}"
    return f"{name:24}{stages} {rates} {by_numpy / cpu:12.2f}"


if __name__ == "__main__":
    main()
