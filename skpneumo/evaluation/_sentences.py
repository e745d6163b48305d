"""Notes to print below tables: every sentence, in one place.

A sentence is printed only if it applies. A test lists the condition of each, with cases that do
and do not fulfil it.
"""

__all__ = ["SENTENCES", "notes"]

SENTENCES = {
    "one fit": (
        "Values and intervals are conditional on this fitted model: they are about new patients "
        "like these, not those of another hospital, and do not include the variance between fits."
    ),
    "two fits": (
        "Values, intervals and tests are conditional on these two fitted models: they are about "
        "new patients like these, not those of another hospital, and do not include the variance "
        "between fits."
    ),
    "several fits": (
        "Values are means over {n_fits} fits, and intervals are about new patients like these and "
        "new fits; sd_between_fits is the standard deviation between fits."
    ),
    "several rows": (
        "Each of the {n_rows} figures is to be read on its own: its interval misses in {misses:g} "
        "of 100 data sets, and nothing is corrected for looking at several."
    ),
    "calibration error": (
        "The calibration error (ece) is biased upwards, and more so with fewer patients: right "
        "probabilities would have an average of {by_chance:.3f} here (ece_by_chance)."
    ),
    "wrong probabilities": (
        "On average the probabilities are too {direction}: the odds of being positive are "
        "{times} times those predicted (calibration_intercept), so do not read them as risks "
        "here. Calibrate the model on labelled images like these; if only the prevalence differs "
        "from that in training, PriorShiftClassifier corrects them."
    ),
    "stated prevalence": (
        "Metrics at a prevalence of {prevalence:g} assume that it is known, and that recall and "
        "specificity are the same as in these patients."
    ),
    "withheld": (
        "The input gate would have withheld {n_withheld} of the {n} images, {n_positive} of them "
        "positive. All other metrics include all images, as if it withheld none."
    ),
    "dominant patient": (
        "One patient has {n_images} of the {n} {kind}images: the effective number of patients is "
        "{n_effective:.1f} (n_effective), and the intervals assume that all images of a patient "
        "are alike."
    ),
    "drops": (
        "A drop is the value on the unaltered images minus that on the altered ones, with a "
        "paired interval, as both are of the same patients."
    ),
}
"""Sentence templates by name."""


def notes(**known: dict[str, object]) -> list[str]:
    """Write the named sentences with their numbers filled in.

    A name's underscores stand for spaces.
    """
    return [SENTENCES[name.replace("_", " ")].format(**values) for name, values in known.items()]
