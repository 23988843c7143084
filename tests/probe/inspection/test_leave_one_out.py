"""Each point left out in turn, compared with fitting anew without it."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from presage.probe.inspection import leave_one_out
from presage.probe.inspection.leave_one_out import KernelMap, left_out_probabilities


def test_the_map_gives_the_kernel_where_all_points_are_landmarks() -> None:
    points = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    seen_by = KernelMap.of(points)
    inner = seen_by(points) @ seen_by(points).T
    standard = (points - points.mean(dim=0)) / points.std(dim=0, unbiased=False)
    squares = torch.cdist(standard, standard).square()
    median = squares[squares > 1e-6].median()
    torch.testing.assert_close(inner, torch.exp(-1.5 * squares / median), atol=1e-3, rtol=0)


def test_it_is_the_regression_fitted_anew_without_the_point(monkeypatch: pytest.MonkeyPatch) -> None:
    penalty, temperature, n, k = 0.01, 0.2, 25, 3
    monkeypatch.setattr(leave_one_out, "_PENALTIES", (penalty,))
    monkeypatch.setattr(leave_one_out, "_TEMPERATURES", (temperature,))
    drawn = torch.Generator().manual_seed(1)
    seen, labels = torch.randn(n, 6, generator=drawn), torch.randint(k, (n,), generator=drawn)
    found = left_out_probabilities(seen, labels, k)
    truth = F.one_hot(labels, k).float()
    mean = truth.mean(dim=0)
    for row in range(n):
        others = [at for at in range(n) if at != row]
        x = seen[others]
        weights = torch.linalg.solve(x.T @ x + penalty * n * torch.eye(6), x.T @ (truth[others] - mean))
        expected = ((seen[row] @ weights + mean) / temperature).softmax(dim=0)
        torch.testing.assert_close(found[row], expected, atol=1e-4, rtol=1e-3)


def test_penalty_and_temperature_are_those_of_the_best_likelihood() -> None:
    drawn = torch.Generator().manual_seed(2)
    labels = torch.arange(200) % 4
    noise = left_out_probabilities(torch.randn(200, 10, generator=drawn), labels, 4)
    assert float(noise.max(dim=1).values.mean()) < 0.45  # where nothing is known nothing is said
    clear = left_out_probabilities(F.one_hot(labels, 4) + 0.1 * torch.randn(200, 4, generator=drawn), labels, 4)
    own = clear.gather(1, labels[:, None])
    assert math.isclose(float(own.mean()), 1.0, abs_tol=0.05)
    assert float(own.min()) > 0.8
