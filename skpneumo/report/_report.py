"""Compute, show and write evaluation reports."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils import check_consistent_length

from skpneumo._formatting import printable, today, with_interval
from skpneumo._html import document, fragment, write_page
from skpneumo._typing import ArrayLike
from skpneumo.fitted import classes_of
from skpneumo.report._checklist import checklist
from skpneumo.report._collection import Collection
from skpneumo.report._context import ReportContext, Settings
from skpneumo.report._explained import section_html
from skpneumo.report._figures import figures_of, training_curves
from skpneumo.report._flow import flow
from skpneumo.report._images import sample_images, worst_errors
from skpneumo.report._input_gate import input_gate
from skpneumo.report._markup import Section
from skpneumo.report._model_card import card_section
from skpneumo.report._operating_point import operating_point
from skpneumo.report._prevalence import at_prevalence
from skpneumo.report._sections import (
    data_card,
    facts_of,
    limits,
    metrics,
    protocol,
    reproduction,
    summary,
)
from skpneumo.report._sections import subgroups as subgroups_of
from skpneumo.report._title import title_of

if TYPE_CHECKING:
    import pandas as pd

    from skpneumo.audit import ImageAudit

__all__ = ["EvaluationReport"]


@dataclass(frozen=True, repr=False)
class EvaluationReport:
    """Evaluation of a fitted model on a labelled collection, as one self-contained page.

    Create it with :meth:`from_estimator`. It is displayed in notebooks, and :meth:`to_html` writes
    it to a file.

    Attributes
    ----------
    frame : pandas.DataFrame
        The metrics with their intervals, as returned by :func:`~skpneumo.evaluation.evaluate`.
    counts : pandas.DataFrame
        Numbers of images and patients by split, class and etiology, if these are known.
    relations : pandas.DataFrame
        The splits of the collection, and what each shares with the evaluated one.
    audit : ImageAudit or None
        The audit of the files.
    threshold : float or None
        Scores from this value on counted as positive; None if no threshold gives the decisions.
    threshold_origin : str
        How the threshold was chosen, in a sentence.
    date : str
        Date of the report.
    facts : dict of str to str
        Date, seed, and digests of the model and of the evaluated data, if known.
    title : str
        Title of the page: the model, the data and the date.
    sections : tuple of (name, title, body)
        The sections of the page.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.report import EvaluationReport
    >>> X, y = np.linspace(-1, 1, 40).reshape(-1, 1), np.repeat([0, 1], 20)
    >>> report = EvaluationReport.from_estimator(GaussianNB().fit(X, y), X, y)
    >>> report.frame.set_index("metric").loc["recall", "value"]
    np.float64(1.0)
    >>> report.to_html("report.html")  # doctest: +SKIP
    """

    frame: "pd.DataFrame"
    counts: "pd.DataFrame"
    relations: "pd.DataFrame"
    audit: "ImageAudit | None"
    threshold: float | None
    threshold_origin: str
    date: str
    facts: dict[str, str]
    title: str
    sections: tuple[Section, ...]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        split: ArrayLike | None = None,
        part: str | None = "test",
        groups: ArrayLike | None = None,
        pos_label: Any = None,
        threshold: float | None = None,
        subgroups: Any = "etiology",
        prevalence: float | None = None,
        threshold_probability: float | None = None,
        confidence_level: float = 0.95,
        n_resamples: int = 2000,
        random_state: int = 0,
        target_names: Sequence[str] | None = None,
        audit: "ImageAudit | bool" = True,
        explain: bool = False,
        seen_in_training: ArrayLike | None = None,
        skipped: "pd.DataFrame | None" = None,
        description: str = "",
        provenance: Mapping[str, str] | None = None,
        date: str | None = None,
    ) -> Self:
        """Evaluate and audit, and write the sections of the report.

        Parameters
        ----------
        estimator : fitted classifier
            Any estimator with ``predict`` and ``classes_``, such as a whole pipeline from paths.
        X : array-like of length n_images
            The whole collection, not only the evaluated split, so that the report can describe how
            they are related: paths, images or features.
        y : array-like of shape (n_images,)
            True labels.
        split : array-like of shape (n_images,) of str, default=None
            The split of each row. With None, or if all are "", all rows are evaluated.
        part : str or None, default="test"
            The split to evaluate; None evaluates all rows.
        groups : array-like of shape (n_images,), default=None
            The patient of each image. None reads it from the file names if there are any, and
            otherwise counts each row as one patient.
        pos_label : label or list of labels, default=None
            The positive class or classes; by default the one that the estimator's threshold
            applies to, or else the illness by the names of the two.
        threshold : float, default=None
            Scores from this value on count as positive. None uses the estimator's ``predict``.
        subgroups : str, list of str, DataFrame, array-like or None, default="etiology"
            The subgroups: a table with columns of subgroups and the rows of ``X``, names of
            columns of ``X``, or one name for each row. "etiology" is read from file names.
        prevalence : float, default=None
            Share of positive images where the model will be used, for predictive values and net
            benefit.
        threshold_probability : float, default=None
            Probability from which on one would act; ``prevalence`` by default.
        confidence_level : float, default=0.95
            Confidence level of the two-sided intervals.
        n_resamples : int, default=2000
            Number of bootstrap resamples of patients.
        random_state : int, default=0
            Seed of the bootstrap and of the sample images.
        target_names : sequence of str, default=None
            Names of ``estimator.classes_``.
        audit : ImageAudit or bool, default=True
            An audit of the same rows, or whether to perform one, which opens every file of the
            collection.
        explain : bool, default=False
            Whether to add what the model looks at, and whether it uses a shortcut, by
            :func:`~skpneumo.explanation_report`. This takes minutes, and needs a pipeline that
            ends in a classifier of images with ``predict_proba``.
        seen_in_training : array-like of bool, shape (n_evaluated,), default=None
            Whether the model was fitted on each of the evaluated images, or on another image of
            the same patient. None if unknown, which the report states.
        skipped : DataFrame with the column "reason", default=None
            Files that were left out before, one row each, such as ``skipped`` of a loader.
        description : str, default=""
            Text about the collection, such as the ``DESCR`` of a loader.
        provenance : mapping of str to str, default=None
            Further facts for reproducing the report, such as the checksum of the model file.
        date : str, default=None
            Date of the report; today by default.

        Returns
        -------
        report : EvaluationReport

        Raises
        ------
        ValueError
            If ``part`` has no rows, lengths or labels do not match, or it is unclear which class
            is positive; with ``explain``, if the input of the classifier is not images, or a class
            has fewer than two images.
        UnreadableImagesError
            If the pipeline cannot read some of the evaluated files.

        Warns
        -----
        UnknownPatientsWarning
            If neither ``groups`` nor ``X`` identifies the patients.

        See Also
        --------
        skpneumo.evaluation.evaluate : Computes only the metrics.
        skpneumo.audit.audit_images : Performs only the audit.
        skpneumo.explanation_report : Computes only the explanation.

        Examples
        --------
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.preprocessing import FunctionTransformer
        >>> from skpneumo import ImageLoader, make_chest_xray, make_pipeline
        >>> from skpneumo.report import EvaluationReport
        >>> xrays = make_chest_xray(n_patients=30, random_state=0)
        >>> model = make_pipeline(
        ...     ImageLoader(size=8),
        ...     FunctionTransformer(lambda images: images.reshape(len(images), -1) / 255),
        ...     LogisticRegression())
        >>> train = xrays.split == "train"
        >>> model = model.fit(xrays.filenames[train], xrays.target[train])
        >>> report = EvaluationReport.from_estimator(
        ...     model, xrays.filenames, xrays.target, split=xrays.split,
        ...     target_names=xrays.target_names)
        >>> report.to_html("report.html")  # doctest: +SKIP
        >>> report.threshold, report.relations["patients shared"].sum()
        (0.5, np.int64(0))
        """
        collection = Collection.of(X, y, split, groups, part)
        settings = Settings(
            confidence_level,
            n_resamples,
            random_state,
            today() if date is None else date,
            description,
            dict(provenance or {}),
            prevalence=prevalence,
            threshold_probability=threshold_probability,
            subgroups=_columns_of(X, subgroups),
            skipped=skipped,
            seen_in_training=(
                None if seen_in_training is None else np.asarray(seen_in_training, dtype=bool)
            ),
        )
        check_consistent_length(collection.rows, settings.seen_in_training)
        context = ReportContext.of(
            estimator,
            collection,
            settings,
            pos_label=pos_label,
            threshold=threshold,
            target_names=target_names,
            audit=audit,
            explain=explain,
        )
        facts = facts_of(context)
        return cls(
            frame=context.frame,
            counts=collection.counts(context.label_names),
            relations=collection.relations(context.audit),
            audit=context.audit,
            threshold=context.rule.threshold,
            threshold_origin=context.rule.origin,
            date=settings.date,
            facts=facts,
            title=title_of(context),
            sections=_sections_of(context, facts),
        )

    def with_section(self, name: str, title: str, body: str) -> Self:
        """Return the report with one more section, before its limits and its provenance.

        Parameters
        ----------
        name : str
            Name of the section in links, after ``#``.
        title : str
            Heading of the section.
        body : str
            Self-contained HTML.

        Returns
        -------
        report : EvaluationReport
            A new report; this one is unchanged.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skpneumo.report import EvaluationReport
        >>> X, y = np.linspace(-1, 1, 40).reshape(-1, 1), np.repeat([0, 1], 20)
        >>> report = EvaluationReport.from_estimator(LogisticRegression().fit(X, y), X, y)
        >>> longer = report.with_section("notes", "Notes", "<p>Images of one machine.")
        >>> [name for name, *_ in longer.sections][-3]
        'notes'
        """
        section = Section(name, title, body)
        return replace(self, sections=(*self.sections[:-2], section, *self.sections[-2:]))

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one page that needs no network.

        Parameters
        ----------
        path : str or path-like
            File to write. If writing fails, an existing file is unchanged.
        """
        contents = "".join(
            f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title, _ in self.sections
        )
        body = f'<nav aria-label="Contents"><ul>{contents}</ul></nav>{self._body()}'
        write_page(path, document(self.title, fragment(body)))

    def __repr__(self) -> str:
        overall = self.frame[self.frame["subgroup"].eq("all")].set_index("metric")
        figures = ", ".join(
            f"{row.Index} "
            + with_interval(
                row.value, row.low, row.high, row.n, row.n_patients, undefined=row.interval
            )
            for row in overall.loc[["recall", "specificity"]].itertuples()
        )
        return f"<EvaluationReport of {self.date}: {figures}>"

    def _repr_html_(self) -> str:
        return printable(fragment(self._body()))

    def _body(self) -> str:
        return "".join(
            f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>{body}'
            "</section>"
            for name, title, body in self.sections
        )


