"""What the service process is told, through environment variables: its launcher sets them, its workers read them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipelines.blocks.operations import Service
from pipelines.errors import ConfigError

SERVICE = "NIGHTSHIFT_SERVICE"  # the service block of params.yaml as JSON
BUNDLES = "NIGHTSHIFT_BUNDLES"  # {product: bundle folder} as JSON: serve exactly these, ask no records
LEAN = "NIGHTSHIFT_LEAN"  # 1: refuse imports that the shipped environment does not have
LOG = "NIGHTSHIFT_LOG"  # on: keep a prediction log and follow the keys | off: a service that is only tried out
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Settings:
    """How this service process behaves.

    Attributes:
        service: host, port, workers, limits.
        bundles: product -> folder to serve whatever the records say, or None: serve the champions.
        lean: refuse heavy imports, as in the shipped environment.
        log: answered rows are kept in the prediction log; None: nobody has said (a Bento that was started by itself).
    """

    service: Service
    bundles: Mapping[str, Path] | None
    lean: bool
    log: bool | None = None

    @property
    def asks_for_keys(self) -> bool:
        """Whether a key is asked for even on loopback: by the setting, or since others reach this service too."""
        return self.service.keys == "always" or self.service.host not in LOOPBACK

    def environment(self) -> dict[str, str]:
        """The variables that :func:`read_settings` turns back into this."""
        variables = {SERVICE: self.service.model_dump_json()}
        if self.bundles is not None:
            variables[BUNDLES] = json.dumps({product: str(folder) for product, folder in self.bundles.items()})
        if self.lean:
            variables[LEAN] = "1"
        if self.log is not None:
            variables[LOG] = "on" if self.log else "off"
        return variables


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process; without variables the defaults of ``params.yaml``.

    Raises:
        ConfigError: a variable is not what :meth:`Settings.environment` writes.
    """
    name = SERVICE
    try:
        service = Service.model_validate_json(environment.get(SERVICE) or "{}")
        name = BUNDLES
        given = environment.get(BUNDLES)
        bundles = {str(key): Path(str(value)) for key, value in json.loads(given).items()} if given else None
    except (ValidationError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{name} cannot be read: {str(error).splitlines()[0]}",
            next_step="unset it, or start the service with `nightshift serve`",
        ) from error
    word = environment.get(LOG, "")
    if word not in ("", "on", "off"):
        raise ConfigError(f"{LOG} must be on or off, not {word[:20]!r}", next_step="unset it, or set it to one of both")
    return Settings(service, bundles, environment.get(LEAN) == "1", {"on": True, "off": False}.get(word))
