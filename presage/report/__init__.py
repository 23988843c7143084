"""The report of a run: one self-contained HTML page, made from what the run folder holds."""

from presage.report.page import write_report

__all__ = ["write_report"]