def _sections_of(context: ReportContext, facts: dict[str, str]) -> tuple[Section, ...]:
    """Write all sections; the last two are the limits and how to reproduce the report."""
    estimator = context.estimator
    names = [context.label_names[label] for label in classes_of(estimator)]
    sections = (
        summary(context),
        data_card(context),
        flow(context),
        protocol(context),
        operating_point(context),
        *input_gate(context),
        metrics(context),
        at_prevalence(context),
        Section("figures", "Figures", figures_of(context)),
        subgroups_of(context),
        Section("training", "Training", training_curves(estimator)),
        Section("images", "Sample images", sample_images(context)),
        Section("errors", "Worst errors", worst_errors(context)),
        *_explanation(context),
        card_section(estimator, names, facts, context.explained is not None),
    )
    unstated = () if context.settings.prevalence is not None else ("prevalence",)
    last = limits(context), reproduction(context, facts)
    return *sections, checklist((*sections, *last), unstated), *last


def _explanation(context: ReportContext) -> list[Section]:
    """Write the section, if it was asked for."""
    explained = context.explained
    if explained is None:
        return []
    body = section_html(
        context.estimator,
        context.collection.evaluated(),
        explained.model,
        explained.images,
        context.predictions,
        threshold=context.rule.threshold,
        target_name=context.names[1],
        truth=[context.label_names[label] for label in context.labels.tolist()],
        random_state=context.settings.random_state,
    )
    return [Section("explanation", "What the model looks at", body)]


def _columns_of(X: Any, subgroups: Any) -> Any:
    """Select columns of ``X`` that are given by name; return arrays of names unchanged."""
    import pandas as pd

    columns = list(getattr(X, "columns", ()))
    if isinstance(subgroups, str) and subgroups in columns:
        subgroups = X[[subgroups]]
    elif isinstance(subgroups, list | tuple) and subgroups and set(subgroups) <= set(columns):
        subgroups = X[list(subgroups)]
    if hasattr(subgroups, "columns") and not hasattr(subgroups, "iloc"):  # of polars
        return pd.DataFrame({name: np.asarray(subgroups[name]) for name in subgroups.columns})
    return subgroups
