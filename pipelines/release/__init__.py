"""What happens to a bundle after DVC: registered, proved as a service, compared with the champion, promoted."""

from __future__ import annotations

from pipelines.release.promotion import Plan, plan, promote, rollback
from pipelines.release.releasing import ReleaseResult, release

__all__ = ["Plan", "ReleaseResult", "plan", "promote", "release", "rollback"]
