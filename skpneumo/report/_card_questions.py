"""What of a model card only a person can write, section by section.

After the model cards of Mitchell et al., and what reviewers of studies of diagnostic accuracy ask
for (CLAIM, TRIPOD+AI).
"""

__all__ = ["QUESTIONS"]

QUESTIONS: dict[str, dict[str, str]] = {
    "Model details": {
        "Developers": "who made this model, and who answers questions about it?",
        "Licence": "under which licence may the model be used, and how is it cited?",
    },
    "Intended use": {
        "Purpose": "what is the model for, at which step of whose work?",
        "Users": "who is to use it, and what must they know?",
        "Out of scope": "which patients, images and decisions is it not for?",
    },
    "Factors": {
        "Groups": "which ages, sexes, machines, views, severities and other diseases may change "
        "the figures, and which of them were not looked at?",
    },
    "Metrics": {
        "Costs": "what does a missed patient cost, what a false alarm, and why is this operating "
        "point right for that?",
    },
    "Training data": {
        "Population": "who are the patients: ages, hospitals, countries, years?",
        "Labels": "who read the images, how many readers, by which criterion, and how far did "
        "they agree?",
        "Consent": "on which legal and ethical ground were the images used?",
    },
    "Evaluation data": {
        "Elsewhere": "was it evaluated at another hospital, and with what result?",
        "Looked at before": "had anybody looked at these images, or chosen by them, before?",
    },
    "Ethical considerations": {
        "Risks": "who can be harmed by its errors, and how are they found out?",
        "Oversight": "which person decides, and what do they see beside the model's answer?",
    },
    "Caveats and recommendations": {
        "Monitoring": "who looks at its figures after it is in use, how often, and who stops it?",
    },
}
