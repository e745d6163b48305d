"""What tables of figures say of themselves: every sentence, in one place.

A sentence is printed only where it is true. The condition of each stands in the test that lists
them all, and is checked there on cases that do and that do not fulfil it.
"""

__all__ = ["SENTENCES", "notes"]

SENTENCES = {
    "one fit": (
        "Values and intervals are conditional on this fitted model: they describe new patients "
        "like these, not another hospital's, and not what fitting again would change."
    ),
    "two fits": (
        "Values, intervals and tests are conditional on these two fitted models: they describe "
        "new patients like these, not another hospital's, and not what fitting again would "
        "change."
    ),
    "several fits": (
        "Values are means over {n_fits} fits, and intervals are about new patients like these "
        "and about new fits; the standard deviation between fits is sd_between_fits."
    ),
    "several rows": (
        "Each of the {n_rows} figures stands for itself: its interval is meant to miss in "
        "{misses:g} of 100 data sets, and nothing is corrected for looking at several."
    ),
    "calibration error": (
        "The calibration error (ece) is biased upwards, the more the fewer the patients: right "
        "probabilities would have {by_chance:.3f} on average here (ece_by_chance)."
    ),
    "stated prevalence": (
        "Figures at a prevalence of {prevalence:g} take it as known, and recall and specificity "
        "as the same there as in these patients."
    ),
    "withheld": (
        "The input gate would have withheld {n_withheld} of the {n} images, {n_positive} of them "
        "positive. All other figures are of all images, as if it withheld none."
    ),
    "dominant patient": (
        "One patient has {n_images} of the {n} {kind}images: the figures speak of "
        "{n_effective:.1f} patients' worth (n_effective), and the intervals take all images of "
        "a patient as alike."
    ),
    "drops": (
        "A drop is the value of the unaltered images minus that of the altered ones, with a "
        "paired interval: both are the same patients."
    ),
}
"""Templates by name."""


def notes(**known: dict[str, object]) -> list[str]:
    """The sentences that are named, with their numbers filled in.

    A name's underscores stand for spaces.
    """
    return [SENTENCES[name.replace("_", " ")].format(**values) for name, values in known.items()]
