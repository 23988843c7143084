"""How to use each network of a run: lines of Python to run where the run folder is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presage.report.networks import ShownNetwork, ShownTraining
    from presage.search.result import SearchResult
    from presage.search.run.run_folder import RunFolder

__all__ = ["Uses"]


class Uses:
    """Of the networks of one run."""

    def __init__(self, folder: RunFolder, result: SearchResult) -> None:
        self._folder, self._result = folder, result

    @property
    def best(self) -> str | None:
        """Of the best network; None where none was exported."""
        from presage.search.run.export import how_to_use

        best = self._folder.best
        return how_to_use(best) if (best / "architecture.json").exists() else None

    def of(self, training: ShownTraining) -> str | None:
        """Of a network as a training left it; None where its weights were not kept."""
        if training.folder == "best":
            return self.best
        if training.folder is None:
            return None
        from presage.training.model.readme import how_to_use

        return how_to_use(training.folder, 3, program=False)

    def anew(self, network: ShownNetwork) -> str:
        """Of a network whose weights were not kept: how it is made, to be trained."""
        params = dict(network.chosen.params) if network.chosen is not None else dict(network.params)
        return (
            "from presage.architecture.spaces import get_space\n\n"
            f"architecture = get_space({self._result.space!r}).decode({params!r})\n"
            f"presage.train({self._result.dataset!r}, [architecture])\n"
        )
