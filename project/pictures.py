"""A picture to show pictures with."""

from typing import Final

SQUARE: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAGAAAAAgCAIAAABiouoDAAAARElEQVR42u3QQQkAAAgEsCtjMmsbxgb+hcESLNXDIQ"
    "oECRIkSJAgQYIQJEiQIEGCBAlCkCBBggQJEiQIQYIECRIk6K8FOeyw8cUMbvIAAAAASUVORK5CYII="
)
