from ._audit import audit_images
from ._report import ImageAudit

__all__ = [
    "ImageAudit",
    "audit_images",
]
