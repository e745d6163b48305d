"""What is wrong with a collection of X-rays, before anything is trained on it."""

from skpneumo.audit._audit import audit_images
from skpneumo.audit._report import ImageAudit

__all__ = ["ImageAudit", "audit_images"]
