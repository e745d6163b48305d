"""Data frames that print each metric with its interval."""

import math
from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd

from skpneumo._formatting import based_on, with_interval
from skpneumo._plotting import metric_label

__all__ = ["EvaluationFrame", "ReadableFrame", "StressFrame"]

_NAMES = {"brier_score": "Brier score", "withheld": "withheld by the gate"}
_LEAST_WIDTH = 29


# Columns of a value and the limits of its interval, which are printed as one column.
_FIGURES = (
    ("value", "low", "high"),
    ("difference", "low", "high"),
    ("net_benefit", "low", "high"),
    ("drop", "drop_low", "drop_high"),
)
_SHORT = {
    "value_a": "a",
    "value_b": "b",
    "p_value": "p",
    "n": "images",
    "n_patients": "patients",
    "threshold_probability": "threshold",
}
# Left out when printed, so that lines fit a terminal.
_NOT_PRINTED = {
    "interval", "test", "n_effective", "true_positives", "false_negatives", "false_positives",
    "true_negatives",
}  # fmt: skip


class ReadableFrame(pd.DataFrame):
    """A :class:`pandas.DataFrame` that prints each value with its interval, in 80 columns.

    Results computed from it are plain data frames, and so is ``pandas.DataFrame(frame)``.
    """

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        if self._is_part():
            return pd.DataFrame(self).__repr__()
        return self._for_reading().to_string(index=False)

    def _repr_html_(self) -> str | None:
        if self._is_part():
            return pd.DataFrame(self)._repr_html_()
        return self._for_reading().to_html(index=False, border=0)

    def _is_part(self) -> bool:
        """Tell whether printed columns are missing, as pandas also changes frames in place."""
        return not any(set(each) <= set(map(str, self.columns)) for each in _FIGURES)

    def _for_reading(self) -> pd.DataFrame:
        level = f"{self.attrs.get('confidence_level', 0.95):.0%} interval"
        limits = {name for _, *ends in _FIGURES for name in ends}
        columns: dict[str, Any] = {}
        for name in map(str, self.columns):
            if name in _NOT_PRINTED or name in limits:
                continue
            shown = self[name]
            for point, low, high in _FIGURES:
                if name == point and {low, high} <= set(self.columns):
                    shown = [
                        with_interval(*figure)
                        for figure in zip(self[point], self[low], self[high], strict=True)
                    ]
                    columns[f"{name} [{level}]"] = shown
                    break
            else:
                if shown.dtype.kind == "f":
                    shown = shown.map("{:.3f}".format)
                columns[_SHORT.get(name, name)] = shown
        return pd.DataFrame(columns)


class EvaluationFrame(ReadableFrame):
    """Data frame that prints the metrics of one model with their intervals."""

    def __repr__(self) -> str:
        return super().__repr__() if self._is_part() else self.formatted()

    def formatted(
        self, metrics: Collection[str] | None = None, positive: str | None = None
    ) -> str:
        """Format metrics as text: a line for each, with its interval and sample size.

        Parameters
        ----------
        metrics : collection of str, default=None
            The metrics to show; all by default.
        positive : str, default=None
            Name of the positive class; by default that of the table.

        Returns
        -------
        text : str
        """
        positive = positive or self.attrs.get("positive")
        width = max(_LEAST_WIDTH, len(_name("recall", positive)) + 2)
        level = f"{self.attrs.get('confidence_level', 0.95):.0%} interval"
        lines = [f"{'':{width}}{'value':>7}  {level:<17}{'images':>7}{'patients':>10}"]
        for subgroup, rows in self.groupby("subgroup", sort=False):
            if subgroup != "all":
                lines.append(f"{subgroup}:")
            lines += [
                _line(row, _name(row.metric, positive), width)
                for row in rows.itertuples()
                if metrics is None or row.metric in metrics
            ]
        return "\n".join(lines)

    def _is_part(self) -> bool:
        needed = {"subgroup", "metric", "value", "low", "high", "n", "n_patients", "interval"}
        return not needed <= set(map(str, self.columns))

    def _for_reading(self) -> pd.DataFrame:
        table = super()._for_reading()
        table["metric"] = [_name(each, self.attrs.get("positive")) for each in self["metric"]]
        undefined = self["value"].isna().to_numpy()
        table.loc[undefined, table.columns[2]] = self.loc[undefined, "interval"]
        return table if self["subgroup"].nunique() > 1 else table.drop(columns="subgroup")


class StressFrame(ReadableFrame):
    """Data frame that prints the results of a stress test, in one part per metric."""

    def __repr__(self) -> str:
        return super().__repr__() if self._is_part() else "\n\n".join(self._parts())

    def _is_part(self) -> bool:
        needed = {"corruption", "metric", "value", "low", "high", "n", "n_patients", "interval"}
        needed |= {"drop", "drop_low", "drop_high"}
        return not needed <= set(map(str, self.columns))

    def _parts(self) -> Iterator[str]:
        level = f"{self.attrs.get('confidence_level', 0.95):.0%} interval"
        width = max(27, 1 + max(map(len, self["corruption"])))
        for metric, rows in self.groupby("metric", sort=False):
            size = based_on(int(rows["n"].max()), int(rows["n_patients"].max()))
            lines = [
                f"{_name(str(metric), None)} of {size}",
                f"{'':{width}}{'value':>6}  {level:<16}{'drop':>7}  {level:<16}".rstrip(),
            ]
            for row in rows.itertuples():
                lines.append(f"{row.corruption:{width}}{self._figures(row)}".rstrip())
                if isinstance(getattr(row, "where", None), str):
                    lines[-1] += f"\n  {row.where}"
            yield "\n".join(lines)

    def _figures(self, row: Any) -> str:
        if math.isnan(row.value):
            return str(row.interval)
        drop = "" if math.isnan(row.drop) else f"{row.drop:+7.3f}"
        lost = "" if math.isnan(row.drop) else _limits(row.drop_low, row.drop_high)
        return f"{row.value:6.3f}  {_limits(row.low, row.high):<16}{drop}  {lost}"

    def _for_reading(self) -> pd.DataFrame:
        table = super()._for_reading()
        table["metric"] = [_name(each, None) for each in self["metric"]]
        if "where" in table:
            table["where"] = table["where"].fillna("")
        value, drop = (name for name in table.columns if name.startswith(("value [", "drop [")))
        undefined = self["value"].isna().to_numpy()
        table.loc[undefined, value] = self.loc[undefined, "interval"]
        table.loc[self["drop"].isna().to_numpy(), drop] = ""
        return table


def _line(row: Any, name: str, width: int) -> str:
    sizes = f"{row.n:>7}{row.n_patients:>10}"
    if math.isnan(row.value):
        figure, _, why = row.interval.partition(": ")
        return f"{name:{width}}{figure:<26}{sizes}\n  {why}".rstrip()
    return f"{name:{width}}{row.value:7.3f}  {_limits(row.low, row.high):<17}{sizes}"


def _limits(low: float, high: float) -> str:
    return "[no interval]" if math.isnan(low) else f"[{low:.3f}, {high:.3f}]"


def _name(metric: str, positive: str | None) -> str:
    if metric == "recall" and positive:
        return f"recall of {positive}"
    return _NAMES.get(metric, metric_label(metric))
